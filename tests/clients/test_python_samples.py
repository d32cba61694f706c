"""What the Python samples of the SDK do that need no host with guests, with the client of PyPI: guide, 2.3.5."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import XenAPI

from tests.clients.conftest import PASSWORD, USER
from tests.daemon import Client, Failure
from tests.http.live import Live

pytestmark = pytest.mark.slow
PATIENCE = 30.0


@contextmanager
def session_of(live: Live, program: str) -> Iterator[Any]:
    """Logged in, and logged out at the end, as every sample does it."""
    session = XenAPI.Session(live.url)
    session.xenapi.login_with_password(USER, PASSWORD, "1.0", program)
    try:
        yield session
    finally:
        session.xenapi.session.logout()
        session("close")()


class Watcher(threading.Thread):
    """A sample that prints events until it is told to end."""

    def __init__(self, sample: Callable[[Any, Callable[[tuple[str, ...]], None]], None], live: Live) -> None:
        super().__init__(daemon=True)
        self._sample = sample
        self._live = live
        self._changed = threading.Condition()
        self.lines: list[tuple[str, ...]] = []
        self.error = ""

    def run(self) -> None:
        try:
            with session_of(self._live, "watch-all-events") as session:
                self._sample(session, self._print)
        except Exception as error:
            self.error = repr(error)

    def _print(self, line: tuple[str, ...]) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def wait_for(self, *wanted: str) -> tuple[str, ...]:
        """The line that ends in these words; waits until it is printed."""

        def found() -> tuple[str, ...] | None:
            return next((line for line in self.lines if line[-len(wanted) :] == wanted), None)

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), (wanted, self.lines[-5:], self.error)
            line = found()
        assert line is not None
        return line


def watch_all_events(session: Any, tell: Callable[[tuple[str, ...]], None]) -> None:
    """As the sample does it today: event_from, spelled with an underscore."""
    token = ""
    while True:
        batch = session.xenapi.event_from(["*"], token, PATIENCE)
        token = batch["token"]
        for event in batch["events"]:
            tell((event["timestamp"], event["id"], event["class"], event["operation"], event["ref"]))
            if event.get("snapshot", {}).get("name_label") == "the end":
                return


def watch_as_in_the_guide(session: Any, tell: Callable[[tuple[str, ...]], None]) -> None:
    """As the guide prints it in 4.1.6: register for everything, then ask for the next ones."""
    session.xenapi.event.register(["*"])
    tell(("registered",))
    while True:
        for event in session.xenapi.event.next():
            name = event["snapshot"].get("name_label", "(unknown)") if "snapshot" in event else "(unknown)"
            tell((event["id"], event["class"], event["operation"], event["ref"]))
            if name == "the end":
                session.xenapi.event.unregister(["*"])
                return


NETWORK = {"name_description": "", "other_config": {}}


def network(client: Client, label: str) -> str:
    return str(client.call("network.create", {"name_label": label, **NETWORK}))


def a_story(live: Live, watcher: Watcher) -> tuple[list[int], int]:
    """A network comes, changes and goes, each once the sample has told of the last. The ids it told them under."""
    client = live.daemon.client()
    ref = network(client, "watched")
    added = watcher.wait_for("network", "add", ref)
    client.call("network.set_name_label", ref, "watched still")
    changed = watcher.wait_for("network", "mod", ref)
    client.call("network.destroy", ref)
    gone = watcher.wait_for("network", "del", ref)
    last = network(client, "the end")
    watcher.join(PATIENCE)
    client.call("network.destroy", last)
    client.close()
    assert not watcher.is_alive() and watcher.error == ""
    place = -4
    return [int(line[place]) for line in (added, changed, gone)], len(watcher.lines)


def test_watch_all_events_tells_of_all_there_is_and_of_all_that_happens(live: Live) -> None:
    watcher = Watcher(watch_all_events, live)
    watcher.start()
    for cls, ref in (("vm", live.vm), ("pool", live.pool), ("network", live.network)):
        watcher.wait_for(cls, "add", ref)

    ids, _ = a_story(live, watcher)

    assert ids == sorted(set(ids))
    assert {line[0] for line in watcher.lines} == {"0.0"}


def test_the_loop_of_the_guide_tells_of_all_that_happens(live: Live) -> None:
    watcher = Watcher(watch_as_in_the_guide, live)
    watcher.start()
    watcher.wait_for("registered")

    ids, _ = a_story(live, watcher)

    assert ids == sorted(set(ids))


# --- vm_start_async -----------------------------------------------------------------------------------------------


@pytest.fixture
def machine(live: Live) -> Iterator[str]:
    """A machine that is off."""
    client = live.daemon.client()
    (template,) = client.call("VM.get_by_name_label", "Other install media")
    vm = str(client.call("VM.clone", template, "started by the sample"))
    client.call("VM.provision", vm)
    yield vm
    if client.call("VM.get_power_state", vm) != "Halted":
        client.call("VM.hard_shutdown", vm)
    client.call("VM.destroy", vm)
    client.close()


def first_to_start(session: Any) -> str:
    """The sample takes the first machine that is off."""
    records = session.xenapi.VM.get_all_records()
    return next(ref for ref, each in records.items() if not each["is_a_template"] and each["power_state"] == "Halted")


def start_async(session: Any, vm: str) -> dict[str, Any]:
    """Starts in the background, looks at the task until it is no longer pending, and removes it."""
    task = session.xenapi.Async.VM.start(vm, False, False)
    record: dict[str, Any] = session.xenapi.task.get_record(task)
    deadline = time.monotonic() + PATIENCE
    while record["status"] == "pending":
        assert 0.0 <= record["progress"] <= 1.0 and time.monotonic() < deadline
        time.sleep(0.02)
        record = session.xenapi.task.get_record(task)
    session.xenapi.task.destroy(task)
    with pytest.raises(XenAPI.Failure) as gone:
        session.xenapi.task.get_record(task)
    assert gone.value.details == ["HANDLE_INVALID", "task", task]
    return record


def test_vm_start_async_starts_a_machine_and_sees_its_task_succeed(live: Live, machine: str) -> None:
    with session_of(live, "vm_start_async") as session:
        vm = first_to_start(session)

        record = start_async(session, vm)

        assert (record["status"], record["progress"], record["error_info"]) == ("success", 1.0, [])
        assert record["result"] in ("", "<value></value>")
        assert session.xenapi.VM.get_power_state(vm) == "Running"


def test_vm_start_async_sees_why_its_task_failed(live: Live, machine: str) -> None:
    with session_of(live, "vm_start_async") as session:
        start_async(session, machine)

        record = start_async(session, machine)

        assert record["status"] == "failure"
        assert record["error_info"] == ["VM_BAD_POWER_STATE", machine, "halted", "running"]


def test_a_sample_that_logs_out_leaves_no_session_behind(live: Live) -> None:
    with session_of(live, "leaves nothing") as session:
        handle = session.handle
        assert session.xenapi.session.get_record(handle)["originator"] == "leaves nothing"
    client = live.daemon.client()

    with pytest.raises(Failure) as error:
        client.raw("session.get_this_host", handle, handle)

    assert error.value.args == ("SESSION_INVALID", handle)
    client.close()

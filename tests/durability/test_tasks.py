"""What becomes of tasks that are under way when the daemon is killed, and of what they had done."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client, Daemon, UnixConnection
from tests.sim_apart import SimApart
from xapid.backends.faults import DELAYS

pytestmark = pytest.mark.slow

FOR_EVER = {DELAYS: "start=3600"}
"""Starts of machines do not come to an end."""
MIB = 1024 * 1024


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon, not started yet, whose disks are files."""
    daemon = SimApart(tmp_path, real_files=True)
    yield daemon
    daemon.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the repository."""
    return tmp_path / "disks"


def machine(client: Client, folder: Path) -> str:
    """A machine that is off, with a disk in a directory."""
    (host,) = client.call("host.get_all")
    location = {"location": str(folder)}
    sr = client.call("SR.create", host, location, "0", "disks", "", "file", "user", False, {})
    disk = {"name_label": "disk", "SR": sr, "virtual_size": str(8 * MIB), "type": "user", "sharable": False}
    vdi = client.call("VDI.create", {**disk, "read_only": False, "other_config": {}})
    (template,) = client.call("VM.get_by_name_label", "Other install media")
    vm = str(client.call("VM.clone", template, "held"))
    client.call("VM.provision", vm)
    drive = {"VM": vm, "VDI": vdi, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False}
    rest: dict[str, Any] = {"other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}
    client.call("VBD.create", {**drive, **rest})
    return vm


def leases(folder: Path) -> list[Path]:
    return list(folder.glob("*.lease"))


def watch(client: Client, classes: list[str], token: str, found: Callable[[list[Any]], bool]) -> str:
    """Follow events until they tell what is looked for. Returns the token after them."""
    while True:
        batch = client.call("event.from", classes, token, 30.0)
        assert batch["events"], "no event tells of it"
        token = batch["token"]
        if found(batch["events"]):
            return str(token)


def test_a_task_under_way_has_failed_after_kill_9_with_a_reason_an_event_and_its_undo(
    daemon: Daemon, folder: Path
) -> None:
    daemon.start(environment=FOR_EVER)
    with closing(daemon.client()) as client:
        vm = machine(client, folder)
        token = client.call("event.from", ["task", "VM"], "", 0.0)["token"]
        task = client.call("Async.VM.start", vm, False, False)
        token = watch(client, ["task", "VM"], token, lambda events: task in [each["ref"] for each in events])
        while not leases(folder):
            assert client.call("task.get_status", task) == "pending"

    daemon.kill()
    daemon.start()

    with closing(daemon.client()) as client:
        told = {}

        def ended(events: list[Any]) -> bool:
            told.update({each["ref"]: each["snapshot"] for each in events})
            return told.get(task, {}).get("status") == "failure"

        watch(client, ["task", "VM"], token, ended)
        code, reason = told[task]["error_info"]
        assert (code, told[task]["progress"]) == ("INTERNAL_ERROR", 1.0)
        assert "toolstack stopped" in reason
        assert leases(folder) == []
        record = client.call("VM.get_record", vm)
        assert (record["power_state"], record["current_operations"]) == ("Halted", {})
        client.call("VM.start", vm, False, False)
        assert len(leases(folder)) == 1


def test_no_task_is_pending_after_kill_9(daemon: Daemon, folder: Path) -> None:
    daemon.start(environment=FOR_EVER)
    with closing(daemon.client()) as client:
        vm = machine(client, folder)
        others = client.call("task.create", "a client's own", "")
        started = client.call("Async.VM.start", vm, False, False)
        while "start" not in client.call("VM.get_current_operations", vm).values():
            assert client.call("task.get_status", started) == "pending"
        waiting = [client.call("Async.VM.start", vm, False, False), client.call("Async.VM.clone", vm, "of it")]
        assert {client.call("task.get_status", each) for each in (others, started, *waiting)} == {"pending"}

    daemon.kill()
    daemon.start()

    with closing(daemon.client()) as client:
        tasks = client.call("task.get_all_records")
        assert {tasks[each]["status"] for each in (others, started, *waiting)} == {"failure"}
        assert all(task["error_info"] for task in tasks.values())
        assert client.call("VM.get_by_name_label", "of it") == []


def test_the_task_of_a_call_that_nobody_can_wait_for_any_more_is_gone_after_kill_9(
    daemon: Daemon, folder: Path
) -> None:
    daemon.start(environment=FOR_EVER)
    with closing(daemon.client()) as client, closing(UnixConnection(str(daemon.socket))) as caller:
        vm = machine(client, folder)
        known = set(client.call("task.get_all"))
        caller.request("POST", "/RPC2", xmlrpc.client.dumps((client.session, vm, False, False), "VM.start"))
        while not (tasks := set(client.call("task.get_all")) - known):
            assert client.call("VM.get_power_state", vm) == "Halted"

    daemon.kill()
    daemon.start()

    with closing(daemon.client()) as client:
        assert tasks.isdisjoint(client.call("task.get_all"))

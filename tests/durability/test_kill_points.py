"""kill -9 before and after every driver call and every commit of an operation, on QEMU: the records are true then.

The places are numbered, not hit by chance: an operation is begun again and again, each time with the daemon dying one
step later, until it gets to its end. They are many: a run tries the first two and a tenth of the others, which changes
from run to run, and with XAPID_ALL_KILL_POINTS=1 each of them.
"""

from __future__ import annotations

import itertools
import os
import random
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client
from tests.durability.killed_operations import PENDING, Killed, carry_out
from tests.forked_daemon import ForkedQemuDaemon
from tests.own_network import own_network
from tests.qemu_daemon import QemuDaemon, new_guest, started_on_qemu

pytestmark = [pytest.mark.libvirt, pytest.mark.root, pytest.mark.slow]

ALL = bool(os.environ.get("XAPID_ALL_KILL_POINTS"))
NOT_COUNTED = re.compile(
    r"xapid\.db.*|audit\.log.*|ballast|lock|certificate\.pem|libvirt/(cache|log|etc)/.*|.*/(autostarted|driver\.pid)|.*/qmp-\w+/.*"
)
"""Files of the state directory that come and go on other grounds."""
NAMES = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{1,12})+|(?<=-)\d+(?=-)")

Things = Counter[str]
"""What there is, each kind of thing with its number."""


HALFWAY = "3+"
"""Of the calls to drivers that a start and a snapshot make: something is there by then that must go again."""


@pytest.fixture
def daemon() -> Iterator[QemuDaemon]:
    with own_network() as within, started_on_qemu(ForkedQemuDaemon, within) as daemon:
        yield daemon


class Operation(ABC):
    """One that is done to a guest, and how the guest is made ready for it and gets rid of it."""

    message: str
    extra: tuple[Any, ...] = ()

    @abstractmethod
    def prepare(self, client: Client) -> str:
        """A guest to which it can be done."""

    @abstractmethod
    def happened(self, client: Client, vm: str) -> bool:
        """Whether the records say that it was done."""

    def __str__(self) -> str:
        return self.message

    def clear(self, client: Client, vm: str) -> None:
        """Remove the guest, its snapshots and its disks."""
        record = client.call("VM.get_record", vm)
        for snapshot in record["snapshots"]:
            self.clear(client, snapshot)
        disks = [client.call("VBD.get_VDI", vbd) for vbd in record["VBDs"]]
        if record["power_state"] != "Halted":
            client.call("VM.hard_shutdown", vm)
        client.call("VM.destroy", vm)
        for disk in disks:
            client.call("VDI.destroy", disk)


class Start(Operation):
    message, extra = "VM.start", (False, False)

    def prepare(self, client: Client) -> str:
        return new_guest(client, "to be started")

    def happened(self, client: Client, vm: str) -> bool:
        return state(client, vm) == "Running"


class Suspend(Operation):
    message = "VM.suspend"

    def prepare(self, client: Client) -> str:
        vm = new_guest(client, "to be suspended")
        client.call("VM.start", vm, False, False)
        return vm

    def happened(self, client: Client, vm: str) -> bool:
        return state(client, vm) == "Suspended"


class Snapshot(Operation):
    message, extra = "VM.snapshot", ("snapshot",)

    def prepare(self, client: Client) -> str:
        vm = new_guest(client, "to be snapshotted")
        client.call("VM.start", vm, False, False)
        return vm

    def happened(self, client: Client, vm: str) -> bool:
        return bool(client.call("VM.get_snapshots", vm))


class Provision(Operation):
    message = "VM.provision"

    def prepare(self, client: Client) -> str:
        (template,) = client.call("VM.get_by_name_label", "xapid demo guest")
        return str(client.call("VM.clone", template, "to be provisioned"))

    def happened(self, client: Client, vm: str) -> bool:
        return bool(client.call("VM.get_VBDs", vm))


def state(client: Client, vm: str) -> str:
    return str(client.call("VM.get_power_state", vm))


def things(daemon: QemuDaemon) -> Things:
    """QEMU processes, network interfaces and files."""
    folder = daemon.directory / "state"
    # Folders of sockets come and go while one looks, which os.walk bears.
    files = [str(Path(above, name).relative_to(folder)) for above, _, names in os.walk(folder) for name in names]
    return Counter(
        [
            *("guest" for _ in daemon.guests),
            *(f"link {each}" for each in daemon.links),
            *("bounds" for _ in range(daemon.bounds)),
            *(NAMES.sub("*", each) for each in files if not NOT_COUNTED.fullmatch(each)),
        ]
    )


def change(before: Things, after: Things) -> dict[str, int]:
    return {name: after[name] - before[name] for name in before | after if after[name] != before[name]}


def untruths(client: Client, daemon: QemuDaemon, vm: str) -> list[str]:
    """What is recorded otherwise than it is, and tasks that never end."""
    tasks = client.call("task.get_all_records").values()
    found = [f"{task['name_label']} is {task['status']}" for task in tasks if task["status"] in PENDING]
    found += [f"{task['name_label']} failed without a reason" for task in tasks if unexplained(task)]
    record = client.call("VM.get_record", vm)
    runs = record["power_state"] in ("Running", "Paused")
    if len(daemon.guests) != runs:
        found.append(f"{len(daemon.guests)} guests are there, and it is {record['power_state']}")
    attached = record["power_state"] != "Halted"
    for cls in ("VBD", "VIF"):
        for device in client.call(f"{cls}.get_all_records").values():
            if device["VM"] == vm and device["currently_attached"] != attached:
                found.append(f"a {cls} is {'not ' * attached}attached")
    for cls in ("VM", "VBD", "VIF", "VDI", "SR"):
        for row in client.call(f"{cls}.get_all_records").values():
            found += [f"a {cls} is busy with {operation}" for operation in row["current_operations"].values()]
    return found


def unexplained(task: dict[str, Any]) -> bool:
    return task["status"] == "failure" and not task["error_info"]


@pytest.mark.parametrize("setting", ["XAPID_KILL_AT_CALL", "XAPID_KILL_AT_BATCH"])
@pytest.mark.parametrize("operation", [Start(), Suspend(), Snapshot(), Provision()], ids=str)
def test_whenever_the_daemon_dies_the_records_are_true_and_nothing_is_left_over(
    daemon: QemuDaemon, operation: Operation, setting: str, tmp_path: Path
) -> None:
    kill_at = tmp_path / "kill at"
    done = whole(daemon, operation)
    daemon.stop()
    daemon.start(environment={setting: str(kill_at)})
    outcomes: list[tuple[str, bool]] = []

    for place in some(places()):
        with closing(daemon.client()) as client:
            vm = operation.prepare(client)
            before = things(daemon)
            kill_at.write_text(place)
            try:
                status = carry_out(daemon, client, operation.message, vm, *operation.extra)
            except Killed:
                status = ""
            kill_at.unlink()
        if status:
            assert status == "success"
            break
        daemon.start(environment={setting: str(kill_at)})

        happened = all_or_nothing(daemon, operation, vm, before, done, place)
        outcomes.append((place, happened))

    assert len(outcomes) >= 2, outcomes
    assert not outcomes[0][1]


@pytest.mark.parametrize(
    "operation, setting",
    # The other pair takes minutes, and showed the same.
    [
        (Start(), "XAPID_KILL_AT_BATCH"),
        *([(Start(), "XAPID_KILL_AT_CALL"), (Snapshot(), "XAPID_KILL_AT_BATCH")] if ALL else []),
    ],
    ids=str,
)
def test_a_daemon_that_dies_again_while_it_takes_back_is_followed_by_one_that_ends_it(
    daemon: QemuDaemon, operation: Operation, setting: str, tmp_path: Path
) -> None:
    kill_at = tmp_path / "kill at"
    done = whole(daemon, operation)
    daemon.stop()
    deaths = 0

    for place in some(f"{number}+" for number in itertools.count(1)):
        daemon.start(environment={"XAPID_KILL_AT_CALL": str(kill_at)})
        with closing(daemon.client()) as client:
            vm = operation.prepare(client)
            before = things(daemon)
            kill_at.write_text(HALFWAY)
            with pytest.raises(Killed):
                carry_out(daemon, client, operation.message, vm, *operation.extra)
        kill_at.write_text(place)
        lived = survives(daemon, {setting: str(kill_at)})
        kill_at.unlink()
        if not lived:
            deaths += 1
            daemon.start()

        all_or_nothing(daemon, operation, vm, before, done, place)
        daemon.kill()
        if lived:
            break

    assert deaths >= 2


def all_or_nothing(
    daemon: QemuDaemon, operation: Operation, vm: str, before: Things, done: dict[str, int], place: str
) -> bool:
    """Whether it was done: then all that it brings is there, and otherwise nothing of it. Removes the guest."""
    with closing(daemon.client()) as client:
        assert untruths(client, daemon, vm) == [], place
        happened = operation.happened(client, vm)
        assert change(before, things(daemon)) == (done if happened else {}), place
        operation.clear(client, vm)
    return happened


def survives(daemon: QemuDaemon, environment: dict[str, str]) -> bool:
    """Start it, and say whether it lives to answer."""
    try:
        daemon.start(environment=environment)
    except RuntimeError:
        return False
    return True


def places() -> Iterator[str]:
    """Before the first step, after it, before the second, and so on."""
    number = 1
    while True:
        yield f"{number}"
        yield f"{number}+"
        number += 1


def some(places: Iterator[str]) -> Iterator[str]:
    """The first two, and each tenth of the others; a failure names its place."""
    yield from itertools.islice(places, 2)
    yield from places if ALL else itertools.islice(places, random.randrange(10), None, 10)


def whole(daemon: QemuDaemon, operation: Operation) -> dict[str, int]:
    """What there is more, and less, once it has been done without a disturbance."""
    with closing(daemon.client()) as client:
        vm = operation.prepare(client)
        before = things(daemon)
        assert carry_out(daemon, client, operation.message, vm, *operation.extra) == "success"
        found = change(before, things(daemon))
        operation.clear(client, vm)
    return found

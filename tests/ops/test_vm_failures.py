"""What is left behind when a driver fails in the middle of what a machine was asked to do: nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.machines import Workshop
from xapid.backends.interface import Failed
from xapid.datamodel.errors import ApiError

FORGETFUL = frozenset({"task", "session", "message"})
"""Classes whose rows come and go with calls."""
# A guest that was resumed for a moment began a moment ago.
OF_THE_CLOCK = frozenset({"last_updated", "start_time"})


@dataclass(frozen=True)
class Yard:
    """A machine with two disks, a CD drive and an interface on a network of its own."""

    workshop: Workshop
    sr: str
    vm: str

    @property
    def call(self) -> Any:
        return self.workshop.xapi.VM

    async def make(self, state: str) -> None:
        """Bring the machine into a power state."""
        if state in ("Running", "Paused", "Suspended"):
            await self.call.start(self.vm, state == "Paused", False)
        if state == "Suspended":
            await self.call.suspend(self.vm)

    def everything(self) -> dict[str, Any]:
        """All that there is: every field of every row but times, and what the simulators hold."""
        workshop = self.workshop
        rows = {
            ref: {
                name: value
                for name, value in row.__dict__.items()
                if not name.startswith("_") and name not in OF_THE_CLOCK
            }
            for name, table in workshop.fresh.store.tables.items()
            if name not in FORGETFUL
            for ref, row in table.rows.items()
        }
        return rows | self.behind()

    def behind(self) -> dict[str, Any]:
        """What the simulators hold."""
        workshop = self.workshop
        domains = {each.uuid: (each.state, each.disks, each.nics) for each in workshop.domains.domains()}
        return {
            "domains": domains,
            "bridges": workshop.bridges(),
            "volumes": workshop.volumes(self.sr),
            "leases": workshop.leases(self.sr),
        }


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What differs between two looks at everything, each with what it was and what it is."""
    found: dict[str, Any] = {}
    for key in before.keys() | after.keys():
        was, is_ = before.get(key), after.get(key)
        if was != is_ and isinstance(was, dict) and isinstance(is_, dict):
            found |= {f"{key} {name}": (was.get(name), is_.get(name)) for name in was if was.get(name) != is_.get(name)}
        elif was != is_:
            found[key] = (was, is_)
    return found


@pytest.fixture
async def yard(workshop: Workshop) -> Yard:
    sr = await workshop.sr()
    vm = await workshop.vm()
    await workshop.xapi.VM.set_suspend_SR(vm, sr)
    for _ in range(2):
        await workshop.drive(vm, await workshop.disk(sr))
    await workshop.drive(vm)
    await workshop.nic(vm, await workshop.network())
    return Yard(workshop, sr, vm)


@dataclass(frozen=True)
class Deed:
    """Something that a machine is asked for, from a power state on."""

    name: str
    state: str
    call: Callable[[Yard], Awaitable[Any]]


START = Deed("start", "Halted", lambda yard: yard.call.start(yard.vm, False, False))
SUSPEND = Deed("suspend", "Running", lambda yard: yard.call.suspend(yard.vm))
RESUME = Deed("resume", "Suspended", lambda yard: yard.call.resume(yard.vm, False, False))
SNAPSHOT = Deed("snapshot", "Halted", lambda yard: yard.call.snapshot(yard.vm, "s", []))
SNAPSHOT_RUNNING = Deed("snapshot", "Running", lambda yard: yard.call.snapshot(yard.vm, "s", []))
CLONE = Deed("clone", "Halted", lambda yard: yard.call.clone(yard.vm, "c"))
COPY = Deed("copy", "Halted", lambda yard: yard.call.copy(yard.vm, "c", ""))
CHECKPOINT = Deed("checkpoint", "Running", lambda yard: yard.call.checkpoint(yard.vm, "c"))
PAUSE = Deed("pause", "Running", lambda yard: yard.call.pause(yard.vm))
UNPAUSE = Deed("unpause", "Paused", lambda yard: yard.call.unpause(yard.vm))
SHUTDOWN = Deed("hard_shutdown", "Running", lambda yard: yard.call.hard_shutdown(yard.vm))

NO_TRACE = [
    (START, "storage:file", "attach", 0),
    (START, "storage:file", "attach", 1),
    (START, "network", "ensure_bridge", 0),
    (START, "domain", "start", 0),
    (SUSPEND, "storage:file", "create", 0),
    (SUSPEND, "storage:file", "attach", 0),
    (SUSPEND, "domain", "suspend", 0),
    (RESUME, "storage:file", "attach", 0),
    (RESUME, "storage:file", "attach", 1),
    (RESUME, "storage:file", "attach", 2),
    (RESUME, "network", "ensure_bridge", 0),
    (RESUME, "domain", "resume", 0),
    (RESUME, "domain", "unpause", 0),
    (SNAPSHOT, "storage:file", "snapshot", 0),
    (SNAPSHOT, "storage:file", "snapshot", 1),
    (SNAPSHOT_RUNNING, "storage:file", "snapshot", 0),
    (SNAPSHOT_RUNNING, "storage:file", "snapshot", 1),
    (SNAPSHOT_RUNNING, "storage:file", "attach", 0),
    (SNAPSHOT_RUNNING, "storage:file", "attach", 1),
    (SNAPSHOT_RUNNING, "datapath", "switch", 0),
    (CLONE, "storage:file", "clone", 0),
    (CLONE, "storage:file", "clone", 1),
    (COPY, "storage:file", "copy", 0),
    (COPY, "storage:file", "copy", 1),
    (PAUSE, "domain", "pause", 0),
    (UNPAUSE, "domain", "unpause", 0),
    (SHUTDOWN, "domain", "destroy", 0),
]
"""A call of a driver that fails, as the nth of its kind, after which all is as it was before."""


def described(value: Any) -> str:
    return f"{value.name}-{value.state}" if isinstance(value, Deed) else str(value)


@pytest.mark.parametrize("deed, kind, method, nth", NO_TRACE, ids=described)
async def test_when_a_driver_refuses_all_is_as_before(yard: Yard, deed: Deed, kind: str, method: str, nth: int) -> None:
    await yard.make(deed.state)
    before = yard.everything()
    yard.workshop.faults(kind).fail(method, Failed("not now"), skip=nth)

    with pytest.raises(ApiError):
        await deed.call(yard)

    assert changed(before, yard.everything()) == {}
    await deed.call(yard)


TAKEN_BACK = [
    each for each in NO_TRACE if each[0] not in (PAUSE, UNPAUSE, SHUTDOWN) and each[2] not in ("suspend", "unpause")
]
"""Of a guest that sleeps, or goes on, nothing can be taken back: see below."""


@pytest.mark.parametrize("deed, kind, method, nth", TAKEN_BACK, ids=described)
async def test_what_a_driver_did_before_it_failed_is_taken_back(
    yard: Yard, deed: Deed, kind: str, method: str, nth: int
) -> None:
    await yard.make(deed.state)
    before = yard.everything()
    yard.workshop.faults(kind).fail(method, Failed("done, but not well"), skip=nth, done=True)

    with pytest.raises(ApiError):
        await deed.call(yard)

    assert changed(before, yard.everything()) == {}
    await deed.call(yard)


async def test_a_machine_that_did_fall_asleep_is_suspended(yard: Yard) -> None:
    await yard.make("Running")
    yard.workshop.faults("domain").fail("suspend", Failed("the connection broke"), done=True)

    await yard.call.suspend(yard.vm)

    assert await yard.call.get_power_state(yard.vm) == "Suspended"
    await yard.call.resume(yard.vm, False, False)


async def test_a_machine_that_did_wake_up_is_awake(yard: Yard) -> None:
    await yard.make("Suspended")
    image = await yard.call.get_suspend_VDI(yard.vm)
    yard.workshop.faults("domain").fail("unpause", Failed("the connection broke"), done=True)

    await yard.call.resume(yard.vm, False, False)

    assert await yard.call.get_power_state(yard.vm) == "Running"
    assert not yard.workshop.is_there(image)

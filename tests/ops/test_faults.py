"""Faults of the life of a machine: one winner, the exact error, nothing half done.

| Fault | Tested in |
|---|---|
| start twice at once; start and destroy; snapshot and migrate; destroy while plugging | here, test_vm_races |
| a driver refuses, or fails after its work, at every step of every operation | test_vm_failures |
| disk, kernel or bridge missing; QEMU that dies at once; no tap; no space | test_refusals_on_qemu, backends/domain |
| no memory, no processor | rules/test_placement, rules/test_vcpus |
| the agent stopped for a minute, its end, the daemon's end with it | durability/test_agent_stopped, test_kill_points |
| kill -9 of the daemon at every commit and call of a driver | durability/test_kill_points, test_kill |
| QEMU killed; a domain gone without a word; a crash, by each setting | observe/test_domains, test_ends_on_qemu |
| a database that does not know what runs | observe/test_strays_on_qemu, test_findings |
| a guest that ignores shutdown | test_host_going_down, cli/test_guests, observe/test_domains |
| what firmware and TPM keep, half written, lost or nobody's | test_vm_keeping, backends/domain/test_belongings |
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.machines import Workshop
from xapid.datamodel.errors import ApiError


async def both(workshop: Workshop, *calls: tuple[Any, ...]) -> list[str | None]:
    """What calls that begin at once come to: None, or the code of the error."""
    done = await asyncio.gather(*(workshop.xapi.call(*call) for call in calls), return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException) and not isinstance(each, ApiError):
            raise each
    await workshop.until(workshop.idle)
    return [each.description[0] if isinstance(each, ApiError) else None for each in done]


@pytest.fixture
async def vm(workshop: Workshop, sr: str) -> str:
    vm = await workshop.vm()
    await workshop.drive(vm, await workshop.disk(sr))
    await workshop.nic(vm, await workshop.network())
    return vm


async def test_of_two_starts_at_once_one_wins(workshop: Workshop, sr: str, vm: str) -> None:
    workshop.faults("domain").delay("start", 0.02)

    outcomes = await both(workshop, *[("VM.start", vm, False, False)] * 2)

    assert sorted(outcomes, key=str) == [None, "VM_BAD_POWER_STATE"]
    assert len(workshop.domains.domains()) == 1
    assert len(workshop.leases(sr)) == 1


@pytest.mark.parametrize("first", ["start", "destroy"])
async def test_a_machine_that_is_started_and_destroyed_at_once_runs_or_is_gone(
    workshop: Workshop, sr: str, vm: str, first: str
) -> None:
    workshop.faults("domain").delay("start", 0.02)
    uuid, calls = workshop.row(vm).uuid, [("VM.start", vm, False, False), ("VM.destroy", vm)]

    outcomes = await both(workshop, *(calls if first == "start" else reversed(calls)))

    runs = workshop.domains.find(uuid) is not None
    assert outcomes.count(None) == 1
    assert workshop.is_there(vm) == runs
    assert len(workshop.leases(sr)) == (1 if runs else 0)
    assert bool(workshop.bridges()) == runs


async def test_a_machine_that_is_destroyed_while_a_disk_is_plugged_stays_whole(
    workshop: Workshop, sr: str, vm: str
) -> None:
    await workshop.started(vm)
    vbd = await workshop.drive(vm, await workshop.disk(sr))
    workshop.faults("domain").delay("attach_disk", 0.02)

    outcomes = await both(workshop, ("VBD.plug", vbd), ("VM.destroy", vm))

    assert outcomes == [None, "VM_BAD_POWER_STATE"]
    assert workshop.row(vbd).currently_attached
    assert len(workshop.leases(sr)) == 2


async def test_a_machine_that_is_switched_off_while_a_disk_is_plugged_holds_none(
    workshop: Workshop, sr: str, vm: str
) -> None:
    await workshop.started(vm)
    vbd = await workshop.drive(vm, await workshop.disk(sr))
    workshop.faults("domain").delay("attach_disk", 0.02)

    outcomes = await both(workshop, ("VBD.plug", vbd), ("VM.hard_shutdown", vm))

    assert outcomes[1] is None
    assert workshop.leases(sr) == {}
    assert not workshop.row(vbd).currently_attached
    assert workshop.bridges() == set()


async def test_a_snapshot_and_a_migration_at_once_leave_the_machine_running(
    workshop: Workshop, sr: str, vm: str, host: str
) -> None:
    await workshop.xapi.VM.set_suspend_SR(vm, sr)
    await workshop.started(vm)
    workshop.faults("datapath").delay("snapshot", 0.02)

    outcomes = await both(
        workshop, ("VM.snapshot", vm, "s", []), ("VM.pool_migrate", vm, host, {}), ("VM.snapshot", vm, "t", [])
    )

    assert None in outcomes
    assert set(outcomes) <= {None, "OTHER_OPERATION_IN_PROGRESS"}
    row = workshop.row(vm)
    assert (row.power_state, row.resident_on) == ("Running", host)
    snapshots = [each for each in workshop.fresh.store.tables["VM"].rows.values() if each.__dict__["snapshot_of"] == vm]
    assert len(snapshots) == [outcomes[0], outcomes[2]].count(None)
    assert len(workshop.leases(sr)) == 1

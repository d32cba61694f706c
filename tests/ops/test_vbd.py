"""Drives of machines: made, plugged in, taken out, and destroyed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.machines import NULL, Workshop, in_use, raises_api
from tests.xapi import Xapi
from xapid.backends.interface import Busy, Failed, InUse
from xapid.datamodel import VBD, VBD_metrics
from xapid.datamodel.errors import (
    DEVICE_ALREADY_ATTACHED,
    DEVICE_ALREADY_DETACHED,
    DEVICE_ALREADY_EXISTS,
    DEVICE_DETACH_REJECTED,
    DISK_VBD_MUST_BE_READWRITE_FOR_HVM,
    HANDLE_INVALID,
    INTERNAL_ERROR,
    INVALID_DEVICE,
    NOT_IMPLEMENTED,
    OPERATION_NOT_ALLOWED,
    OTHER_OPERATION_IN_PROGRESS,
    SR_OPERATION_NOT_SUPPORTED,
    VBD_CDS_MUST_BE_READONLY,
    VBD_NOT_REMOVABLE_MEDIA,
    VBD_NOT_UNPLUGGABLE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_READONLY,
    VM_BAD_POWER_STATE,
    VM_MISSING_PV_DRIVERS,
    ApiError,
)
from xapid.datamodel.vm import VmOperations, VmPowerState


def held(workshop: Workshop, sr: str) -> dict[str, str]:
    """Who writes what: references of disks and of the drives that hold them open."""
    uuids = workshop.fresh.store.uuids
    return {uuids[vdi]: uuids[vbd] for vdi, vbd in workshop.leases(sr).items()}


# --- Coming and going --------------------------------------------------------------------------------


async def test_a_drive_gets_the_first_free_place_and_metrics(workshop: Workshop, vm: str, vdi: str, sr: str) -> None:
    await workshop.drive(vm, vdi, userdevice="0")

    vbd = await workshop.drive(vm, await workshop.disk(sr))

    row = workshop.row(vbd)
    assert (row.userdevice, row.device, row.currently_attached, row.empty) == ("1", "", False, False)
    assert workshop.is_there(row.metrics)
    assert await workshop.xapi.VM.get_VBDs(vm) == [other.ref for other in workshop.fresh.store.all(VBD)]
    assert await workshop.xapi.VDI.get_VBDs(vdi) != []


@pytest.mark.parametrize(
    "fields, error, arguments",
    [
        ({"VDI": NULL, "empty": False}, HANDLE_INVALID, ("VDI", NULL)),
        ({"type": "CD"}, VBD_CDS_MUST_BE_READONLY, ()),
        ({"empty": True}, VBD_NOT_REMOVABLE_MEDIA, ("in constructor",)),
        ({"userdevice": "zz"}, INVALID_DEVICE, ("zz",)),
        ({"userdevice": ""}, INVALID_DEVICE, ("",)),
    ],
)
async def test_a_drive_that_makes_no_sense_is_not_made(
    workshop: Workshop, vm: str, vdi: str, fields: dict[str, Any], error: type[ApiError], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(error) as raised:
        await workshop.drive(vm, vdi, **fields)

    assert raised.value.args == arguments
    assert list(workshop.fresh.store.all(VBD)) == list(workshop.fresh.store.all(VBD_metrics)) == []


async def test_a_place_is_taken_once(workshop: Workshop, vm: str, vdi: str) -> None:
    await workshop.drive(vm, vdi, userdevice="0")

    with pytest.raises(DEVICE_ALREADY_EXISTS) as error:
        await workshop.drive(vm, vdi, userdevice="xvda")

    assert error.value.args == ("xvda",)


async def test_a_disk_that_is_only_read_is_not_given_for_writing(workshop: Workshop, vm: str, sr: str) -> None:
    vdi = await workshop.disk(sr, read_only=True)

    with pytest.raises(VDI_READONLY) as error:
        await workshop.drive(vm, vdi)

    assert error.value.args == (vdi,)


async def test_a_disk_of_the_pool_itself_is_no_machines(workshop: Workshop, vm: str, sr: str) -> None:
    vdi = await workshop.disk(sr, type="redo_log")

    with pytest.raises(VDI_INCOMPATIBLE_TYPE) as error:
        await workshop.drive(vm, vdi)

    assert error.value.args == (vdi, "Redo log")


async def test_a_machine_that_moves_gets_no_drive(workshop: Workshop, vm: str, vdi: str) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), current_operations={"task": VmOperations.pool_migrate})

    with pytest.raises(OTHER_OPERATION_IN_PROGRESS) as error:
        await workshop.drive(vm, vdi)

    assert error.value.args == ("VM", vm, "pool_migrate", "task")


async def test_a_paravirtual_machine_has_no_floppy_drive(workshop: Workshop, vdi: str) -> None:
    vm = await workshop.vm(HVM_boot_policy="", PV_bootloader="pygrub")

    with pytest.raises(NOT_IMPLEMENTED):
        await workshop.drive(vm, vdi, type="Floppy", mode="RO", userdevice="fda")


async def test_the_backend_of_a_disk_is_that_of_its_drive(workshop: Workshop, vm: str, sr: str) -> None:
    vdi = await workshop.disk(sr, sm_config={"backend-kind": "vbd3"})

    vbd = await workshop.drive(vm, vdi, other_config={"owner": ""})

    assert await workshop.xapi.VBD.get_other_config(vbd) == {"owner": "", "backend-kind": "vbd3"}


@pytest.mark.parametrize("state, attached", [(VmPowerState.Suspended, True), (VmPowerState.Halted, False)])
async def test_only_of_a_machine_that_sleeps_a_drive_is_attached_at_once(
    workshop: Workshop, vm: str, vdi: str, state: VmPowerState, attached: bool
) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), power_state=state)

    vbd = await workshop.drive(vm, vdi, currently_attached=True, device="xvdq")

    row = workshop.row(vbd)
    assert (row.currently_attached, row.device) == (attached, "xvdq" if attached else "")


async def test_a_drive_goes_with_its_metrics_and_leaves_the_disk(workshop: Workshop, vm: str, vdi: str) -> None:
    vbd = await workshop.drive(vm, vdi)

    await workshop.xapi.VBD.destroy(vbd)

    assert not workshop.is_there(vbd)
    assert list(workshop.fresh.store.all(VBD_metrics)) == []
    assert workshop.is_there(vdi)


async def test_a_drive_in_use_stays(workshop: Workshop, vm: str, vdi: str) -> None:
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VBD.destroy(vbd)

    assert error.value.args == (f"VBD '{workshop.row(vbd).uuid}' still attached to '{workshop.row(vm).uuid}'",)


# --- Plugging ----------------------------------------------------------------------------------------


async def test_a_machine_starts_with_all_its_disks(workshop: Workshop, vm: str, sr: str) -> None:
    disks = [await workshop.disk(sr) for _ in range(3)]
    vbds = [await workshop.drive(vm, disk) for disk in disks]

    await workshop.started(vm)

    rows = [workshop.row(vbd) for vbd in vbds]
    assert [(row.currently_attached, row.device) for row in rows] == [(True, "xvda"), (True, "xvdb"), (True, "xvdc")]
    assert set(workshop.guest(vm).disks) == {row.uuid for row in rows}
    assert held(workshop, sr) == dict(zip(disks, vbds, strict=True))


async def test_a_disk_is_plugged_into_a_running_machine(workshop: Workshop, vm: str, vdi: str, sr: str) -> None:
    await workshop.started(vm)
    vbd = await workshop.drive(vm, vdi, userdevice="5")

    await workshop.xapi.VBD.plug(vbd)

    row = workshop.row(vbd)
    assert (row.currently_attached, row.device) == (True, "xvdf")
    assert workshop.guest(vm).disks[row.uuid] is not None
    assert held(workshop, sr) == {vdi: vbd}
    assert workshop.idle()


async def test_a_plug_is_told_of_by_an_event(workshop: Workshop, vm: str, vdi: str) -> None:
    xapi = workshop.xapi
    await workshop.started(vm)
    vbd = await workshop.drive(vm, vdi)
    token = (await xapi.event.from_(["VBD"], "", 1.0))["token"]

    await xapi.VBD.plug(vbd)

    (event,) = (await xapi.event.from_(["VBD"], token, 1.0))["events"]
    assert (event["operation"], event["ref"]) == ("mod", vbd)
    assert event["snapshot"]["currently_attached"] is True
    assert event["snapshot"]["current_operations"] == {}
    assert "unplug" in event["snapshot"]["allowed_operations"]


@pytest.mark.parametrize("message", ["unplug", "unplug_force", "unplug_force_no_safety_check"])
async def test_a_disk_is_unplugged_and_let_go(workshop: Workshop, vm: str, vdi: str, sr: str, message: str) -> None:
    vbd = await workshop.drive(vm, vdi)
    other = await workshop.drive(vm, await workshop.disk(sr))
    await workshop.started(vm)

    await workshop.xapi.call(f"VBD.{message}", vbd)

    row = workshop.row(vbd)
    assert (row.currently_attached, row.device, row.VDI) == (False, "", vdi)
    assert set(workshop.guest(vm).disks) == {workshop.row(other).uuid}
    assert list(held(workshop, sr).values()) == [other]
    assert workshop.idle()


async def test_what_was_unplugged_can_be_plugged_again_and_destroyed(xapi: Xapi, workshop: Workshop, vdi: str) -> None:
    vm = await workshop.started(await workshop.vm())
    vbd = await workshop.drive(vm, vdi)

    for _ in range(2):
        await xapi.VBD.plug(vbd)
        await xapi.VBD.unplug(vbd)
    await xapi.VBD.plug(vbd)
    await xapi.VBD.unplug_force(vbd)
    await xapi.VBD.plug(vbd)
    await xapi.VBD.unplug_force_no_safety_check(vbd)
    await xapi.VBD.destroy(vbd)

    assert workshop.guest(vm).disks == {}


async def test_what_is_plugged_or_not_is_not_done_twice(workshop: Workshop, vm: str, vdi: str, sr: str) -> None:
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    loose = await workshop.drive(vm, await workshop.disk(sr))

    with pytest.raises(DEVICE_ALREADY_ATTACHED) as attached:
        await workshop.xapi.VBD.plug(vbd)
    with pytest.raises(DEVICE_ALREADY_DETACHED) as detached:
        await workshop.xapi.VBD.unplug(loose)

    assert (attached.value.args, detached.value.args) == ((vbd,), (loose,))


@pytest.mark.parametrize("message", ["plug", "unplug", "unplug_force"])
async def test_a_machine_that_is_off_takes_no_orders(workshop: Workshop, vm: str, vdi: str, message: str) -> None:
    vbd = await workshop.drive(vm, vdi)

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await workshop.xapi.call(f"VBD.{message}", vbd)

    assert error.value.args == (vm, "running", "halted")


async def test_what_shall_stay_is_not_unplugged(workshop: Workshop, vm: str, vdi: str) -> None:
    vbd = await workshop.drive(vm, vdi, unpluggable=False)
    await workshop.started(vm)

    with pytest.raises(VBD_NOT_UNPLUGGABLE) as error:
        await workshop.xapi.VBD.unplug(vbd)

    assert error.value.args == (vbd,)


async def test_a_guest_without_drivers_keeps_what_it_was_started_with(workshop: Workshop, vdi: str, sr: str) -> None:
    vm = await workshop.vm(platform={})
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    other = await workshop.drive(vm, await workshop.disk(sr))

    for message, drive in (("plug", other), ("unplug", vbd), ("unplug_force", vbd)):
        with pytest.raises(VM_MISSING_PV_DRIVERS) as error:
            await workshop.xapi.call(f"VBD.{message}", drive)
        assert error.value.args == (vm,)


async def test_a_cd_drive_is_not_plugged_while_its_machine_runs(workshop: Workshop, vm: str, drive: str) -> None:
    await workshop.started(vm)

    with pytest.raises(OPERATION_NOT_ALLOWED):
        await workshop.xapi.VBD.unplug(drive)


async def test_an_emulated_disk_is_not_plugged_for_reading_only(workshop: Workshop, vm: str, vdi: str, sr: str) -> None:
    await workshop.started(vm)
    vbd = await workshop.drive(vm, vdi, mode="RO")

    with pytest.raises(DISK_VBD_MUST_BE_READWRITE_FOR_HVM) as error:
        await workshop.xapi.VBD.plug(vbd)

    assert error.value.args == (vbd,)
    assert workshop.idle()


async def test_a_disk_that_another_machine_writes_is_not_plugged(workshop: Workshop, vm: str, vdi: str) -> None:
    writer = await workshop.vm()
    await workshop.drive(writer, vdi)
    await workshop.started(writer)
    await workshop.started(vm)
    vbd = await workshop.drive(vm, vdi)

    with in_use(vdi):
        await workshop.xapi.VBD.plug(vbd)
    with in_use(vdi):
        await workshop.xapi.VBD.assert_attachable(vbd)

    assert workshop.guest(vm).disks == {}


async def test_two_machines_do_not_get_a_disk_at_once(workshop: Workshop, vdi: str, sr: str) -> None:
    machines = [await workshop.started(await workshop.vm()) for _ in range(2)]
    vbds = [await workshop.drive(machine, vdi) for machine in machines]
    workshop.faults("storage:file").delay("attach", 0.02)

    outcomes = await asyncio.gather(*map(workshop.xapi.VBD.plug, vbds), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, ApiError)]
    assert len(refused) == 1
    assert len(held(workshop, sr)) == 1
    assert sorted(workshop.row(vbd).currently_attached for vbd in vbds) == [False, True]
    assert workshop.idle()


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
@pytest.mark.parametrize("kind, method", [("storage:file", "attach"), ("domain", "attach_disk")])
async def test_a_plug_that_fails_leaves_nothing_behind(
    workshop: Workshop, vm: str, vdi: str, sr: str, kind: str, method: str, done: bool
) -> None:
    await workshop.started(vm)
    vbd = await workshop.drive(vm, vdi)
    workshop.faults(kind).fail(method, Failed("it will not"), done=done)

    with pytest.raises(ApiError):
        await workshop.xapi.VBD.plug(vbd)

    row = workshop.row(vbd)
    assert (row.currently_attached, row.device) == (False, "")
    assert workshop.guest(vm).disks == {}
    assert workshop.leases(sr) == {}
    assert workshop.idle()
    await workshop.xapi.VBD.plug(vbd)


async def test_a_disk_that_its_repository_knows_to_be_in_use_is_not_plugged(
    workshop: Workshop, vm: str, vdi: str
) -> None:
    await workshop.started(vm)
    vbd = await workshop.drive(vm, vdi)
    workshop.faults("storage:file").fail("attach", InUse("somebody else writes it"))

    with in_use(vdi):
        await workshop.xapi.VBD.plug(vbd)

    assert workshop.idle()


@pytest.mark.parametrize("fault", [Busy, InUse])
async def test_a_guest_may_keep_a_disk(workshop: Workshop, vm: str, vdi: str, sr: str, fault: type[Exception]) -> None:
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    workshop.faults("domain").fail("detach_disk", fault("mounted"))  # type: ignore[arg-type]  # both are BackendErrors

    with pytest.raises(DEVICE_DETACH_REJECTED) as error:
        await workshop.xapi.VBD.unplug(vbd)

    assert error.value.args == ("VBD", vbd, "")
    assert workshop.row(vbd).currently_attached is True
    assert held(workshop, sr) == {vdi: vbd}
    assert workshop.idle()


async def test_an_unplug_that_fails_leaves_it_plugged(workshop: Workshop, vm: str, vdi: str, sr: str) -> None:
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    workshop.faults("domain").fail("detach_disk", Failed("it will not"))

    with pytest.raises(INTERNAL_ERROR):
        await workshop.xapi.VBD.unplug(vbd)

    row = workshop.row(vbd)
    assert row.currently_attached is True
    assert row.uuid in workshop.guest(vm).disks
    assert held(workshop, sr) == {vdi: vbd}
    assert workshop.idle()


async def test_a_disk_that_cannot_be_closed_is_unplugged_all_the_same(workshop: Workshop, vm: str, vdi: str) -> None:
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    workshop.faults("storage:file").fail("detach", Failed("the server is gone"))

    await workshop.xapi.VBD.unplug(vbd)

    assert workshop.row(vbd).currently_attached is False
    assert workshop.guest(vm).disks == {}


async def test_a_plug_into_a_machine_that_stops_first_fails(workshop: Workshop, vm: str, vdi: str, sr: str) -> None:
    await workshop.started(vm)
    vbd = await workshop.drive(vm, vdi)
    workshop.faults("domain").delay("attach_disk", 0.02)
    plugging = asyncio.ensure_future(workshop.xapi.VBD.plug(vbd))
    await workshop.until(lambda: bool(workshop.row(vbd).current_operations))

    workshop.domains.destroy(workshop.row(vm).uuid)
    with pytest.raises((INTERNAL_ERROR, VM_BAD_POWER_STATE)):
        await plugging
    await workshop.until(lambda: workshop.row(vm).power_state == "Halted" and workshop.idle())

    assert workshop.row(vbd).currently_attached is False
    assert workshop.leases(sr) == {}


async def test_nothing_stays_plugged_into_a_machine_that_stops_at_once(
    workshop: Workshop, vm: str, vdi: str, sr: str
) -> None:
    await workshop.started(vm)
    vbd, uuid = await workshop.drive(vm, vdi), workshop.row(vm).uuid
    workshop.faults("domain").afterwards("attach_disk", lambda: workshop.domains.destroy(uuid))

    with contextlib.suppress(INTERNAL_ERROR, VM_BAD_POWER_STATE):
        await workshop.xapi.VBD.plug(vbd)
    await workshop.until(lambda: workshop.row(vm).power_state == "Halted" and workshop.idle())

    assert workshop.row(vbd).currently_attached is False
    assert workshop.leases(sr) == {}


# --- Settings ----------------------------------------------------------------------------------------


async def test_the_mode_of_a_drive_is_set_while_its_machine_is_off(workshop: Workshop, vm: str, vdi: str) -> None:
    vbd = await workshop.drive(vm, vdi)

    await workshop.xapi.VBD.set_mode(vbd, "RO")
    kept = await workshop.xapi.VBD.get_mode(vbd)
    await workshop.xapi.VBD.set_mode(vbd, "RW")
    await workshop.started(vm)
    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await workshop.xapi.VBD.set_mode(vbd, "RO")

    assert (kept, error.value.args) == ("RO", (vm, "halted", "running"))


async def test_a_drive_that_could_be_attached_says_nothing(xapi: Xapi, workshop: Workshop, vm: str, vdi: str) -> None:
    vbd = await workshop.drive(vm, vdi)

    assert await xapi.VBD.assert_attachable(vbd) == ""


async def test_how_a_disk_is_paused_is_not_for_clients(workshop: Workshop, vm: str, vdi: str, sr: str) -> None:
    vbd = await workshop.drive(vm, vdi)

    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as error:
        await workshop.xapi.VBD.pause(vbd)
    with raises_api("SR_OPERATION_NOT_SUPPORTED", sr):
        await workshop.xapi.VBD.unpause(vbd, "a token")

    assert error.value.args == (sr,)

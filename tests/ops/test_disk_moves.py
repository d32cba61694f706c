"""Disks of running machines move to other repositories."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.machines import MIB, NULL, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed, NoSpace, NotFound
from xapid.datamodel import VDI
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    INVALID_VALUE,
    SR_HAS_NO_PBDS,
    SR_OPERATION_NOT_SUPPORTED,
    VDI_CBT_ENABLED,
    VDI_IS_SHARABLE,
    VDI_NEEDS_VM_FOR_MIGRATE,
    ApiError,
)


@pytest.fixture
async def other(workshop: Workshop) -> str:
    """Another repository, of another type."""
    return await workshop.sr("ext")


@pytest.fixture
async def vm(workshop: Workshop) -> str:
    return await workshop.vm()


@pytest.fixture
async def vbd(workshop: Workshop, vm: str, vdi: str) -> str:
    """The drive of a machine that runs with the disk."""
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    return vbd


def mirrors(workshop: Workshop) -> dict[Any, Any]:
    found: dict[Any, Any] = workshop.fresh.driver("datapath").mirrors
    return found


def as_it_is(workshop: Workshop, *repositories: str) -> dict[str, Any]:
    """What there is of disks, in the records and behind them."""
    rows = {row.ref: (row.SR, row.location, row.virtual_size) for row in workshop.fresh.store.all(VDI)}
    figures = {sr: (workshop.row(sr).virtual_allocation, workshop.row(sr).physical_utilisation) for sr in repositories}
    behind = {sr: (workshop.volumes(sr), workshop.leases(sr)) for sr in repositories}
    return {"rows": rows, "figures": figures, "behind": behind}


async def test_a_disk_moves_while_its_guest_goes_on(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vm: str, vbd: str
) -> None:
    await xapi.VDI.set_name_label(vdi, "root")
    uuid = workshop.row(vdi).uuid

    moved = await xapi.VDI.pool_migrate(vdi, other, {})

    row = workshop.row(moved)
    assert (row.SR, row.name_label, row.virtual_size) == (other, "root", 4 * MIB)
    assert row.uuid != uuid
    assert not workshop.is_there(vdi)
    assert (workshop.row(vbd).VDI, workshop.row(vm).power_state) == (moved, "Running")
    assert workshop.guest(vm).disks[workshop.row(vbd).uuid].path.endswith(row.location)
    assert (workshop.volumes(sr), workshop.volumes(other)) == (set(), {row.uuid})
    assert (workshop.leases(sr), workshop.leases(other)) == ({}, {row.uuid: workshop.row(vbd).uuid})
    assert mirrors(workshop) == {}
    assert workshop.idle()
    await xapi.VM.hard_shutdown(vm)
    assert workshop.leases(other) == {}


async def test_snapshots_stay_and_know_the_disk_that_moved(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vbd: str
) -> None:
    snapshot = await xapi.VDI.snapshot(vdi, {})

    moved = await xapi.VDI.pool_migrate(vdi, other, {})

    assert (workshop.row(snapshot).SR, workshop.row(snapshot).snapshot_of) == (sr, moved)
    assert await xapi.VDI.get_snapshots(moved) == [snapshot]


async def test_machines_that_are_off_find_the_disk_where_it_went(
    workshop: Workshop, xapi: Xapi, other: str, vdi: str, vbd: str
) -> None:
    off = await workshop.drive(await workshop.vm(), vdi)

    moved = await xapi.VDI.pool_migrate(vdi, other, {})

    assert moved == workshop.row(off).VDI


async def test_a_disk_moves_within_its_type_and_into_another_format(
    workshop: Workshop, xapi: Xapi, vdi: str, vbd: str
) -> None:
    other = await workshop.sr("file", location=str(workshop.directory / "other"))

    moved = await xapi.VDI.pool_migrate(vdi, other, {"dest-img-format": "raw"})

    assert workshop.row(moved).sm_config["image-format"] == "raw"


async def test_only_disks_that_a_guest_writes_move(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vm: str
) -> None:
    await workshop.drive(vm, vdi)
    with pytest.raises(VDI_NEEDS_VM_FOR_MIGRATE) as off:
        await xapi.VDI.pool_migrate(vdi, other, {})
    await workshop.started(vm)
    with pytest.raises(HANDLE_INVALID):
        await xapi.VDI.pool_migrate(vdi, NULL, {})
    with pytest.raises(INVALID_VALUE):
        await xapi.VDI.pool_migrate(vdi, other, {"dest-img-format": "jpeg"})

    assert off.value.args == (vdi,)
    assert workshop.idle()


async def test_some_disks_do_not_move(workshop: Workshop, xapi: Xapi, sr: str, other: str, vm: str) -> None:
    sharable, tracked = await workshop.disk(sr, sharable=True), await workshop.disk(sr)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(tracked), cbt_enabled=True)
    for vdi in (sharable, tracked):
        await workshop.drive(vm, vdi)
    await workshop.started(vm)

    with pytest.raises(VDI_IS_SHARABLE) as shared:
        await xapi.VDI.pool_migrate(sharable, other, {})
    with pytest.raises(VDI_CBT_ENABLED) as cbt:
        await xapi.VDI.pool_migrate(tracked, other, {})

    assert (shared.value.args, cbt.value.args) == ((sharable,), (tracked,))
    assert workshop.idle()


async def test_a_disk_moves_only_where_the_host_is_plugged_in_and_disks_can_be_made(
    workshop: Workshop, xapi: Xapi, other: str, vdi: str, vbd: str
) -> None:
    (pbd,) = await xapi.SR.get_PBDs(other)
    await xapi.PBD.unplug(pbd)
    udev = await workshop.sr("udev")

    with pytest.raises(SR_HAS_NO_PBDS) as error:
        await xapi.VDI.pool_migrate(vdi, other, {})
    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as unsupported:
        await xapi.VDI.pool_migrate(vdi, udev, {})

    assert (error.value.args, unsupported.value.args) == ((other,), (udev,))


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
@pytest.mark.parametrize(
    "kind, method",
    [
        ("storage:ext", "create"),
        ("storage:ext", "attach"),
        ("datapath", "mirror"),
        ("datapath", "mirrored"),
    ],
)
async def test_a_move_that_fails_leaves_all_as_it_was(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vbd: str, kind: str, method: str, done: bool
) -> None:
    before = as_it_is(workshop, sr, other)
    workshop.faults(kind).fail(method, NoSpace("full"), done=done)

    with pytest.raises(ApiError):
        await xapi.VDI.pool_migrate(vdi, other, {})

    assert as_it_is(workshop, sr, other) == before
    assert vdi == workshop.row(vbd).VDI
    assert mirrors(workshop) == {}
    assert workshop.idle()


async def test_a_guest_that_cannot_go_over_stays_where_it_was(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vbd: str
) -> None:
    snapshot = await xapi.VDI.snapshot(vdi, {})
    before = as_it_is(workshop, sr, other)
    workshop.faults("datapath").fail("move", Failed("no"))

    with pytest.raises(ApiError):
        await xapi.VDI.pool_migrate(vdi, other, {})

    assert as_it_is(workshop, sr, other) == before
    assert (workshop.row(vbd).VDI, workshop.row(snapshot).snapshot_of) == (vdi, vdi)
    assert mirrors(workshop) == {}
    assert workshop.idle()


async def test_a_machine_that_is_switched_off_meanwhile_ends_the_move(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vm: str, vbd: str
) -> None:
    workshop.faults("datapath").delay("mirror", 0.05)
    moving = asyncio.ensure_future(xapi.VDI.pool_migrate(vdi, other, {}))
    await workshop.until(lambda: bool(workshop.row(vdi).current_operations))

    await xapi.VM.hard_shutdown(vm)

    with pytest.raises(ApiError):
        await moving
    assert workshop.volumes(other) == set()
    assert workshop.leases(sr) == workshop.leases(other) == {}
    assert vdi == workshop.row(vbd).VDI
    assert workshop.idle()


async def test_a_disk_that_is_unplugged_just_then_does_not_move(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vbd: str
) -> None:
    workshop.faults("domain").delay("detach_disk", 0.05)
    unplugging = asyncio.ensure_future(xapi.VBD.unplug(vbd))
    await workshop.until(lambda: bool(workshop.row(vbd).current_operations))

    with pytest.raises(VDI_NEEDS_VM_FOR_MIGRATE):
        await xapi.VDI.pool_migrate(vdi, other, {})

    assert unplugging.done()
    assert (workshop.volumes(other), workshop.leases(sr)) == (set(), {})
    assert workshop.idle()


async def test_a_guest_that_ends_just_then_has_the_same_in_both_places(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vm: str, vbd: str
) -> None:
    uuid = workshop.row(vm).uuid
    workshop.faults("datapath").fail("move", NotFound("it is gone", domain=uuid))

    moved = await xapi.VDI.pool_migrate(vdi, other, {})

    assert moved == workshop.row(vbd).VDI
    assert not workshop.is_there(vdi)


async def test_a_move_can_be_cancelled(workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vbd: str) -> None:
    before = as_it_is(workshop, sr, other)
    workshop.faults("datapath").delay("mirror", 10.0)
    task = await xapi.call("Async.VDI.pool_migrate", vdi, other, {})
    await workshop.until(lambda: bool(workshop.leases(other)))

    await xapi.task.cancel(task)

    await workshop.until(lambda: workshop.row(task).status == "cancelled")
    assert as_it_is(workshop, sr, other) == before
    assert workshop.idle()


async def test_an_old_disk_that_cannot_be_destroyed_stays(
    workshop: Workshop, xapi: Xapi, sr: str, other: str, vdi: str, vbd: str
) -> None:
    workshop.faults("storage:file").fail("destroy", Failed("not now"))

    moved = await xapi.VDI.pool_migrate(vdi, other, {})

    assert moved == workshop.row(vbd).VDI
    assert workshop.is_there(vdi)
    await xapi.VDI.destroy(vdi)


async def test_a_disk_grows_into_the_blocks_of_where_it_goes(workshop: Workshop, xapi: Xapi, vm: str, sr: str) -> None:
    other = await workshop.sr("lvm")
    vdi = await workshop.disk(sr, virtual_size=5 * MIB)
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    storage, uuid = workshop.fresh.driver("storage:file"), workshop.row(vdi).uuid
    workshop.faults("datapath").afterwards("resize", lambda: storage.grown_by_guest(uuid, 6 * MIB))

    moved = await xapi.VDI.pool_migrate(vdi, other, {})

    assert workshop.fresh.driver("datapath").sizes == {workshop.row(vbd).uuid: 6 * MIB}
    assert workshop.row(moved).virtual_size == 6 * MIB
    assert workshop.row(sr).virtual_allocation == 0

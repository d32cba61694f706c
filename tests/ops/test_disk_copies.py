"""Snapshots, clones and copies of disks, also of those that a guest has open."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from tests.machines import MIB, NULL, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed, NoSpace
from xapid.backends.storage.interface import Progress, SrScan
from xapid.datamodel import VDI
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    SR_HAS_NO_PBDS,
    SR_OPERATION_NOT_SUPPORTED,
    VDI_IN_USE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_IS_SHARABLE,
    VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION,
    VDI_READONLY,
    VDI_TOO_SMALL,
    ApiError,
    OtherError,
)
from xapid.datamodel.vdi import OnBoot, VdiType
from xapid.main import tell_progress

MARKS = {"other_config": {"a": "b"}, "tags": ("t",), "name_label": "root", "name_description": "of the mail server"}


@pytest.fixture
async def vdi(workshop: Workshop, sr: str) -> str:
    return await workshop.disk(sr, **MARKS)


async def written_by_a_guest(workshop: Workshop, vdi: str) -> str:
    """A machine that runs with the disk."""
    vm = await workshop.vm()
    await workshop.drive(vm, vdi)
    return await workshop.started(vm)


def bases(workshop: Workshop) -> list[VDI]:
    return [row for row in workshop.fresh.store.all(VDI) if not row.managed]


def as_it_is(workshop: Workshop, sr: str) -> dict[str, Any]:
    """What there is of disks, in the records and behind them."""
    rows = {row.ref: (row.location, row.sm_config, row.virtual_size) for row in workshop.fresh.store.all(VDI)}
    figures = workshop.row(sr).virtual_allocation, workshop.row(sr).physical_utilisation
    return {"rows": rows, "volumes": workshop.volumes(sr), "figures": figures, "leases": workshop.leases(sr)}


# --- Snapshots and clones ----------------------------------------------------------------------------


async def test_a_snapshot_remembers_of_what_and_when(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    snapshot = await xapi.VDI.snapshot(vdi, {})

    row, source = workshop.row(snapshot), workshop.row(vdi)
    assert (row.is_a_snapshot, row.snapshot_of, source.is_a_snapshot) == (True, vdi, False)
    assert str(row.snapshot_time) > "2020"
    assert await xapi.VDI.get_snapshots(vdi) == [snapshot]
    assert {name: getattr(row, name) for name in MARKS} == MARKS
    assert row.virtual_size == source.virtual_size
    assert workshop.idle()


async def test_a_clone_is_a_disk_like_any_other(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    clone = await xapi.VDI.clone(vdi, {})

    row = workshop.row(clone)
    assert (row.is_a_snapshot, row.snapshot_of, str(row.snapshot_time)) == (False, NULL, "19700101T00:00:00Z")
    assert (row.name_label, row.managed, row.virtual_size) == ("root", True, 4 * MIB)


@pytest.mark.parametrize("message", ["snapshot", "clone"])
async def test_both_continue_an_inner_node_that_clients_may_see(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str, message: str
) -> None:
    made = await xapi.call(f"VDI.{message}", vdi, {})

    (base,) = bases(workshop)
    assert (base.name_label, base.read_only, base.SR) == ("base copy", True, sr)
    assert {workshop.row(each).sm_config["vhd-parent"] for each in (vdi, made)} == {base.uuid}
    assert workshop.volumes(sr) == {workshop.row(each).uuid for each in (vdi, made, base.ref)}


async def test_the_events_of_a_snapshot_come_together(xapi: Xapi, vdi: str) -> None:
    token = (await xapi.event.from_(["VDI"], "", 1.0))["token"]

    snapshot = await xapi.VDI.snapshot(vdi, {})

    events = (await xapi.event.from_(["VDI"], token, 1.0))["events"]
    told = {event["ref"]: event["operation"] for event in events}
    assert (told[snapshot], told[vdi], len(told)) == ("add", "mod", 3)
    assert all(event["snapshot"]["current_operations"] == {} for event in events)


async def test_two_snapshots_of_a_disk_at_once_come_one_after_the_other(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str
) -> None:
    workshop.faults("storage:file").delay("snapshot", 0.01)

    one, two = await asyncio.gather(xapi.VDI.snapshot(vdi, {}), xapi.VDI.snapshot(vdi, {}))

    assert one != two
    assert {workshop.row(each).snapshot_of for each in (one, two)} == {vdi}
    known = {row.uuid for row in workshop.fresh.store.all(VDI)}
    assert workshop.volumes(sr) == known
    assert workshop.idle()


async def test_snapshots_of_several_disks_at_once_do_not_mix(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    disks = [await workshop.disk(sr) for _ in range(4)]
    workshop.faults("storage:file").delay("snapshot", 0.005)

    made = await asyncio.gather(*(xapi.VDI.snapshot(disk, {}) for disk in disks))

    assert [workshop.row(each).snapshot_of for each in made] == disks
    assert workshop.volumes(sr) == {row.uuid for row in workshop.fresh.store.all(VDI)}
    assert workshop.idle()


async def test_a_disk_is_not_destroyed_under_its_snapshot(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    workshop.faults("storage:file").delay("snapshot", 0.01)
    taking = asyncio.ensure_future(xapi.VDI.snapshot(vdi, {}))
    await workshop.until(lambda: bool(workshop.row(vdi).current_operations))

    await xapi.VDI.destroy(vdi)

    snapshot = await taking
    assert not workshop.is_there(vdi)
    assert workshop.row(snapshot).uuid in workshop.volumes(sr)


async def test_a_guest_goes_on_while_its_disk_is_snapshotted(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    vm = await written_by_a_guest(workshop, vdi)
    leases = workshop.leases(sr)

    snapshot = await xapi.VDI.snapshot(vdi, {})

    assert workshop.leases(sr) == leases
    (disk,) = workshop.guest(vm).disks.values()
    assert disk is not None
    assert disk.path.endswith(workshop.row(vdi).location)
    assert not disk.path.endswith(workshop.row(snapshot).location)
    assert workshop.idle()


async def test_the_last_that_needs_an_inner_node_takes_it_along(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str
) -> None:
    snapshot = await xapi.VDI.snapshot(vdi, {})

    await xapi.VDI.destroy(vdi)
    while_one_is_left = len(bases(workshop))
    await xapi.VDI.destroy(snapshot)

    assert (while_one_is_left, bases(workshop), workshop.volumes(sr)) == (1, [], set())
    assert workshop.row(sr).virtual_allocation == 0


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
@pytest.mark.parametrize("message", ["snapshot", "clone"])
async def test_a_branch_that_fails_leaves_nothing_behind(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str, message: str, done: bool
) -> None:
    before = as_it_is(workshop, sr)
    workshop.faults("storage:file").fail(message, NoSpace("full"), done=done)

    with pytest.raises(OtherError) as error:
        await xapi.call(f"VDI.{message}", vdi, {})

    assert error.value.code == "SR_BACKEND_FAILURE_44"
    assert as_it_is(workshop, sr) == before
    assert workshop.idle()
    await xapi.call(f"VDI.{message}", vdi, {})


@pytest.mark.parametrize("kind, method", [("storage:file", "attach"), ("datapath", "switch")])
async def test_a_guest_that_cannot_be_moved_stays_where_it_was(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str, kind: str, method: str
) -> None:
    await written_by_a_guest(workshop, vdi)
    before = as_it_is(workshop, sr)
    workshop.faults(kind).fail(method, Failed("it will not"))

    with pytest.raises(ApiError):
        await xapi.VDI.snapshot(vdi, {})

    assert as_it_is(workshop, sr) == before
    assert workshop.idle()


async def test_some_disks_are_not_snapshotted(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    sharable = await workshop.disk(sr, sharable=True)
    reset, metadata = await workshop.disk(sr), await workshop.disk(sr)
    disc = await workshop.disk(await workshop.sr("iso", location=str(workshop.directory), legacy_mode="true"))
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(reset), on_boot=OnBoot.reset)
        tx.set(workshop.row(metadata), type=VdiType.cbt_metadata)

    with pytest.raises(VDI_IS_SHARABLE) as shared:
        await xapi.VDI.snapshot(sharable, {})
    with pytest.raises(VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION):
        await xapi.VDI.snapshot(reset, {})
    with pytest.raises(VDI_INCOMPATIBLE_TYPE) as kind:
        await xapi.VDI.clone(metadata, {})
    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as unsupported:
        await xapi.VDI.snapshot(disc, {})

    assert shared.value.args == (sharable,)
    assert kind.value.args == (metadata, "CBT metadata")
    assert unsupported.value.args == (workshop.row(disc).SR,)


# --- Copies ------------------------------------------------------------------------------------------


async def test_a_copy_stands_on_its_own(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    snapshot = await xapi.VDI.snapshot(vdi, {})

    copy = await xapi.VDI.copy(snapshot, sr)

    row = workshop.row(copy)
    assert (row.is_a_snapshot, row.snapshot_of, row.read_only) == (False, NULL, False)
    assert (row.name_label, row.tags, row.sm_config) == ("root", ("t",), {"image-format": "qcow2"})
    assert row.uuid in workshop.volumes(sr)
    assert workshop.idle()


async def test_a_copy_goes_into_another_repository(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    other = await workshop.sr("file", location=str(workshop.directory / "other"))

    copy = await xapi.VDI.copy(vdi, other)

    assert other == workshop.row(copy).SR
    assert workshop.volumes(other) == {workshop.row(copy).uuid}
    assert workshop.row(other).virtual_allocation == 4 * MIB
    assert workshop.row(sr).virtual_allocation == 4 * MIB


async def test_several_copies_are_made_at_once(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    workshop.faults("storage:file").delay("copy", 0.01)

    made = await asyncio.gather(xapi.VDI.copy(vdi, sr), xapi.VDI.copy(vdi, sr))

    assert {workshop.row(each).uuid for each in (vdi, *made)} == workshop.volumes(sr)
    assert workshop.idle()


async def test_a_task_tells_how_far_a_copy_is(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    task = await xapi.call("Async.VDI.copy", vdi, sr, NULL, NULL)
    await workshop.until(lambda: workshop.row(task).status == "success")

    result = await xapi.task.get_result(task)
    copy = result.removeprefix("<value>").removesuffix("</value>")
    assert workshop.row(copy).name_label == "root"
    assert await xapi.task.get_progress(task) == 1.0


async def test_what_a_driver_tells_of_its_work_stands_in_the_task(workshop: Workshop, xapi: Xapi) -> None:
    task = await xapi.task.create("a copy", "")
    workshop.fresh.runtime.tasks.resumed(task, "a copy")

    for told in (Progress(task, 0.25), Progress("OpaqueRef:gone", 0.75)):
        tell_progress(workshop.fresh.runtime, told)

    assert await xapi.task.get_progress(task) == 0.25


async def test_a_disk_that_is_written_is_not_copied(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    await written_by_a_guest(workshop, vdi)

    with pytest.raises(VDI_IN_USE) as error:
        await xapi.VDI.copy(vdi, sr)

    assert error.value.args == (vdi, "copy")


async def test_a_copy_needs_a_place_to_go(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    other = await workshop.sr("ext")
    (pbd,) = await xapi.SR.get_PBDs(other)
    await xapi.PBD.unplug(pbd)

    with pytest.raises(HANDLE_INVALID) as nowhere:
        await xapi.VDI.copy(vdi, NULL)
    with pytest.raises(SR_HAS_NO_PBDS) as unplugged:
        await xapi.VDI.copy(vdi, other)

    assert (nowhere.value.args, unplugged.value.args) == (("SR", NULL), (other,))


async def test_a_copy_goes_into_a_repository_of_another_type(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    other = await workshop.sr("ext")

    copy = await xapi.VDI.copy(vdi, other)

    row = workshop.row(copy)
    assert (row.SR, row.name_label, row.tags) == (other, "root", ("t",))
    assert workshop.volumes(other) == {row.uuid}
    assert workshop.leases(sr) == workshop.leases(other) == {}
    assert workshop.idle()


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
@pytest.mark.parametrize("type, method", [("ext", "create"), ("ext", "fill"), ("file", "attach"), ("file", "detach")])
async def test_such_a_copy_that_fails_leaves_nothing_behind(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str, type: str, method: str, done: bool
) -> None:
    other = await workshop.sr("ext")
    before = as_it_is(workshop, other)
    workshop.faults(f"storage:{type}").fail(method, NoSpace("full"), done=done)

    with pytest.raises(OtherError):
        await xapi.VDI.copy(vdi, other)

    assert as_it_is(workshop, other) == before
    assert workshop.idle()


@pytest.mark.parametrize("based", [False, True])
async def test_a_copy_is_written_over_a_disk_that_is_there(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str, based: bool
) -> None:
    into = await workshop.disk(await workshop.sr("ext"), virtual_size=6 * MIB, name_label="kept")
    base = await xapi.VDI.snapshot(vdi, {}) if based else NULL

    copy = await xapi.VDI.copy(vdi, NULL, base, into)

    assert copy == into
    assert (workshop.row(into).name_label, workshop.row(into).virtual_size) == ("kept", 6 * MIB)
    assert workshop.idle()


async def test_a_new_copy_may_hold_only_what_changed(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    snapshot = await xapi.VDI.snapshot(vdi, {})
    workshop.faults("storage:file").fail("copy", Failed("it would have everything"))

    copy = await xapi.VDI.copy(vdi, sr, snapshot)

    assert workshop.row(copy).uuid in workshop.volumes(sr)


async def test_what_cannot_take_a_copy_is_left_alone(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    small, read_only = await workshop.disk(sr, virtual_size=MIB), await workshop.disk(sr, read_only=True)
    used = await workshop.disk(sr)
    await written_by_a_guest(workshop, used)

    with pytest.raises(VDI_TOO_SMALL) as size:
        await xapi.VDI.copy(vdi, NULL, NULL, small)
    with pytest.raises(VDI_READONLY) as read:
        await xapi.VDI.copy(vdi, NULL, NULL, read_only)
    with pytest.raises(VDI_IN_USE) as open_:
        await xapi.VDI.copy(vdi, NULL, NULL, used)
    with pytest.raises(HANDLE_INVALID) as gone:
        await xapi.VDI.copy(vdi, sr, "OpaqueRef:gone")

    assert (size.value.args, read.value.args) == ((small, str(4 * MIB)), (read_only,))
    assert (open_.value.args, gone.value.args) == ((used, "copy"), ("VDI", "OpaqueRef:gone"))
    assert workshop.idle()


async def test_a_disk_that_is_written_over_is_not_attached_meanwhile(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str
) -> None:
    into, vm = await workshop.disk(sr), await workshop.started(await workshop.vm())
    vbd = await workshop.drive(vm, into)
    workshop.faults("storage:file").delay("fill", 0.05)
    copying = asyncio.ensure_future(xapi.VDI.copy(vdi, NULL, NULL, into))
    await workshop.until(lambda: bool(workshop.row(into).current_operations))

    await xapi.VBD.plug(vbd)

    assert copying.done()
    assert workshop.row(vbd).currently_attached


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
async def test_a_copy_that_fails_leaves_nothing_behind(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str, done: bool
) -> None:
    before = as_it_is(workshop, sr)
    workshop.faults("storage:file").fail("copy", NoSpace("full"), done=done)

    with pytest.raises(OtherError) as error:
        await xapi.VDI.copy(vdi, sr)

    assert error.value.code == "SR_BACKEND_FAILURE_44"
    assert as_it_is(workshop, sr) == before
    assert workshop.idle()


async def test_no_repository_takes_a_disk_back_in_place(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    snapshot = await xapi.VDI.snapshot(vdi, {})

    for each in (snapshot, vdi):
        with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as error:
            await xapi.VDI.revert(each)
        assert error.value.args == (sr,)

    assert workshop.idle()


@pytest.mark.parametrize("message", ["snapshot", "clone"])
@pytest.mark.parametrize("deed", ["VM.hard_shutdown", "VM.suspend", "VBD.unplug", "VBD.unplug_force"])
async def test_a_guest_that_lets_go_of_a_disk_while_it_is_branched_keeps_no_lease(
    workshop: Workshop, sr: str, vdi: str, message: str, deed: str
) -> None:
    """The disk is opened anew for the guest just when it is closed, and nobody would close it again."""
    vm = await written_by_a_guest(workshop, vdi)
    await workshop.xapi.VM.set_suspend_SR(vm, sr)
    (drive,) = await workshop.xapi.VM.get_VBDs(vm)
    storage, loop = workshop.faults("storage:file"), asyncio.get_running_loop()
    done: list[asyncio.Task[Any]] = []

    def let_go() -> None:
        done.append(loop.create_task(workshop.xapi.call(deed, vm if deed.startswith("VM") else drive)))

    def soon() -> None:
        loop.call_soon_threadsafe(let_go)

    storage.afterwards(message, soon)
    storage.delay("attach", 0.2)
    with suppress(ApiError):
        await workshop.xapi.call(f"VDI.{message}", vdi, {})
    await asyncio.wait_for(done[0], 10)

    assert workshop.leases(sr) == {}
    assert workshop.idle()


# Scans meanwhile


@pytest.mark.parametrize("message", ["VM.copy", "VDI.copy"])
async def test_scans_leave_what_is_being_copied_to_who_copies_it(workshop: Workshop, message: str) -> None:
    sr, other = await workshop.sr(), await workshop.sr("dummy")
    vm = await workshop.vm()
    disks = [await workshop.disk(sr) for _ in range(2)]
    for disk in disks:
        await workshop.drive(vm, disk)
    workshop.faults("storage:dummy").delay("copy", 0.02)
    given = (vm, "a copy", other) if message == "VM.copy" else (disks[0], other)

    copying = asyncio.create_task(workshop.xapi.call(message, *given))
    while not copying.done():
        await workshop.xapi.SR.scan(other)
        await asyncio.sleep(0.002)

    assert workshop.is_there(await copying)
    copies = await workshop.xapi.SR.get_VDIs(other)
    assert len(copies) == (2 if message == "VM.copy" else 1)
    await workshop.xapi.SR.scan(other)
    assert sorted(await workshop.xapi.SR.get_VDIs(other)) == sorted(copies)


async def test_a_scan_that_began_before_a_copy_was_recorded_does_not_forget_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sr, other = await workshop.sr(), await workshop.sr("dummy")
    disk = await workshop.disk(sr)
    storage = workshop.fresh.driver("storage:dummy")
    # What it saw when it began; it takes its time to tell.
    monkeypatch.setattr(storage, "scan", lambda repository: SrScan((), storage.figures(repository)))
    workshop.faults("storage:dummy").delay("scan", 0.05)

    scan = asyncio.create_task(workshop.xapi.SR.scan(other))
    await workshop.until(lambda: bool(workshop.row(other).current_operations))
    copy = await workshop.xapi.VDI.copy(disk, other)
    await scan

    assert workshop.is_there(copy)

"""Disks: made and destroyed, made larger, taken up and forgotten."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from typing import Any

import pytest

from tests.machines import MIB, NULL, Workshop
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEventKind
from xapid.backends.interface import Failed, NoSpace
from xapid.datamodel import SM, VBD, VDI, VBD_metrics
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    INTERNAL_ERROR,
    LOCATION_NOT_UNIQUE,
    MESSAGE_DEPRECATED,
    PERMISSION_DENIED,
    SR_HAS_NO_PBDS,
    SR_OPERATION_NOT_SUPPORTED,
    UUID_INVALID,
    VDI_IN_USE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_MISSING,
    VDI_NEEDS_VM_FOR_MIGRATE,
    VDI_NOT_MANAGED,
    VM_BAD_POWER_STATE,
    OtherError,
)

UUID = "5a5a5a5a-0000-4000-8000-0000000000b2"


def let_open_disks_grow(workshop: Workshop) -> None:
    """As the driver of directories can, and the simulated types cannot."""
    with workshop.fresh.store.write() as tx:
        for sm in workshop.fresh.store.all(SM):
            tx.set(sm, features={**sm.features, "VDI_RESIZE_ONLINE": 1})


def figures(workshop: Workshop, sr: str) -> tuple[int, int]:
    row = workshop.row(sr)
    return row.virtual_allocation, row.physical_utilisation


async def says_what_a_scan_finds(workshop: Workshop, sr: str) -> bool:
    said = figures(workshop, sr)
    await workshop.xapi.SR.scan(sr)
    return said == figures(workshop, sr)


# --- Coming and going --------------------------------------------------------------------------------


async def test_a_disk_is_as_it_was_asked_for_and_a_little_larger(workshop: Workshop, sr: str) -> None:
    vdi = await workshop.disk(
        sr, name_label="root", virtual_size=4 * MIB + 1, other_config={"a": "b"}, tags=["t"], xenstore_data={"x": "y"}
    )

    row = workshop.row(vdi)
    assert (row.name_label, row.virtual_size, row.type, row.managed) == ("root", 5 * MIB, "user", True)
    assert (row.other_config, row.tags, row.xenstore_data) == ({"a": "b"}, ("t",), {"x": "y"})
    assert row.sm_config == {"image-format": "qcow2"}
    assert (row.location, row.SR) == (row.uuid, sr)
    assert workshop.volumes(sr) == {row.uuid}
    assert workshop.idle()


@pytest.mark.parametrize("config", [{"type": "raw"}, {"image-format": "raw"}])
async def test_a_raw_disk_has_the_very_size_that_was_asked_for(
    workshop: Workshop, sr: str, config: dict[str, str]
) -> None:
    row = workshop.row(await workshop.disk(sr, virtual_size=4 * MIB + 512, sm_config=config))

    assert (row.virtual_size, row.sm_config["image-format"]) == (4 * MIB + 512, "raw")


@pytest.mark.parametrize("message", ["snapshot", "clone"])
async def test_a_repository_says_what_snapshots_and_clones_take(workshop: Workshop, sr: str, message: str) -> None:
    vdi = await workshop.disk(sr, virtual_size=4 * MIB)
    before = figures(workshop, sr)

    made = await workshop.xapi.call(f"VDI.{message}", vdi, {})

    assert figures(workshop, sr) == (12 * MIB, 4 * MIB)
    assert await says_what_a_scan_finds(workshop, sr)
    await workshop.xapi.VDI.destroy(made)
    assert await says_what_a_scan_finds(workshop, sr)
    await workshop.xapi.VDI.destroy(vdi)
    assert (before, figures(workshop, sr)) == ((4 * MIB, 4 * MIB), (0, 0))


async def test_a_repository_says_what_its_disks_take(workshop: Workshop, sr: str) -> None:
    await workshop.disk(sr, virtual_size=4 * MIB)
    second = await workshop.disk(sr, virtual_size=6 * MIB)
    both = figures(workshop, sr)

    await workshop.xapi.VDI.destroy(second)

    assert (both, figures(workshop, sr)) == ((10 * MIB, 10 * MIB), (4 * MIB, 4 * MIB))


async def test_a_new_disk_is_told_of_by_an_event(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    token = (await xapi.event.from_(["VDI"], "", 1.0))["token"]

    vdi = await workshop.disk(sr)

    (event,) = (await xapi.event.from_(["VDI"], token, 1.0))["events"]
    assert (event["operation"], event["ref"], event["snapshot"]["current_operations"]) == ("add", vdi, {})


async def test_there_must_be_a_repository(workshop: Workshop) -> None:
    with pytest.raises(HANDLE_INVALID) as error:
        await workshop.disk(NULL)

    assert error.value.args == ("SR", NULL)


async def test_a_disk_is_not_made_where_no_host_is_plugged_in(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    (pbd,) = await xapi.SR.get_PBDs(sr)
    await xapi.PBD.unplug(pbd)

    with pytest.raises(SR_HAS_NO_PBDS) as error:
        await workshop.disk(sr)

    assert error.value.args == (sr,)


async def test_a_disk_is_not_made_by_a_driver_that_cannot(workshop: Workshop) -> None:
    sr = await workshop.sr("udev")

    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as error:
        await workshop.disk(sr)

    assert error.value.args == (sr,)


async def test_a_record_of_changes_is_not_made_by_hand(workshop: Workshop, sr: str) -> None:
    with pytest.raises(VDI_INCOMPATIBLE_TYPE) as error:
        await workshop.disk(sr, type="cbt_metadata")

    assert error.value.args == ("", "CBT metadata")


@pytest.mark.parametrize("size", [-1, 1 << 62])
async def test_a_size_that_cannot_be_is_refused(workshop: Workshop, sr: str, size: int) -> None:
    with pytest.raises(OtherError) as error:
        await workshop.disk(sr, virtual_size=size)

    assert error.value.code == "SR_BACKEND_FAILURE_79"
    assert list(workshop.fresh.store.all(VDI)) == []


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
async def test_a_disk_that_cannot_be_made_leaves_nothing_behind(workshop: Workshop, sr: str, done: bool) -> None:
    before = figures(workshop, sr)
    workshop.faults("storage:file").fail("create", NoSpace("full"), done=done)

    with pytest.raises(OtherError) as error:
        await workshop.disk(sr)

    assert (error.value.code, error.value.args[0]) == ("SR_BACKEND_FAILURE_44", "")
    assert workshop.volumes(sr) == set()
    assert list(workshop.fresh.store.all(VDI)) == []
    assert figures(workshop, sr) == before
    assert workshop.idle()


async def test_several_disks_are_made_at_once(workshop: Workshop, sr: str) -> None:
    workshop.faults("storage:file").delay("create", 0.005)

    disks = await asyncio.gather(*(workshop.disk(sr) for _ in range(5)))

    assert len(set(disks)) == 5
    assert figures(workshop, sr) == (20 * MIB, 20 * MIB)
    assert workshop.idle()


async def test_a_disk_goes_with_its_drives(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    for _ in range(2):
        await workshop.drive(await workshop.vm(), vdi)

    await xapi.VDI.destroy(vdi)

    assert not workshop.is_there(vdi)
    assert list(workshop.fresh.store.all(VBD)) == list(workshop.fresh.store.all(VBD_metrics)) == []
    assert workshop.volumes(sr) == set()


async def test_a_machine_forgets_the_memory_that_was_destroyed(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    image, vm = await workshop.disk(sr, type="suspend"), await workshop.vm()
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), suspend_VDI=image)

    await xapi.VDI.destroy(image)

    assert await xapi.VM.get_suspend_VDI(vm) == NULL


async def test_a_disk_in_use_is_not_destroyed(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    vm = await workshop.vm()
    await workshop.drive(vm, vdi)
    await workshop.started(vm)

    with pytest.raises(VDI_IN_USE) as error:
        await xapi.VDI.destroy(vdi)

    assert error.value.args == (vdi, "destroy")
    assert workshop.is_there(vdi)


async def test_an_inner_node_is_not_destroyed_by_hand(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    await xapi.VDI.snapshot(vdi, {})
    (base,) = [row.ref for row in workshop.fresh.store.all(VDI) if not row.managed]

    with pytest.raises(VDI_NOT_MANAGED) as error:
        await xapi.VDI.destroy(base)

    assert error.value.args == (base,)


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
async def test_a_disk_that_could_not_be_destroyed_can_be_later(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str, done: bool
) -> None:
    workshop.faults("storage:file").fail("destroy", Failed("not now"), done=done)
    with pytest.raises(OtherError):
        await xapi.VDI.destroy(vdi)
    stayed = workshop.is_there(vdi) and workshop.idle()

    await xapi.VDI.destroy(vdi)

    assert stayed
    assert not workshop.is_there(vdi)
    assert workshop.volumes(sr) == set()


# --- Size --------------------------------------------------------------------------------------------


async def test_a_disk_grows(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    await xapi.VDI.resize(vdi, 7 * MIB + 1)

    assert await xapi.VDI.get_virtual_size(vdi) == str(8 * MIB)
    assert figures(workshop, sr) == (8 * MIB, 8 * MIB)
    assert workshop.idle()


async def test_a_disk_does_not_shrink(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    with pytest.raises(OtherError) as error:
        await xapi.VDI.resize(vdi, 2 * MIB)

    assert error.value.code == "SR_BACKEND_FAILURE_79"
    assert workshop.row(vdi).virtual_size == 4 * MIB
    assert workshop.idle()


async def test_a_disk_that_is_plugged_in_is_not_resized(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    vm = await workshop.vm()
    await workshop.drive(vm, vdi)
    await workshop.started(vm)

    with pytest.raises(VDI_IN_USE) as error:
        await xapi.VDI.resize(vdi, 8 * MIB)
    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as unsupported:
        await xapi.VDI.resize_online(vdi, 8 * MIB)

    assert (error.value.args, unsupported.value.args) == ((vdi, "resize"), (sr,))


async def test_a_resize_waits_for_a_plug_and_then_is_too_late(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    vm = await workshop.started(await workshop.vm())
    vbd = await workshop.drive(vm, vdi)
    workshop.faults("domain").delay("attach_disk", 0.02)
    plugging = asyncio.ensure_future(xapi.VBD.plug(vbd))
    await workshop.until(lambda: bool(workshop.row(vbd).current_operations))

    with pytest.raises(VDI_IN_USE):
        await xapi.VDI.resize(vdi, 8 * MIB)

    await plugging
    assert workshop.row(vdi).virtual_size == 4 * MIB


async def test_a_plug_waits_for_a_resize(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    vm = await workshop.started(await workshop.vm())
    vbd = await workshop.drive(vm, vdi)
    workshop.faults("storage:file").delay("resize", 0.02)
    resizing = asyncio.ensure_future(xapi.VDI.resize(vdi, 8 * MIB))
    await workshop.until(lambda: bool(workshop.row(vdi).current_operations))

    await xapi.VBD.plug(vbd)

    assert resizing.done()
    assert workshop.row(vdi).virtual_size == 8 * MIB


async def test_a_resize_that_fails_changes_nothing(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    workshop.faults("storage:file").fail("resize", NoSpace("full"))

    with pytest.raises(OtherError) as error:
        await xapi.VDI.resize(vdi, 8 * MIB)

    assert error.value.code == "SR_BACKEND_FAILURE_44"
    assert workshop.row(vdi).virtual_size == 4 * MIB
    assert figures(workshop, sr) == (4 * MIB, 4 * MIB)
    assert workshop.idle()


async def test_an_open_disk_grows_under_its_guest(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    let_open_disks_grow(workshop)
    vm = await workshop.vm()
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    storage, uuid = workshop.fresh.driver("storage:file"), workshop.row(vdi).uuid
    workshop.faults("datapath").afterwards("resize", lambda: storage.grown_by_guest(uuid, 8 * MIB))

    await xapi.VDI.resize_online(vdi, 8 * MIB)

    assert workshop.fresh.driver("datapath").sizes == {workshop.row(vbd).uuid: 8 * MIB}
    assert workshop.row(vdi).virtual_size == 8 * MIB
    assert figures(workshop, sr) == (8 * MIB, 8 * MIB)
    assert workshop.idle()


async def test_an_open_disk_does_not_shrink(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    let_open_disks_grow(workshop)
    vm = await workshop.vm()
    await workshop.drive(vm, vdi)
    await workshop.started(vm)

    with pytest.raises(OtherError) as error:
        await xapi.VDI.resize_online(vdi, 2 * MIB)

    assert error.value.code == "SR_BACKEND_FAILURE_79"


async def test_a_disk_that_nobody_has_open_may_grow_online_too(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    let_open_disks_grow(workshop)

    await xapi.VDI.resize_online(vdi, 8 * MIB)

    assert workshop.row(vdi).virtual_size == 8 * MIB


async def test_an_update_reads_anew_how_large_a_disk_is(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    workshop.fresh.driver("storage:file").grown_by_guest(workshop.row(vdi).uuid, 8 * MIB)

    await xapi.VDI.update(vdi)

    assert workshop.row(vdi).virtual_size == 8 * MIB
    assert figures(workshop, sr)[0] == 8 * MIB


# --- Records of volumes that are there already -------------------------------------------------------


async def introduce(xapi: Xapi, message: str, sr: str, uuid: str, location: str) -> str:
    return str(
        await xapi.call(
            f"VDI.{message}", uuid, "found", "again", sr, "user", False, True, {"k": "v"}, location, {}, {}, True, 0, 0,
            NULL, False, "19700101T00:00:00Z", NULL,
        )
    )  # fmt: skip


async def test_a_disk_that_was_forgotten_is_taken_up_again(workshop: Workshop, xapi: Xapi) -> None:
    sr = await workshop.sr("dummy")
    vdi = await workshop.disk(sr)
    location = workshop.row(vdi).location

    await xapi.VDI.forget(vdi)
    forgotten = not workshop.is_there(vdi)
    again = await xapi.VDI.introduce(UUID, "found", "again", sr, "user", False, True, {"k": "v"}, location)

    row = workshop.row(again)
    assert forgotten
    assert (row.uuid, row.name_label, row.read_only, row.other_config) == (UUID, "found", True, {"k": "v"})
    assert row.virtual_size == 4 * MIB
    assert len(workshop.volumes(sr)) == 1


async def test_what_is_not_there_is_not_taken_up(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    dummy = await workshop.sr("dummy")
    taken = workshop.row(await workshop.disk(dummy))

    with pytest.raises(VDI_MISSING) as missing:
        await introduce(xapi, "introduce", dummy, UUID, "nowhere")
    with pytest.raises(LOCATION_NOT_UNIQUE) as twice:
        await introduce(xapi, "introduce", dummy, UUID, taken.location)
    with pytest.raises(INTERNAL_ERROR):
        await introduce(xapi, "introduce", dummy, "no uuid", "nowhere")
    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as unsupported:
        await introduce(xapi, "introduce", sr, UUID, "nowhere")

    assert (missing.value.args, twice.value.args) == ((dummy, "nowhere"), (dummy, taken.location))
    assert unsupported.value.args == (sr,)


async def test_a_host_that_joins_brings_records_along(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await xapi.VDI.pool_introduce(UUID, "n", "d", sr, "user", False, False, {}, "loc", {}, {}, True, 2 * MIB)

    row = workshop.row(vdi)
    assert (row.uuid, row.location, row.virtual_size) == (UUID, "loc", 2 * MIB)


async def test_a_record_that_is_there_is_not_brought_along(workshop: Workshop, xapi: Xapi, sr: str, vdi: str) -> None:
    row = workshop.row(vdi)

    with pytest.raises(UUID_INVALID) as uuid:
        await introduce(xapi, "pool_introduce", sr, row.uuid, "loc")
    with pytest.raises(LOCATION_NOT_UNIQUE) as location:
        await introduce(xapi, "pool_introduce", sr, UUID, row.location)

    assert (uuid.value.args, location.value.args) == (("VDI", row.uuid), (sr, row.location))


async def test_a_disk_in_use_is_not_forgotten(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    vm = await workshop.vm()
    await workshop.drive(vm, vdi)
    await workshop.started(vm)

    with pytest.raises(VDI_IN_USE) as error:
        await xapi.VDI.forget(vdi)

    assert error.value.args == (vdi, "forget")


# --- Settings ----------------------------------------------------------------------------------------


async def test_a_disk_is_named_and_described(xapi: Xapi, vdi: str) -> None:
    await xapi.VDI.set_name_label(vdi, "root")
    await xapi.VDI.set_name_description(vdi, "of the mail server")
    await xapi.VDI.set_allow_caching(vdi, True)

    record = await xapi.VDI.get_record(vdi)
    kept = [record[name] for name in ("name_label", "name_description", "allow_caching")]
    assert kept == ["root", "of the mail server", True]


async def test_what_is_written_may_be_forgotten_at_the_next_start(workshop: Workshop, xapi: Xapi, vdi: str) -> None:
    vdi = await workshop.disk(await workshop.sr("ext"))

    await xapi.VDI.set_on_boot(vdi, "reset")

    assert await xapi.VDI.get_on_boot(vdi) == "reset"


async def begins_anew(workshop: Workshop, sr: str) -> str:
    """A disk that forgets at each start what was written to it."""
    vdi = await workshop.disk(sr)
    await workshop.xapi.VDI.set_on_boot(vdi, "reset")
    return vdi


def written(workshop: Workshop, sr: str, vdi: str) -> bool:
    """Whether somebody may have written to a simulated disk since it was as it shall be."""
    world = workshop.fresh.driver("storage:ext")._worlds[workshop.row(sr).uuid]
    return workshop.row(vdi).location in world.written


async def test_what_a_disk_holds_then_is_laid_beneath_it(workshop: Workshop, xapi: Xapi) -> None:
    sr = await workshop.sr("ext")
    vdi = await begins_anew(workshop, sr)

    (base,) = [row for row in workshop.fresh.store.all(VDI) if not row.managed]
    assert workshop.row(vdi).sm_config["vhd-parent"] == base.uuid
    assert workshop.volumes(sr) == {base.uuid, workshop.row(vdi).uuid}
    # Said twice it is true once.
    await xapi.VDI.set_on_boot(vdi, "reset")
    assert workshop.volumes(sr) == {base.uuid, workshop.row(vdi).uuid}
    assert workshop.idle()


async def test_such_a_disk_begins_anew_with_each_start(workshop: Workshop, xapi: Xapi) -> None:
    sr = await workshop.sr("ext")
    vdi, vm = await begins_anew(workshop, sr), await workshop.vm()
    await workshop.drive(vm, vdi)
    before = written(workshop, sr, vdi)
    await workshop.started(vm)
    during = written(workshop, sr, vdi)
    await xapi.VM.hard_shutdown(vm)
    after = written(workshop, sr, vdi)
    workshop.faults("storage:ext").afterwards("rewind", lambda: seen.append(written(workshop, sr, vdi)))
    seen: list[bool] = []

    await workshop.started(vm)
    await xapi.VM.hard_reboot(vm)

    assert (before, during, after) == (False, True, True)
    assert seen == [False]


@pytest.mark.parametrize("who", ["client", "guest"])
async def test_such_a_disk_begins_anew_when_the_guest_reboots(workshop: Workshop, xapi: Xapi, who: str) -> None:
    sr = await workshop.sr("ext")
    vdi, vm = await begins_anew(workshop, sr), await workshop.vm()
    await workshop.drive(vm, vdi)
    await workshop.started(vm)
    before, seen = workshop.row(vm).domid, asyncio.Event()
    workshop.faults("storage:ext").afterwards("rewind", seen.set)

    if who == "client":
        await xapi.VM.clean_reboot(vm)
    else:
        workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.rebooted)

    await asyncio.wait_for(seen.wait(), 5)
    await workshop.until(lambda: workshop.row(vm).domid not in (-1, before) and workshop.idle())
    assert workshop.row(vm).power_state == "Running"


async def test_a_machine_that_wakes_finds_what_it_wrote(workshop: Workshop, xapi: Xapi) -> None:
    sr = await workshop.sr("ext")
    vdi, vm = await begins_anew(workshop, sr), await workshop.vm(suspend_SR=sr)
    await workshop.drive(vm, vdi)
    await workshop.started(vm)
    await xapi.VM.suspend(vm)
    workshop.faults("storage:ext").fail("rewind", Failed("it would be lost"))

    await xapi.VM.resume(vm, False, False)

    assert written(workshop, sr, vdi)


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
@pytest.mark.parametrize("method", ["clone", "destroy"])
async def test_what_cannot_be_laid_beneath_a_disk_leaves_it_as_it_was(
    workshop: Workshop, xapi: Xapi, method: str, done: bool
) -> None:
    sr = await workshop.sr("ext")
    vdi = await workshop.disk(sr)
    before = workshop.row(vdi).sm_config, workshop.volumes(sr)
    workshop.faults("storage:ext").fail(method, NoSpace("full"), done=done)

    with pytest.raises(OtherError):
        await xapi.VDI.set_on_boot(vdi, "reset")

    assert (workshop.row(vdi).sm_config, workshop.volumes(sr)) == before
    assert workshop.row(vdi).on_boot == "persist"
    assert workshop.idle()


async def test_that_is_not_changed_while_a_machine_runs(workshop: Workshop, xapi: Xapi) -> None:
    vdi, vm = await workshop.disk(await workshop.sr("ext")), await workshop.vm()
    await workshop.drive(vm, vdi)
    await workshop.started(vm)

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await xapi.VDI.set_on_boot(vdi, "reset")

    assert error.value.args == (vm, "halted", "running")


SETTERS: list[tuple[str, Any]] = [
    ("read_only", True), ("sharable", True), ("managed", False), ("missing", True), ("cbt_enabled", True),
    ("virtual_size", 1), ("physical_utilisation", 1), ("metadata_of_pool", NULL), ("is_a_snapshot", True),
    ("snapshot_of", NULL), ("snapshot_time", "19700101T00:00:00Z"),
]  # fmt: skip


@pytest.mark.parametrize("field, value", SETTERS, ids=[name for name, _ in SETTERS])
async def test_what_storage_plugins_say_of_a_disk_is_not_for_clients(
    xapi: Xapi, vdi: str, pool: str, field: str, value: Any
) -> None:
    before = await xapi.VDI.get_record(vdi)
    references = {"metadata_of_pool": pool, "snapshot_of": vdi}

    with pytest.raises(PERMISSION_DENIED) as error:
        await xapi.call(f"VDI.set_{field}", vdi, references.get(field, value))

    assert error.value.args == ("",)
    assert await xapi.VDI.get_record(vdi) == before


async def test_how_a_disk_is_attached_without_the_toolstack_is_told(
    workshop: Workshop, xapi: Xapi, host: str, sr: str, vdi: str
) -> None:
    text = await xapi.call("VDI.generate_config", host, vdi)

    (call,), method = xmlrpc.client.loads(text)
    assert method == call["command"] == "vdi_attach_from_config"
    assert (call["sr_uuid"], call["vdi_uuid"]) == (workshop.row(sr).uuid, workshop.row(vdi).uuid)
    assert call["device_config"]["location"] == str(workshop.directory / "sr-file")


async def test_a_database_is_on_no_ordinary_disk(xapi: Xapi, vdi: str) -> None:
    with pytest.raises(VDI_INCOMPATIBLE_TYPE) as error:
        await xapi.VDI.open_database(vdi)

    assert error.value.args == (vdi, "User")


async def test_what_is_not_offered_says_so(xapi: Xapi, sr: str, vdi: str) -> None:
    with pytest.raises(MESSAGE_DEPRECATED):
        await xapi.VDI.force_unlock(vdi)
    with pytest.raises(VDI_NEEDS_VM_FOR_MIGRATE) as error:
        await xapi.VDI.pool_migrate(vdi, sr, {})

    assert error.value.args == (vdi,)
    assert await xapi.VDI.read_database_pool_uuid(vdi) == ""

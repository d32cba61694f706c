"""Repositories: made, taken up, looked into, and given up."""

from __future__ import annotations

import asyncio
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.machines import MIB, NULL, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed, NoSpace
from xapid.datamodel import PBD, SR, VDI, Host, Secret, Task
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    MESSAGE_DEPRECATED,
    PERMISSION_DENIED,
    SR_HAS_NO_PBDS,
    SR_HAS_PBD,
    SR_INDESTRUCTIBLE,
    SR_IS_CACHE_SR,
    SR_NOT_EMPTY,
    SR_OPERATION_NOT_SUPPORTED,
    SR_SOURCE_SPACE_INSUFFICIENT,
    SR_UNKNOWN_DRIVER,
    SR_UUID_EXISTS,
    ApiError,
    OtherError,
)

UUID = "5a5a5a5a-0000-4000-8000-0000000000b2"


async def unplugged(xapi: Xapi, sr: str) -> str:
    """The repository once no host sees it."""
    for pbd in await xapi.SR.get_PBDs(sr):
        await xapi.PBD.unplug(pbd)
    return sr


def pbd_of(workshop: Workshop, sr: str) -> PBD:
    (pbd,) = workshop.fresh.store.where(PBD, SR=sr)
    return pbd


# --- Coming and going --------------------------------------------------------------------------------


async def test_a_repository_is_made_and_plugged_in(workshop: Workshop, xapi: Xapi, host: str) -> None:
    config = {"location": str(workshop.directory / "disks")}

    sr = await xapi.SR.create(host, config, 0, "disks", "for guests", "FILE", "user", False, {"k": "v"})

    row, pbd = workshop.row(sr), pbd_of(workshop, sr)
    assert (row.name_label, row.name_description, row.type, row.content_type) == ("disks", "for guests", "file", "user")
    assert (row.shared, row.sm_config, row.virtual_allocation) == (False, {"k": "v"}, 0)
    assert row.physical_size > 0
    assert (pbd.host, pbd.device_config, pbd.currently_attached) == (host, config, True)
    assert {"scan", "vdi_create", "unplug"} <= set(row.allowed_operations)
    assert workshop.idle()


async def test_a_shared_repository_is_plugged_into_every_host(workshop: Workshop, xapi: Xapi, host: str) -> None:
    with workshop.fresh.store.write() as tx:
        other = tx.create(Host, name_label="the other").ref

    sr = await xapi.SR.create(host, {"server": "nas", "serverpath": "/x"}, 0, "shared", "", "nfs", "user", True, {})

    attached = {pbd.host: pbd.currently_attached for pbd in workshop.fresh.store.where(PBD, SR=sr)}
    assert attached == {host: True, other: True}


async def test_a_password_is_kept_apart_and_goes_with_the_repository(workshop: Workshop, xapi: Xapi, host: str) -> None:
    config = {"server": "nas", "serverpath": "/x", "cifspassword": "rosebud"}
    sr = await xapi.SR.create(host, config, 0, "shared", "", "nfs", "user", True, {})
    kept = pbd_of(workshop, sr).device_config
    secret = workshop.fresh.store.find_uuid(Secret, kept["cifspassword_secret"])

    await xapi.SR.forget(await unplugged(xapi, sr))

    assert kept.keys() == {"server", "serverpath", "cifspassword_secret"}
    assert secret is not None
    assert secret.value == "rosebud"
    assert not workshop.is_there(secret.ref)


@pytest.mark.parametrize(
    "config, type, code", [({}, "file", "94"), ({"location": "disks"}, "file", "94"), ({}, "ext", "90")]
)
async def test_a_repository_without_a_place_is_not_made(
    workshop: Workshop, xapi: Xapi, host: str, config: dict[str, str], type: str, code: str
) -> None:
    with pytest.raises(OtherError) as error:
        await xapi.SR.create(host, config, 0, "disks", "", type, "user", False, {})

    assert (error.value.code, error.value.args[0]) == (f"SR_BACKEND_FAILURE_{code}", "")
    assert list(workshop.fresh.store.all(SR)) == list(workshop.fresh.store.all(PBD)) == []


@pytest.mark.parametrize("message", ["create", "probe", "probe_ext"])
async def test_a_type_that_nobody_serves_is_refused(xapi: Xapi, host: str, message: str) -> None:
    arguments: dict[str, list[Any]] = {"create": [host, {}, 0, "n", "d", "floppies", "user", False, {}]}

    with pytest.raises(SR_UNKNOWN_DRIVER) as error:
        await xapi.call(f"SR.{message}", *arguments.get(message, [host, {}, "floppies", {}]))

    assert error.value.args == ("floppies",)


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
async def test_a_repository_that_cannot_be_made_leaves_nothing_behind(
    workshop: Workshop, xapi: Xapi, host: str, done: bool
) -> None:
    place = workshop.directory / "disks"
    workshop.faults("storage:file").fail("create_sr", NoSpace("full"), done=done)

    with pytest.raises(OtherError) as error:
        await xapi.SR.create(host, {"location": str(place)}, 0, "disks", "", "file", "user", False, {})

    assert error.value.code == "SR_BACKEND_FAILURE_44"
    assert list(workshop.fresh.store.all(SR)) == list(workshop.fresh.store.all(PBD)) == []
    assert not place.exists()


async def test_a_repository_that_cannot_be_plugged_in_is_there_unplugged(workshop: Workshop, xapi: Xapi) -> None:
    workshop.faults("storage:file").fail("attach_sr", Failed("not now"))

    sr = await workshop.sr()

    pbd = pbd_of(workshop, sr)
    assert pbd.currently_attached is False
    await xapi.PBD.plug(pbd.ref)
    assert pbd_of(workshop, sr).currently_attached is True


@pytest.mark.parametrize("fails", [False, True])
async def test_how_each_plug_ended_stands_in_a_task_below(
    workshop: Workshop, xapi: Xapi, host: str, fails: bool
) -> None:
    if fails:
        workshop.faults("storage:dummy").fail("attach_sr", Failed("not now"))

    task = await xapi.call("Async.SR.create", host, {}, 0, "a repository", "", "dummy", "", False, {})
    await workshop.until(lambda: workshop.row(task).status == "success")

    (part,) = await xapi.task.get_subtasks(task)
    row = workshop.row(part)
    assert (row.name_label, row.status) == ("Async.PBD.plug", "failure" if fails else "success")
    assert row.error_info[:1] == (("SR_BACKEND_FAILURE_202",) if fails else ())


async def test_a_call_that_is_waited_for_leaves_no_task(workshop: Workshop, xapi: Xapi) -> None:
    await workshop.sr()

    assert list(workshop.fresh.store.all(Task)) == []


async def test_a_repository_is_taken_up_by_its_record_alone(workshop: Workshop, xapi: Xapi) -> None:
    sr = await xapi.SR.introduce(UUID, "old", "disks", "FILE", "user", True, {"k": "v"})
    nameless = await xapi.SR.introduce("", "new", "", "no such type", "", False, {})

    row = workshop.row(sr)
    assert (row.uuid, row.type, row.shared, row.sm_config) == (UUID, "file", True, {"k": "v"})
    assert (row.physical_size, row.physical_utilisation) == (-1, -1)
    assert len(workshop.row(nameless).uuid) == 36


async def test_a_repository_is_taken_up_once(xapi: Xapi, sr: str) -> None:
    uuid = await xapi.SR.get_uuid(sr)

    with pytest.raises(SR_UUID_EXISTS) as error:
        await xapi.SR.introduce(uuid, "again", "", "file", "user", False, {})

    assert error.value.args == (uuid,)


async def test_an_empty_repository_is_destroyed(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    place = workshop.directory / "sr-file"
    was_there = place.is_dir()

    await xapi.SR.destroy(await unplugged(xapi, sr))

    assert was_there
    assert not place.exists()
    assert not workshop.is_there(sr)
    assert list(workshop.fresh.store.all(PBD)) == []


async def test_a_repository_in_use_is_neither_destroyed_nor_forgotten(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    for message in ("destroy", "forget"):
        with pytest.raises(SR_HAS_PBD) as plugged:
            await xapi.call(f"SR.{message}", sr)
        assert plugged.value.args == (sr,)
    await workshop.disk(sr)
    await unplugged(xapi, sr)

    with pytest.raises(SR_NOT_EMPTY) as full:
        await xapi.SR.destroy(sr)

    assert full.value.args == ()


async def test_some_repositories_are_not_to_be_destroyed(workshop: Workshop, xapi: Xapi, host: str, sr: str) -> None:
    await unplugged(xapi, sr)
    introduced = await xapi.SR.introduce(UUID, "old", "", "file", "user", False, {})

    with pytest.raises(SR_HAS_NO_PBDS) as nowhere:
        await xapi.SR.destroy(introduced)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(host), local_cache_sr=sr)
    with pytest.raises(SR_IS_CACHE_SR) as cache:
        await xapi.SR.destroy(sr)
    await xapi.SR.add_to_other_config(sr, "indestructible", "true")
    with pytest.raises(SR_INDESTRUCTIBLE) as kept:
        await xapi.SR.destroy(sr)

    assert (nowhere.value.args, cache.value.args, kept.value.args) == ((introduced,), (host,), (sr,))
    assert workshop.is_there(sr)


async def test_a_repository_that_could_not_be_destroyed_can_be_later(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    await unplugged(xapi, sr)
    workshop.faults("storage:file").fail("destroy_sr", Failed("not now"), done=True)
    with pytest.raises(OtherError):
        await xapi.SR.destroy(sr)
    stayed = workshop.is_there(sr) and workshop.idle()

    await xapi.SR.destroy(sr)

    assert stayed
    assert not workshop.is_there(sr)


async def test_a_forgotten_repository_keeps_its_disks_and_gives_them_back(
    workshop: Workshop, xapi: Xapi, host: str, sr: str
) -> None:
    uuid, config = workshop.row(sr).uuid, pbd_of(workshop, sr).device_config
    disk = workshop.row(await workshop.disk(sr, name_label="root"))
    drive = await workshop.drive(await workshop.vm(), disk.ref)

    await xapi.SR.forget(await unplugged(xapi, sr))
    gone = not any(map(workshop.is_there, (sr, disk.ref)))
    again = await xapi.SR.introduce(uuid, "again", "", "file", "user", False, {})
    pbd = await xapi.PBD.create({"host": host, "SR": again, "device_config": config})
    await xapi.PBD.plug(pbd)

    assert gone
    assert workshop.is_there(drive)
    (found,) = await xapi.SR.get_VDIs(again)
    assert (workshop.row(found).uuid, workshop.row(found).name_label) == (disk.uuid, "root")


# --- What is in it -----------------------------------------------------------------------------------


async def test_a_scan_finds_new_discs_and_misses_those_that_are_gone(workshop: Workshop, xapi: Xapi) -> None:
    library = workshop.directory / "library"
    library.mkdir()
    (library / "old.iso").write_bytes(bytes(4096))
    (library / "kept.iso").write_bytes(bytes(2048))
    sr = await workshop.sr("iso", location=str(library))
    before = {row.location: row for row in workshop.fresh.store.where(VDI, SR=sr)}
    (library / "old.iso").unlink()
    (library / "new.iso").write_bytes(bytes(8192))

    await xapi.SR.scan(sr)

    after = {row.location: row for row in workshop.fresh.store.where(VDI, SR=sr)}
    assert (set(before), set(after)) == ({"old.iso", "kept.iso"}, {"new.iso", "kept.iso"})
    assert after["kept.iso"].ref == before["kept.iso"].ref
    assert (after["new.iso"].virtual_size, after["new.iso"].read_only, after["new.iso"].managed) == (8192, True, True)
    assert workshop.row(sr).virtual_allocation == 8192 + 2048


async def test_the_same_disc_has_the_same_uuid_in_a_library_made_anew(
    workshop: Workshop, xapi: Xapi, host: str
) -> None:
    (workshop.directory / "a.iso").write_bytes(bytes(4096))
    sr = await workshop.sr("iso", location=str(workshop.directory))
    (disc,) = await xapi.SR.get_VDIs(sr)
    uuid, sr_uuid = workshop.row(disc).uuid, workshop.row(sr).uuid
    await xapi.SR.forget(await unplugged(xapi, sr))

    again = await xapi.SR.introduce(sr_uuid, "again", "", "iso", "iso", True, {})
    await xapi.PBD.plug(
        await xapi.PBD.create({"host": host, "SR": again, "device_config": {"location": str(workshop.directory)}})
    )

    (found,) = await xapi.SR.get_VDIs(again)
    assert workshop.row(found).uuid == uuid


async def test_a_scan_keeps_what_clients_said_of_a_disk(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await workshop.disk(sr, name_label="root", other_config={"a": "b"}, tags=["t"], sharable=True)
    snapshot = await xapi.VDI.clone(vdi, {})
    before = {row.ref: row.__dict__ for row in workshop.fresh.store.where(VDI, SR=sr)}

    await xapi.SR.scan(sr)

    after = {row.ref: row.__dict__ for row in workshop.fresh.store.where(VDI, SR=sr)}
    assert snapshot in after
    assert {ref: shown(row) for ref, row in after.items()} == {ref: shown(row) for ref, row in before.items()}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_")}


async def test_a_scan_reads_how_large_disks_are_and_takes_the_mark_away(
    workshop: Workshop, xapi: Xapi, sr: str
) -> None:
    vdi = await workshop.disk(sr)
    workshop.fresh.driver("storage:file").grown_by_guest(workshop.row(vdi).uuid, 8 * MIB)
    await xapi.SR.set_other_config(sr, {"dirty": "", "mine": "1"})

    await xapi.SR.scan(sr)

    assert workshop.row(vdi).virtual_size == 8 * MIB
    assert (workshop.row(sr).virtual_allocation, workshop.row(sr).other_config) == (8 * MIB, {"mine": "1"})


async def test_a_scan_that_fails_changes_nothing(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await workshop.disk(sr)
    workshop.faults("storage:file").fail("scan", Failed("the server is gone"))

    with pytest.raises(OtherError):
        await xapi.SR.scan(sr)

    assert workshop.is_there(vdi)
    assert workshop.idle()


async def test_a_scan_and_a_new_disk_wait_for_each_other(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    workshop.faults("storage:file").delay("scan", 0.02)
    scanning = asyncio.ensure_future(xapi.SR.scan(sr))
    await workshop.until(lambda: bool(workshop.row(sr).current_operations))

    made = await workshop.disk(sr)

    assert scanning.done()
    assert workshop.is_there(made)
    assert workshop.row(sr).virtual_allocation == 4 * MIB


async def test_an_update_reads_the_space_anew(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    await workshop.disk(sr)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(sr), physical_size=1, physical_utilisation=1, virtual_allocation=1)

    await xapi.SR.update(sr)

    row = workshop.row(sr)
    assert (row.physical_utilisation, row.virtual_allocation) == (4 * MIB, 4 * MIB)
    assert row.physical_size > 4 * MIB


@pytest.mark.parametrize("message", ["scan", "update"])
async def test_what_no_host_sees_is_not_looked_into(xapi: Xapi, sr: str, message: str) -> None:
    await unplugged(xapi, sr)

    with pytest.raises(SR_HAS_NO_PBDS) as error:
        await xapi.call(f"SR.{message}", sr)

    assert error.value.args == (sr,)


async def test_what_a_driver_cannot_tell_is_not_asked(workshop: Workshop, xapi: Xapi) -> None:
    sr = await workshop.sr("iso", location=str(workshop.directory))

    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as error:
        await xapi.SR.update(sr)

    assert error.value.args == (sr,)


# --- Looking for repositories ------------------------------------------------------------------------


async def test_the_types_that_are_served_are_told(xapi: Xapi) -> None:
    types = await xapi.SR.get_supported_types()

    assert types == sorted(types)
    assert {"file", "iso", "nfs", "udev"} <= set(types)


async def test_a_driver_that_cannot_look_for_repositories_says_so(xapi: Xapi, host: str) -> None:
    with pytest.raises(ApiError) as text:
        await xapi.SR.probe(host, {}, "udev", {})
    with pytest.raises(ApiError) as records:
        await xapi.SR.probe_ext(host, {}, "udev", {})

    assert text.value.description[0] == "SR_BACKEND_FAILURE"
    assert text.value.description[2:] == ["", ""]
    assert records.value.description == ["SR_OPERATION_NOT_SUPPORTED"]


async def test_a_repository_is_found_where_it_was_made(workshop: Workshop, xapi: Xapi, host: str, sr: str) -> None:
    row, config = workshop.row(sr), pbd_of(workshop, sr).device_config
    await xapi.SR.forget(await unplugged(xapi, sr))

    (found,) = await xapi.SR.probe_ext(host, config, "file", {})
    text = await xapi.SR.probe(host, config, "file", {})

    assert (found["configuration"], found["complete"], found["extra_info"]) == (config, True, {})
    assert (found["sr"]["uuid"], found["sr"]["health"]) == (row.uuid, "healthy")
    assert [each.text for each in ElementTree.fromstring(text).iterfind("SR/UUID")] == [row.uuid]


async def test_where_nothing_is_nothing_is_found(workshop: Workshop, xapi: Xapi, host: str) -> None:
    config = {"location": str(workshop.directory / "nowhere")}

    assert await xapi.SR.probe_ext(host, config, "file", {}) == []
    assert list(ElementTree.fromstring(await xapi.SR.probe(host, config, "file", {}))) == []


# --- Settings ----------------------------------------------------------------------------------------


async def test_a_repository_is_named_and_described(xapi: Xapi, sr: str) -> None:
    await xapi.SR.set_name_label(sr, "disks")
    await xapi.SR.set_name_description(sr, "for guests")

    record = await xapi.SR.get_record(sr)
    assert (record["name_label"], record["name_description"]) == ("disks", "for guests")


@pytest.mark.parametrize("message", ["set_name_label", "set_name_description"])
async def test_the_names_of_what_no_host_sees_stay(xapi: Xapi, sr: str, message: str) -> None:
    await unplugged(xapi, sr)

    with pytest.raises(SR_HAS_NO_PBDS) as error:
        await xapi.call(f"SR.{message}", sr, "x")

    assert error.value.args == (sr,)


async def test_what_several_hosts_see_is_shared(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    await xapi.SR.set_shared(sr, True)
    shared = await xapi.SR.get_shared(sr)
    await xapi.SR.set_shared(sr, False)
    with workshop.fresh.store.write() as tx:
        tx.create(PBD, host=NULL, SR=sr)

    with pytest.raises(OtherError) as error:
        await xapi.SR.set_shared(sr, False)

    assert (shared, error.value.code) == (True, "SR_HAS_MULTIPLE_PBDS")
    assert set(error.value.args) == set(await xapi.SR.get_PBDs(sr))


async def test_hosts_that_can_use_a_repository_are_told(xapi: Xapi, host: str, sr: str) -> None:
    plugged = await xapi.SR.get_live_hosts(sr)
    await unplugged(xapi, sr)

    assert (plugged, await xapi.SR.get_live_hosts(sr)) == ([host], [])


@pytest.mark.parametrize("field", ["physical_size", "physical_utilisation", "virtual_allocation"])
async def test_what_storage_plugins_say_of_space_is_not_for_clients(xapi: Xapi, sr: str, field: str) -> None:
    with pytest.raises(PERMISSION_DENIED) as error:
        await xapi.call(f"SR.set_{field}", sr, 1)

    assert error.value.args == ("",)


async def test_an_older_way_of_making_repositories_is_gone(xapi: Xapi, host: str) -> None:
    with pytest.raises(MESSAGE_DEPRECATED):
        await xapi.SR.make(host, {}, 0, "n", "d", "file", "user", {})


# --- What it is good for -----------------------------------------------------------------------------


async def test_a_repository_of_all_hosts_takes_what_high_availability_needs(
    workshop: Workshop, xapi: Xapi, sr: str
) -> None:
    dummy = await workshop.sr("dummy")
    (pbd,) = await xapi.SR.get_PBDs(sr)

    await xapi.SR.assert_can_host_ha_statefile(sr)
    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as unsupported:
        await xapi.SR.assert_can_host_ha_statefile(dummy)
    row = workshop.row(sr)
    with workshop.fresh.store.write() as tx:
        tx.set(row, physical_size=row.physical_utilisation + MIB)
    with pytest.raises(SR_SOURCE_SPACE_INSUFFICIENT) as full:
        await xapi.SR.assert_can_host_ha_statefile(sr)
    # One that is there already is used again.
    await workshop.disk(sr, type="redo_log", virtual_size=256 * MIB)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(sr), physical_size=workshop.row(sr).physical_utilisation + MIB)
    await xapi.SR.assert_can_host_ha_statefile(sr)
    await xapi.PBD.unplug(pbd)
    with pytest.raises(SR_HAS_NO_PBDS) as unseen:
        await xapi.SR.assert_can_host_ha_statefile(sr)

    assert (unsupported.value.args, full.value.args, unseen.value.args) == ((dummy,), (sr,), (sr,))


async def test_a_repository_that_keeps_what_is_said_of_it_takes_copies_of_the_database(
    workshop: Workshop, xapi: Xapi, sr: str
) -> None:
    able = await workshop.sr("lvmoiscsi", target="192.0.2.1", targetIQN="iqn.x", SCSIid="36001405")

    await xapi.SR.assert_supports_database_replication(able)
    with pytest.raises(SR_OPERATION_NOT_SUPPORTED) as error:
        await xapi.SR.assert_supports_database_replication(sr)

    assert error.value.args == (sr,)


async def test_a_blob_is_entered_by_its_name(xapi: Xapi, sr: str) -> None:
    blob = await xapi.SR.create_new_blob(sr, "notes", "text/plain", False)

    assert await xapi.SR.get_blobs(sr) == {"notes": blob}


# --- Its figures over time ---------------------------------------------------------------------------


async def test_a_repository_tells_its_figures(workshop: Workshop, xapi: Xapi) -> None:
    sr = await workshop.sr()
    await workshop.disk(sr)

    sources = await xapi.SR.get_data_sources(sr)

    assert [each["name_label"] for each in sources] == ["physical_utilisation", "size"]
    assert {(each["enabled"], each["standard"], each["units"]) for each in sources} == {(False, True, "B")}
    values = [await xapi.SR.query_data_source(sr, each["name_label"]) for each in sources]
    assert values == [float(workshop.row(sr).physical_utilisation), float(workshop.row(sr).physical_size)]
    assert values[0] > 0
    assert await xapi.SR.forget_data_source_archives(sr, "size") == ""


@pytest.mark.parametrize("message", ["query_data_source", "record_data_source"])
async def test_a_figure_that_nobody_takes_is_not_told(workshop: Workshop, xapi: Xapi, message: str) -> None:
    with pytest.raises(INTERNAL_ERROR):
        await xapi.call(f"SR.{message}", await workshop.sr(), "warmth")


@pytest.mark.parametrize("message", ["get_data_sources", "query_data_source", "forget_data_source_archives"])
async def test_of_a_repository_that_no_host_sees_no_figures_are_known(
    workshop: Workshop, xapi: Xapi, message: str
) -> None:
    sr = await workshop.sr()
    (pbd,) = await xapi.SR.get_PBDs(sr)
    await xapi.PBD.unplug(pbd)

    with pytest.raises(SR_HAS_NO_PBDS) as error:
        await xapi.call(f"SR.{message}", sr, *(() if message == "get_data_sources" else ("size",)))

    assert error.value.args == (sr,)

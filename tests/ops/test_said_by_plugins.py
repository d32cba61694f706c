"""What storage plug-ins say of their repository and its disks, in sessions of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import NULL, Workshop
from tests.xapi import REMOTE, Xapi
from xapid.datamodel import Secret, Session
from xapid.datamodel.errors import HANDLE_INVALID, LOCATION_NOT_UNIQUE, PERMISSION_DENIED, SESSION_INVALID, UUID_INVALID

UUID = "5a5a5a5a-0000-4000-8000-0000000000f1"
SECONDS_OF_A_DAY = 24 * 3600.0


@pytest.fixture
def plugin(fresh: FreshHost, xapi: Xapi, sr: str) -> Iterator[Xapi]:
    """A plug-in that works on the repository."""
    sessions = fresh.runtime.services["sessions"]
    plugin = xapi.beside()
    plugin.session = sessions.start_for_driver(frozenset({sr})).ref
    yield plugin
    sessions.end(plugin.session)


def introduced(sr: str, uuid: str = UUID, location: str = "here", **fields: Any) -> tuple[Any, ...]:
    """The parameters of VDI.db_introduce."""
    wanted = {
        "uuid": uuid, "name_label": "found", "name_description": "", "SR": sr, "type": "user", "sharable": False,
        "read_only": True, "other_config": {}, "location": location, "xenstore_data": {}, "sm_config": {"k": "v"},
        "managed": False, "virtual_size": 7, "physical_utilisation": 5, "metadata_of_pool": NULL,
        "is_a_snapshot": True, "snapshot_time": "20260101T00:00:00Z", "snapshot_of": NULL, "cbt_enabled": True,
    }  # fmt: skip
    return tuple((wanted | fields).values())


# --- What they say ----------------------------------------------------------------------------------


async def test_a_plugin_says_how_full_its_repository_is(workshop: Workshop, plugin: Xapi, sr: str) -> None:
    await plugin.SR.set_physical_size(sr, 1 << 40)
    await plugin.SR.set_physical_utilisation(sr, 1 << 39)
    await plugin.SR.set_virtual_allocation(sr, 1 << 41)

    row = workshop.row(sr)
    assert (row.physical_size, row.physical_utilisation, row.virtual_allocation) == (1 << 40, 1 << 39, 1 << 41)


async def test_a_plugin_says_what_a_disk_is(workshop: Workshop, plugin: Xapi, vdi: str) -> None:
    await plugin.VDI.set_read_only(vdi, True)
    await plugin.VDI.set_sharable(vdi, True)
    await plugin.VDI.set_managed(vdi, False)
    await plugin.VDI.set_missing(vdi, True)
    await plugin.VDI.set_cbt_enabled(vdi, True)
    await plugin.VDI.set_virtual_size(vdi, 12)
    await plugin.VDI.set_physical_utilisation(vdi, 13)
    await plugin.VDI.set_is_a_snapshot(vdi, True)
    await plugin.VDI.set_snapshot_of(vdi, "OpaqueRef:gone")
    await plugin.VDI.set_snapshot_time(vdi, "20260203T04:05:06Z")
    await plugin.VDI.set_metadata_of_pool(vdi, "OpaqueRef:other")

    row = workshop.row(vdi)
    assert (row.read_only, row.sharable, row.managed, row.missing, row.cbt_enabled) == (True, True, False, True, True)
    assert (row.virtual_size, row.physical_utilisation, row.is_a_snapshot) == (12, 13, True)
    assert (row.snapshot_of, row.snapshot_time) == ("OpaqueRef:gone", "20260203T04:05:06Z")
    assert row.metadata_of_pool == "OpaqueRef:other"


async def test_a_plugin_says_how_a_host_gets_to_its_repository(
    workshop: Workshop, xapi: Xapi, plugin: Xapi, sr: str
) -> None:
    (pbd,) = await xapi.SR.get_PBDs(sr)

    await plugin.PBD.set_device_config(pbd, {"location": "/elsewhere", "chappassword": "rosebud"})

    config = workshop.row(pbd).device_config
    secret = workshop.fresh.store.find_uuid(Secret, config.pop("chappassword_secret"))
    assert (config, secret and secret.value) == ({"location": "/elsewhere"}, "rosebud")


async def test_a_plugin_makes_records_of_disks_and_removes_them(
    workshop: Workshop, xapi: Xapi, plugin: Xapi, sr: str
) -> None:
    vdi = await plugin.VDI.db_introduce(*introduced(sr))

    row = workshop.row(vdi)
    assert (row.uuid, row.SR, row.location, row.name_label, row.sm_config) == (UUID, sr, "here", "found", {"k": "v"})
    assert (row.virtual_size, row.physical_utilisation, row.managed, row.read_only) == (7, 5, False, True)
    assert (row.is_a_snapshot, row.snapshot_time, row.cbt_enabled) == (True, "20260101T00:00:00Z", True)
    await plugin.VDI.db_forget(vdi)
    assert not workshop.is_there(vdi)


async def test_a_drive_whose_disc_is_gone_is_empty(workshop: Workshop, plugin: Xapi, sr: str) -> None:
    vdi = await plugin.VDI.db_introduce(*introduced(sr))
    drive = await workshop.drive(await workshop.vm(), vdi, mode="RO", type="CD")

    await plugin.VDI.db_forget(vdi)

    assert (workshop.row(drive).VDI, workshop.row(drive).empty) == (NULL, True)


async def test_two_disks_are_not_in_one_place_nor_of_one_uuid(plugin: Xapi, sr: str) -> None:
    await plugin.VDI.db_introduce(*introduced(sr))

    with pytest.raises(LOCATION_NOT_UNIQUE):
        await plugin.VDI.db_introduce(*introduced(sr, UUID.replace("f1", "f2")))
    with pytest.raises(UUID_INVALID):
        await plugin.VDI.db_introduce(*introduced(sr, UUID, "there"))


async def test_a_plugin_speaks_while_its_repository_and_disk_are_worked_on(
    workshop: Workshop, plugin: Xapi, sr: str, vdi: str
) -> None:
    guard = workshop.fresh.runtime.guard
    for ref, operation in ((sr, "vdi_resize"), (vdi, "resize")):
        guard.mark(workshop.row(ref), operation, "OpaqueRef:the task")

    async with workshop.fresh.runtime.locks.held(sr, vdi):
        await plugin.call("VDI.set_virtual_size", vdi, 99)
        await plugin.VDI.add_to_sm_config(vdi, "host_x", "RW")

    assert (workshop.row(vdi).virtual_size, workshop.row(vdi).sm_config["host_x"]) == (99, "RW")


# --- Who may ----------------------------------------------------------------------------------------


async def test_a_plugin_speaks_of_no_other_repository(workshop: Workshop, plugin: Xapi) -> None:
    other = await workshop.sr("ext")
    disk = await workshop.disk(other)
    (pbd,) = await workshop.xapi.SR.get_PBDs(other)

    for method, *params in (
        ("SR.set_physical_size", other, 1), ("VDI.set_virtual_size", disk, 1), ("VDI.db_forget", disk),
        ("VDI.db_introduce", *introduced(other)), ("PBD.set_device_config", pbd, {}),
    ):  # fmt: skip
        with pytest.raises(PERMISSION_DENIED) as error:
            await plugin.call(method, *params)
        assert error.value.args == ("",)


async def test_records_are_not_for_clients_to_make(xapi: Xapi, sr: str, vdi: str) -> None:
    with pytest.raises(PERMISSION_DENIED):
        await xapi.VDI.db_introduce(*introduced(sr))
    with pytest.raises(PERMISSION_DENIED):
        await xapi.VDI.db_forget(vdi)


async def test_the_session_of_a_plugin_is_of_no_use_over_the_network(plugin: Xapi, sr: str) -> None:
    thief = plugin.beside(REMOTE)
    thief.session = plugin.session

    with pytest.raises(SESSION_INVALID):
        await thief.SR.get_record(sr)


async def test_the_session_of_a_plugin_is_seen_by_nobody_and_outlives_nothing(
    fresh: FreshHost, xapi: Xapi, plugin: Xapi, sr: str
) -> None:
    shown = (await xapi.event.from_(["session"], "", 0.0))["events"]
    assert plugin.session not in [event["ref"] for event in shown]
    assert fresh.store.find(Session, plugin.session) is None
    with pytest.raises(HANDLE_INVALID):
        await xapi.call("session.get_record", plugin.session)

    fresh.runtime.services["sessions"].end(plugin.session)

    with pytest.raises(SESSION_INVALID):
        await plugin.SR.get_record(sr)


async def test_the_session_of_a_plugin_ends_neither_by_idleness_nor_for_others(
    fresh: FreshHost, plugin: Xapi, sr: str
) -> None:
    sessions = fresh.runtime.services["sessions"]

    fresh.clock.passed = 2 * SECONDS_OF_A_DAY
    for _ in range(600):
        sessions.start("root", "SM", superuser=True)
    sessions.expire()

    assert (await plugin.SR.get_record(sr))["type"] == "file"

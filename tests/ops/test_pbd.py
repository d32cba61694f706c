"""How a host sees a repository: plugged in, and not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.machines import NULL, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed, NotFound
from xapid.datamodel import VDI, Message, Secret
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    OPERATION_NOT_ALLOWED,
    PBD_EXISTS,
    PERMISSION_DENIED,
    SR_NOT_SHARABLE,
    VALUE_NOT_SUPPORTED,
    ApiError,
    OtherError,
)

DEAD = "OpaqueRef:00000000-0000-4000-8000-00000000dead"


@pytest.fixture
async def pbd(xapi: Xapi, sr: str) -> str:
    (pbd,) = await xapi.SR.get_PBDs(sr)
    return str(pbd)


@pytest.fixture
async def unseen(workshop: Workshop, xapi: Xapi) -> str:
    """A repository that no host knows the way to."""
    return str(await xapi.SR.introduce("", "unseen", "", "file", "user", False, {}))


def wanted(host: str, sr: str, **config: str) -> dict[str, Any]:
    return {"host": host, "SR": sr, "device_config": config}


# --- Coming and going --------------------------------------------------------------------------------


async def test_a_way_to_a_repository_is_a_record_only(workshop: Workshop, xapi: Xapi, host: str, unseen: str) -> None:
    pbd = await xapi.PBD.create({**wanted(host, unseen, location="/nowhere"), "other_config": {"k": "v"}})

    row = workshop.row(pbd)
    assert (row.host, row.SR, row.currently_attached) == (host, unseen, False)
    assert (row.device_config, row.other_config) == ({"location": "/nowhere"}, {})


async def test_a_host_has_one_way_to_a_repository(xapi: Xapi, host: str, sr: str, pbd: str) -> None:
    with pytest.raises(PBD_EXISTS) as error:
        await xapi.PBD.create(wanted(host, sr))

    assert error.value.args == (sr, host, pbd)


async def test_a_repository_must_be_there_and_its_host_need_not(
    workshop: Workshop, xapi: Xapi, host: str, sr: str
) -> None:
    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.PBD.create(wanted(host, DEAD))

    assert error.value.args == ("SR", DEAD)
    assert workshop.row(await xapi.PBD.create(wanted(DEAD, sr))).host == DEAD


async def test_a_key_of_the_toolstack_is_not_for_clients(xapi: Xapi, host: str, unseen: str) -> None:
    with pytest.raises(VALUE_NOT_SUPPORTED) as error:
        await xapi.PBD.create(wanted(host, unseen, SRmaster="true"))

    assert error.value.args[:2] == ("SRmaster", "true")


async def test_a_password_is_kept_apart_and_goes_with_its_owner(
    workshop: Workshop, xapi: Xapi, host: str, unseen: str
) -> None:
    pbd = await xapi.PBD.create(wanted(host, unseen, location="/x", chappassword="rosebud"))
    kept = workshop.row(pbd).device_config
    secret = workshop.fresh.store.find_uuid(Secret, kept["chappassword_secret"])

    await xapi.PBD.destroy(pbd)

    assert kept.keys() == {"location", "chappassword_secret"}
    assert secret is not None
    assert secret.value == "rosebud"
    assert not any(map(workshop.is_there, (pbd, secret.ref)))


async def test_what_is_plugged_in_is_not_destroyed(workshop: Workshop, xapi: Xapi, pbd: str) -> None:
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.PBD.destroy(pbd)

    assert workshop.is_there(pbd)


async def test_the_way_to_a_repository_is_set_by_plugins_alone(xapi: Xapi, pbd: str) -> None:
    with pytest.raises(PERMISSION_DENIED) as error:
        await xapi.PBD.set_device_config(pbd, {"location": "/elsewhere"})

    assert error.value.args == ("",)


# --- Plugging ----------------------------------------------------------------------------------------


async def test_unplugged_and_plugged_in_again_nothing_is_lost(
    workshop: Workshop, xapi: Xapi, sr: str, pbd: str
) -> None:
    vdi = await workshop.disk(sr, name_label="root")

    for _ in range(2):
        await xapi.PBD.unplug(pbd)
        out = workshop.row(pbd).currently_attached, "vdi_create" in workshop.row(sr).allowed_operations
        await xapi.PBD.plug(pbd)

    assert out[0] is False
    assert workshop.row(pbd).currently_attached is True
    assert [row.ref for row in workshop.fresh.store.all(VDI)] == [vdi]
    assert workshop.row(vdi).name_label == "root"
    assert workshop.idle()


async def test_a_plug_is_told_of_by_events(xapi: Xapi, sr: str, pbd: str) -> None:
    await xapi.PBD.unplug(pbd)
    token = (await xapi.event.from_(["PBD", "SR"], "", 1.0))["token"]

    await xapi.PBD.plug(pbd)

    events = (await xapi.event.from_(["PBD", "SR"], token, 1.0))["events"]
    told = {event["ref"]: event["snapshot"] for event in events}
    assert told[pbd]["currently_attached"] is True
    assert told[sr]["current_operations"] == {}
    assert "destroy" not in told[sr]["allowed_operations"]


async def test_what_is_so_already_is_no_error(workshop: Workshop, xapi: Xapi, pbd: str) -> None:
    workshop.faults("storage:file").fail("attach_sr", Failed("it must not be asked"))

    await xapi.PBD.plug(pbd)
    await xapi.PBD.unplug(pbd)
    await xapi.PBD.unplug(pbd)

    assert workshop.row(pbd).currently_attached is False


async def test_a_private_repository_is_seen_by_one_host(workshop: Workshop, xapi: Xapi, host: str, sr: str) -> None:
    second = await xapi.PBD.create(wanted(NULL, sr))

    with pytest.raises(SR_NOT_SHARABLE) as error:
        await xapi.PBD.plug(second)

    assert error.value.args == (sr, host)
    assert workshop.idle()


async def test_what_cannot_be_reached_stays_unplugged(workshop: Workshop, xapi: Xapi, host: str, unseen: str) -> None:
    pbd = await xapi.PBD.create(wanted(host, unseen, location=str(workshop.directory / "nowhere")))

    with pytest.raises(OtherError) as error:
        await xapi.PBD.plug(pbd)

    assert error.value.code == "SR_BACKEND_FAILURE_47"
    assert workshop.row(pbd).currently_attached is False
    assert workshop.idle()


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
async def test_a_plug_that_fails_leaves_it_unplugged(
    workshop: Workshop, xapi: Xapi, sr: str, pbd: str, done: bool
) -> None:
    vdi = await workshop.disk(sr)
    await xapi.PBD.unplug(pbd)
    workshop.faults("storage:file").fail("attach_sr", NotFound("gone", code="47"), done=done)

    with pytest.raises(OtherError) as error:
        await xapi.PBD.plug(pbd)

    assert error.value.code == "SR_BACKEND_FAILURE_47"
    assert workshop.row(pbd).currently_attached is False
    assert workshop.is_there(vdi)
    assert workshop.idle()
    await xapi.PBD.plug(pbd)


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
async def test_what_cannot_be_scanned_is_plugged_in_all_the_same_and_told_of(
    workshop: Workshop, xapi: Xapi, sr: str, pbd: str, done: bool
) -> None:
    vdi = await workshop.disk(sr)
    await xapi.PBD.unplug(pbd)
    workshop.faults("storage:file").fail("scan", Failed("not now", code="40"), done=done)

    await xapi.PBD.plug(pbd)

    (message,) = workshop.fresh.store.all(Message)
    assert (message.name, message.priority, message.cls) == ("POST_ATTACH_SCAN_FAILED", 2, "SR")
    assert message.obj_uuid == workshop.row(sr).uuid
    assert workshop.row(pbd).currently_attached
    assert workshop.is_there(vdi)
    # The scan is owed.
    assert workshop.row(sr).other_config == {"dirty": ""}
    await xapi.SR.scan(sr)
    assert workshop.row(sr).other_config == {}
    assert workshop.idle()


async def test_an_unplug_that_fails_leaves_it_plugged_in(workshop: Workshop, xapi: Xapi, pbd: str) -> None:
    workshop.faults("storage:file").fail("detach_sr", Failed("busy"))

    with pytest.raises(OtherError):
        await xapi.PBD.unplug(pbd)

    assert workshop.row(pbd).currently_attached is True
    assert workshop.idle()


async def test_a_repository_with_open_disks_is_not_unplugged(workshop: Workshop, xapi: Xapi, sr: str, pbd: str) -> None:
    used, vm = await workshop.disk(sr), await workshop.vm()
    await workshop.disk(sr)
    await workshop.drive(vm, used)
    await workshop.started(vm)

    with pytest.raises(OtherError) as error:
        await xapi.PBD.unplug(pbd)
    await xapi.VM.hard_shutdown(vm)
    await xapi.PBD.unplug(pbd)

    assert (error.value.code, error.value.args) == ("VDI_IN_USE", (used,))
    assert workshop.row(pbd).currently_attached is False


async def test_an_unplug_waits_for_a_disk_that_is_being_made(workshop: Workshop, xapi: Xapi, sr: str, pbd: str) -> None:
    workshop.faults("storage:file").delay("create", 0.02)
    making = asyncio.ensure_future(workshop.disk(sr))
    await workshop.until(lambda: bool(workshop.row(sr).current_operations))

    await xapi.PBD.unplug(pbd)

    assert making.done()
    assert workshop.is_there(await making)
    assert workshop.row(pbd).currently_attached is False


async def test_a_private_repository_that_two_hosts_are_configured_for_is_worked_on_by_none(
    workshop: Workshop, xapi: Xapi, sr: str, pbd: str
) -> None:
    stray = await xapi.PBD.create(
        {"host": "OpaqueRef:of-another-pool", "SR": sr, "device_config": {}, "other_config": {}}
    )
    uuids = {workshop.row(each).uuid for each in (pbd, stray)}

    for asked in (lambda: workshop.disk(sr), lambda: xapi.PBD.unplug(pbd), lambda: xapi.SR.scan(sr)):
        with pytest.raises(ApiError) as error:
            await asked()
        assert error.value.description[0] == "SR_HAS_MULTIPLE_PBDS"
        assert set(error.value.description[1:]) == uuids

    await xapi.PBD.destroy(stray)
    await xapi.PBD.unplug(pbd)

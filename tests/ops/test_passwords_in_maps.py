"""Passwords that clients write into maps: who may read the map reads the uuid of a secret instead."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.datamodel import SR, Secret
from xapid.datamodel.errors import MAP_DUPLICATE_KEY
from xapid.datamodel.types import CLASSES, Passwords
from xapid.rules.volume_spec import sr_spec
from xapid.store.kept_apart import move_old

WORDS = {"chapuser": "u", "chappassword": "rosebud"}


def secrets(workshop: Workshop) -> list[str]:
    return sorted(secret.value for secret in workshop.fresh.store.all(Secret))


def behind(workshop: Workshop, config: dict[str, str], key: str = "chappassword") -> Any:
    """The secret to which a key of a map points."""
    return workshop.fresh.store.find_uuid(Secret, config[f"{key}_secret"])


@pytest.fixture
async def unseen(xapi: Xapi) -> str:
    return str(await xapi.SR.introduce("", "unseen", "", "file", "user", False, WORDS))


async def test_a_reader_of_a_repository_reads_no_password(workshop: Workshop, xapi: Xapi, unseen: str) -> None:
    record = await xapi.SR.get_record(unseen)

    assert record["sm_config"].keys() == {"chapuser", "chappassword_secret"}
    assert "rosebud" not in str(record)
    assert behind(workshop, record["sm_config"]).value == "rosebud"


async def test_the_driver_of_a_repository_does(workshop: Workshop, xapi: Xapi, host: str, unseen: str) -> None:
    pbd = await xapi.PBD.create({"host": host, "SR": unseen, "device_config": {"cifspassword": "kane"}})

    spec = sr_spec(workshop.fresh.store, workshop.row(pbd))

    assert (spec.sm_config, spec.device_config) == (WORDS, {"cifspassword": "kane"})


@pytest.mark.parametrize("how", ["create", "set", "add"])
async def test_however_it_is_written(workshop: Workshop, xapi: Xapi, host: str, how: str) -> None:
    made_with = WORDS if how == "create" else {}
    config = {"location": str(workshop.directory / "sr")}
    sr = await xapi.SR.create(host, config, 0, "a repository", "", "file", "user", False, made_with)

    if how == "set":
        await xapi.SR.set_sm_config(sr, WORDS)
    if how == "add":
        await xapi.SR.add_to_sm_config(sr, "chappassword", "rosebud")

    kept = await xapi.SR.get_sm_config(sr)
    assert "rosebud" not in kept.values()
    assert behind(workshop, kept).value == "rosebud"


async def test_a_password_is_there_once(xapi: Xapi, unseen: str) -> None:
    with pytest.raises(MAP_DUPLICATE_KEY) as error:
        await xapi.SR.add_to_sm_config(unseen, "chappassword", "another")

    assert error.value.args[3] == "chappassword"


async def test_a_map_that_is_written_back_stays_as_it_was(workshop: Workshop, xapi: Xapi, unseen: str) -> None:
    before = await xapi.SR.get_sm_config(unseen)

    await xapi.SR.set_sm_config(unseen, before)

    assert await xapi.SR.get_sm_config(unseen) == before
    assert behind(workshop, before).value == "rosebud"


@pytest.mark.parametrize("how", ["remove", "set", "another", "forget"])
async def test_a_password_that_nobody_needs_is_gone(workshop: Workshop, xapi: Xapi, unseen: str, how: str) -> None:
    old = behind(workshop, await xapi.SR.get_sm_config(unseen))

    if how == "remove":
        await xapi.SR.remove_from_sm_config(unseen, "chappassword")
    if how == "set":
        await xapi.SR.set_sm_config(unseen, {})
    if how == "another":
        await xapi.SR.set_sm_config(unseen, {"chappassword": "another"})
    if how == "forget":
        await xapi.SR.forget(unseen)

    assert not workshop.is_there(old.ref)
    assert secrets(workshop).count("another") == (how == "another")


async def test_each_disk_has_its_own(workshop: Workshop, xapi: Xapi) -> None:
    disk = await workshop.disk(await workshop.sr(), sm_config=WORDS)
    copy = await xapi.VDI.clone(disk)
    ours, theirs = (behind(workshop, workshop.row(each).sm_config) for each in (disk, copy))

    await xapi.VDI.destroy(copy)

    assert (ours.value, theirs.value) == ("rosebud", "rosebud")
    assert workshop.is_there(ours.ref)
    assert not workshop.is_there(theirs.ref)


async def test_of_a_secret_that_a_client_gives_a_copy_is_kept(
    workshop: Workshop, xapi: Xapi, host: str, unseen: str
) -> None:
    given = await xapi.secret.create({"value": "kane", "other_config": {}})
    uuid = await xapi.secret.get_uuid(given)
    pbd = await xapi.PBD.create({"host": host, "SR": unseen, "device_config": {"cifspassword_secret": uuid}})
    copy = behind(workshop, await xapi.PBD.get_device_config(pbd), "cifspassword")

    await xapi.PBD.destroy(pbd)

    assert (copy.value, copy.ref != given) == ("kane", True)
    assert (workshop.is_there(given), workshop.is_there(copy.ref)) == (True, False)


async def test_a_password_counts_more_than_a_secret_beside_it(workshop: Workshop, xapi: Xapi, unseen: str) -> None:
    given = await xapi.secret.create({"value": "kane", "other_config": {}})

    await xapi.SR.set_sm_config(
        unseen, {"chappassword": "new", "chappassword_secret": await xapi.secret.get_uuid(given)}
    )

    kept = await xapi.SR.get_sm_config(unseen)
    assert kept.keys() == {"chappassword_secret"}
    assert behind(workshop, kept).value == "new"
    assert secrets(workshop).count("kane") == 1


async def test_the_way_to_switch_a_host_on_shows_none(workshop: Workshop, xapi: Xapi, host: str) -> None:
    await xapi.host.set_power_on_mode(host, "DRAC", {"power_on_user": "u", "power_on_password": "rosebud"})

    kept = await xapi.host.get_power_on_config(host)
    assert kept.keys() == {"power_on_user", "power_on_password_secret"}
    assert behind(workshop, kept, "power_on_password").value == "rosebud"


async def test_labels_of_clients_are_what_they_wrote(xapi: Xapi, unseen: str) -> None:
    await xapi.SR.add_to_other_config(unseen, "wifi-password", "on the wall")

    assert await xapi.SR.get_other_config(unseen) == {"wifi-password": "on the wall"}


async def test_what_an_older_daemon_left_open_is_moved(workshop: Workshop, xapi: Xapi, unseen: str) -> None:
    await xapi.SR.set_sm_config(unseen, {})
    store = workshop.fresh.store
    store.get(SR, unseen).__dict__["sm_config"] = WORDS

    with store.write() as tx:
        move_old(tx)

    kept = await xapi.SR.get_sm_config(unseen)
    assert kept.keys() == {"chapuser", "chappassword_secret"}
    assert behind(workshop, kept).value == "rosebud"


def test_configurations_of_drivers_keep_passwords_apart() -> None:
    """What drivers and plug-ins are configured by; other maps that clients write hold labels, or what guests read."""
    configurations = {
        f"{cls.spec.name}.{field.name}"
        for cls in CLASSES.values()
        for field in cls.spec.fields.values()
        if field.name in ("device_config", "sm_config", "power_on_config")
    }

    apart = {
        f"{cls.spec.name}.{field.name}"
        for cls in CLASSES.values()
        for field in cls.spec.fields.values()
        if field.passwords is not Passwords.shown
    }
    assert apart == configurations == {"PBD.device_config", "SR.sm_config", "VDI.sm_config", "host.power_on_config"}


async def test_a_disk_that_is_taken_up_shows_none(workshop: Workshop, xapi: Xapi) -> None:
    sr = await workshop.sr("dummy")
    disk = await workshop.disk(sr)
    uuid, location = workshop.row(disk).uuid, workshop.row(disk).location
    await xapi.VDI.forget(disk)

    again = await xapi.VDI.introduce(uuid, "again", "", sr, "user", False, True, {}, location, {}, WORDS)

    assert behind(workshop, await xapi.VDI.get_sm_config(again)).value == "rosebud"

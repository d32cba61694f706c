"""Keys of a host's other_config that fields say again: who sets one sets the other."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import FreshHost
from tests.machines import raises_api
from xapid.backends.interface import Failed
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, MAP_DUPLICATE_KEY, OtherError

NAME = "iqn.2026-01.example:one"


async def test_an_older_client_names_the_initiator(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.remove_from_other_config(host, "iscsi_iqn")

    await fresh.xapi.host.add_to_other_config(host, "iscsi_iqn", NAME)

    assert await fresh.xapi.host.get_iscsi_iqn(host) == NAME
    assert (await fresh.xapi.host.get_other_config(host))["iscsi_iqn"] == NAME
    assert fresh.driver("host").initiator == NAME


@pytest.mark.parametrize("text, value", [("true", True), ("false", False)])
async def test_an_older_client_asks_for_several_paths(fresh: FreshHost, host: str, text: str, value: bool) -> None:
    await fresh.xapi.host.set_multipathing(host, not value)

    await fresh.xapi.host.set_other_config(host, {"multipathing": text, "mine": "kept"})

    assert await fresh.xapi.host.get_multipathing(host) is value
    assert await fresh.xapi.host.get_other_config(host) == {"multipathing": text, "mine": "kept"}


async def test_multipathing_is_read_in_logging_too_where_the_guide_has_it(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.add_to_logging(host, "multipathing", "true")
    assert await fresh.xapi.host.get_multipathing(host) is True

    await fresh.xapi.host.set_logging(host, {"multipathing": "false", "mine": "kept"})
    assert await fresh.xapi.host.get_multipathing(host) is False

    # What says nothing new changes nothing, and what is taken away neither.
    await fresh.xapi.host.set_multipathing(host, True)
    await fresh.xapi.host.set_logging(host, {"multipathing": "false"})
    await fresh.xapi.host.remove_from_logging(host, "multipathing")
    assert await fresh.xapi.host.get_multipathing(host) is True
    with raises_api("INVALID_VALUE", "logging:multipathing", "perhaps", "It must be true or false or empty"):
        await fresh.xapi.host.add_to_logging(host, "multipathing", "perhaps")


async def test_a_key_of_logging_is_added_once(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.add_to_logging(host, "mine", "kept")

    with raises_api("MAP_DUPLICATE_KEY", "host", "logging", host, "mine"):
        await fresh.xapi.host.add_to_logging(host, "mine", "new")
    assert await fresh.xapi.host.get_logging(host) == {"mine": "kept"}


async def test_what_is_taken_away_stays_as_it_was(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.set_iscsi_iqn(host, NAME)
    await fresh.xapi.host.set_multipathing(host, True)

    await fresh.xapi.host.set_other_config(host, {"iscsi_iqn": ""})

    assert await fresh.xapi.host.get_iscsi_iqn(host) == NAME
    assert await fresh.xapi.host.get_multipathing(host) is True
    assert fresh.driver("host").initiator == NAME


async def test_a_map_that_is_written_back_changes_nothing(fresh: FreshHost, host: str) -> None:
    kept = await fresh.xapi.host.get_other_config(host)
    before = fresh.driver("host").initiator

    await fresh.xapi.host.set_other_config(host, kept)

    assert await fresh.xapi.host.get_other_config(host) == kept
    assert fresh.driver("host").initiator == before


async def test_a_name_that_the_machine_refuses_is_not_kept(fresh: FreshHost, host: str) -> None:
    before = await fresh.xapi.host.get_other_config(host)
    fresh.driver("host").faults.fail("set_initiator", Failed("/etc is read-only"))

    with pytest.raises(INTERNAL_ERROR):
        await fresh.xapi.host.set_other_config(host, {"iscsi_iqn": NAME})
    with pytest.raises(INVALID_VALUE):
        await fresh.xapi.host.set_other_config(host, {"iscsi_iqn": "one\nInitiatorName=two"})
    with pytest.raises(OtherError, match="INVALID_VALUE"):
        await fresh.xapi.host.set_other_config(host, {"multipathing": "perhaps"})
    with pytest.raises(MAP_DUPLICATE_KEY):
        await fresh.xapi.host.add_to_other_config(host, "iscsi_iqn", NAME)

    assert await fresh.xapi.host.get_other_config(host) == before
    assert await fresh.xapi.host.get_iscsi_iqn(host) == before["iscsi_iqn"]


async def test_of_two_keys_that_are_added_at_once_none_is_lost(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.remove_from_other_config(host, "iscsi_iqn")
    fresh.driver("host").faults.delay("set_initiator", 0.1)

    await asyncio.gather(
        fresh.xapi.host.add_to_other_config(host, "iscsi_iqn", NAME),
        fresh.xapi.host.add_to_other_config(host, "mine", "x"),
    )

    assert {"iscsi_iqn": NAME, "mine": "x"}.items() <= (await fresh.xapi.host.get_other_config(host)).items()

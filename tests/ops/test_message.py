"""Messages to the administrator: left, read, forgotten."""

from __future__ import annotations

from datetime import datetime
from xmlrpc.client import DateTime

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.datamodel.errors import HANDLE_INVALID, INTERNAL_ERROR, UUID_INVALID, OtherError
from xapid.observe import garbage

LONG_AGO = DateTime(datetime(1970, 1, 1))
FAR_AHEAD = DateTime(datetime(2099, 1, 1))


@pytest.fixture
async def uuid(fresh: FreshHost, host: str) -> str:
    return str(await fresh.xapi.host.get_uuid(host))


async def leave(xapi: Xapi, uuid: str, name: str = "NAME", priority: int = 3) -> str:
    return str(await xapi.message.create(name, priority, "Host", uuid, "body <&>"))


async def test_a_message_is_about_an_object(xapi: Xapi, uuid: str) -> None:
    ref = await leave(xapi, uuid)

    record = await xapi.message.get_record(ref)
    assert (record["name"], record["priority"], record["cls"], record["obj_uuid"], record["body"]) == (
        "NAME", "3", "Host", uuid, "body <&>",
    )  # fmt: skip
    assert await xapi.message.get_by_uuid(record["uuid"]) == ref


@pytest.mark.parametrize("cls", ["VM", "SR", "Pool", "Certificate"])
async def test_there_must_be_such_an_object_in_the_class(xapi: Xapi, uuid: str, cls: str) -> None:
    with pytest.raises(UUID_INVALID) as error:
        await xapi.message.create("NAME", 3, cls, uuid, "")

    assert error.value.args == (cls, uuid)


async def test_the_newest_comes_first(xapi: Xapi, uuid: str) -> None:
    refs = [await leave(xapi, uuid, name) for name in ("FIRST", "SECOND", "THIRD")]

    assert await xapi.message.get_all() == refs[::-1]
    assert list(await xapi.message.get_all_records()) == refs[::-1]


async def test_of_too_many_messages_the_oldest_go(fresh: FreshHost, uuid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "MESSAGES_KEPT", 3)
    collector = garbage.Collector(fresh.runtime, fresh.runtime.services["sessions"])
    refs = [await leave(fresh.xapi, uuid, f"NUMBER {number}") for number in range(5)]
    token = (await fresh.xapi.event.from_(["message"], "", 0.0))["token"]

    collector.collect()
    collector.collect()

    assert await fresh.xapi.message.get_all() == refs[:1:-1]
    told = (await fresh.xapi.event.from_(["message"], token, 0.0))["events"]
    assert sorted((each["operation"], each["ref"]) for each in told) == sorted(("del", ref) for ref in refs[:2])


async def test_messages_are_found_by_their_object_and_age(xapi: Xapi, uuid: str) -> None:
    ref = await leave(xapi, uuid)

    assert list(await xapi.message.get("Host", uuid, LONG_AGO)) == [ref]
    assert await xapi.message.get("Host", uuid, FAR_AHEAD) == {}
    assert list(await xapi.message.get_since(LONG_AGO)) == [ref]
    assert await xapi.message.get_since(FAR_AHEAD) == {}


async def test_of_an_object_that_is_not_there_nothing_is_found(xapi: Xapi, uuid: str) -> None:
    with pytest.raises(OtherError) as error:
        await xapi.message.get("VM", uuid, LONG_AGO)

    assert error.value.description == ["UUID_INVALID"]


@pytest.mark.parametrize(
    "expression, names",
    [
        ('field "name" = "ONE"', ["ONE"]),
        ('field "name" = "ONE" or field "priority" = "5"', ["TWO", "ONE"]),
        ('field "nosuch" = "x"', []),
        ("false", []),
    ],
)
async def test_messages_are_found_by_an_expression(xapi: Xapi, uuid: str, expression: str, names: list[str]) -> None:
    await leave(xapi, uuid, "ONE")
    await leave(xapi, uuid, "TWO", 5)

    found = await xapi.message.get_all_records_where(expression)

    assert [record["name"] for record in found.values()] == names


async def test_what_xml_cannot_carry_is_replaced(fresh: FreshHost, uuid: str) -> None:
    body = (
        '{"jsonrpc": "2.0", "id": 1, "method": "message.create", "params":'
        f' ["{fresh.xapi.session}", "N", 5, "Host", "{uuid}", "a\\u0001b"]}}'
    )

    await fresh.xapi.post("/jsonrpc", body.encode())

    (record,) = (await fresh.xapi.message.get_all_records()).values()
    assert record["body"] == "a\ufffdb"


async def test_a_message_is_forgotten(xapi: Xapi, uuid: str) -> None:
    ref = await leave(xapi, uuid)

    await xapi.message.destroy(ref)

    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.message.destroy(ref)
    assert error.value.args == ("message", ref)


async def test_of_many_all_are_forgotten_or_none(xapi: Xapi, uuid: str) -> None:
    one, two = await leave(xapi, uuid), await leave(xapi, uuid)

    with pytest.raises(HANDLE_INVALID):
        await xapi.message.destroy_many([one, "OpaqueRef:ghost"])
    after_refusal = await xapi.message.get_all()
    await xapi.message.destroy_many([one, two])

    assert after_refusal == [two, one]
    assert await xapi.message.get_all() == []


@pytest.mark.parametrize(
    "filters, left",
    [
        ({"priority": "5"}, ["THREE"]),
        ({"before": "19700101T00:00:00Z"}, ["FIVE", "THREE"]),
        ({"after": "20990101T00:00:00Z"}, ["FIVE", "THREE"]),
        ({"after": "19700101T00:00:00Z", "priority": "3"}, ["FIVE"]),
        ({}, []),
        ({"nosuch": "x"}, []),
    ],
)
async def test_messages_that_fit_filters_are_forgotten(
    xapi: Xapi, uuid: str, filters: dict[str, str], left: list[str]
) -> None:
    await leave(xapi, uuid, "THREE", 3)
    await leave(xapi, uuid, "FIVE", 5)

    await xapi.message.destroy_all(filters)

    assert [record["name"] for record in (await xapi.message.get_all_records()).values()] == left


@pytest.mark.parametrize("filters", [{"priority": "high"}, {"before": "yesterday"}])
async def test_a_filter_that_cannot_be_read_forgets_nothing(xapi: Xapi, uuid: str, filters: dict[str, str]) -> None:
    ref = await leave(xapi, uuid)

    with pytest.raises(INTERNAL_ERROR):
        await xapi.message.destroy_all(filters)

    assert await xapi.message.get_all() == [ref]

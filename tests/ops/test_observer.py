"""Observers: what may be said of them, and that none can be enabled as long as nothing is traced."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import raises_api
from tests.xapi import Xapi

WANTED: dict[str, Any] = {
    "name_label": "tracing", "name_description": "", "hosts": [], "attributes": {}, "endpoints": [], "components": [],
    "enabled": False,
}  # fmt: skip
WRONG = [
    ("components", ["xapi", "qemu"], ("component", "qemu")),
    ("endpoints", ["bugtool", "ftp://collector"], ("endpoint", "ftp://collector")),
    ("endpoints", ["http://"], ("endpoint", "http://")),
    ("endpoints", ["http://[::1"], ("endpoint", "http://[::1")),
    ("attributes", {"Key": "value"}, ("attribute", "Key=value")),
]


@pytest.fixture
async def observer(xapi: Xapi) -> str:
    return str(await xapi.Observer.create(WANTED))


async def test_what_is_said_of_an_observer_is_kept(xapi: Xapi, observer: str, host: str) -> None:
    await xapi.Observer.set_hosts(observer, [host])
    await xapi.Observer.set_components(observer, ["xapi", "smapi"])
    await xapi.Observer.set_endpoints(observer, ["bugtool", "https://collector.example:9411/api/v2/spans"])
    await xapi.Observer.set_attributes(observer, {"site.name": "Berlin"})
    await xapi.Observer.set_enabled(observer, False)

    record = await xapi.Observer.get_record(observer)
    assert (record["hosts"], record["components"]) == ([host], ["xapi", "smapi"])
    assert record["endpoints"] == ["bugtool", "https://collector.example:9411/api/v2/spans"]
    assert (record["attributes"], record["enabled"]) == ({"site.name": "Berlin"}, False)


@pytest.mark.parametrize("field, value, said", WRONG)
async def test_what_can_be_none_of_it_is_refused(
    xapi: Xapi, observer: str, field: str, value: Any, said: tuple[str, str]
) -> None:
    with raises_api("INVALID_VALUE", *said):
        await xapi.Observer.create(WANTED | {field: value})
    with raises_api("INVALID_VALUE", *said):
        await xapi.call(f"Observer.set_{field}", observer, value)


async def test_a_host_that_is_not_there_is_refused(xapi: Xapi, observer: str) -> None:
    with raises_api("HANDLE_INVALID", "host", "OpaqueRef:gone"):
        await xapi.Observer.set_hosts(observer, ["OpaqueRef:gone"])


async def test_none_can_be_enabled_as_long_as_nothing_is_traced(xapi: Xapi, observer: str) -> None:
    with raises_api("NOT_IMPLEMENTED", "Observer.create"):
        await xapi.Observer.create(WANTED | {"enabled": True})
    with raises_api("NOT_IMPLEMENTED", "Observer.set_enabled"):
        await xapi.Observer.set_enabled(observer, True)

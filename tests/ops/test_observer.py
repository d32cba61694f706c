"""Observers: what may be said of them, and that what they say is done from the next call on."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.auth.test_audit import with_role
from tests.conftest import FreshHost
from tests.machines import raises_api
from tests.traces import Traces
from tests.xapi import Xapi
from xapid.runtime.tracing.tracer import MOST

WANTED: dict[str, Any] = {
    "name_label": "tracing", "name_description": "", "hosts": [], "attributes": {}, "endpoints": [], "components": [],
    "enabled": False,
}  # fmt: skip
WRONG = [
    ("components", ["xapi", "qemu"], ("component", "qemu")),
    ("endpoints", ["bugtool", "ftp://collector"], ("endpoint", "ftp://collector")),
    ("endpoints", ["http://"], ("endpoint", "http://")),
    ("endpoints", ["http://[::1"], ("endpoint", "http://[::1")),
    ("endpoints", ["http://jo:secret@collector/"], ("endpoint", "http://jo:secret@collector/")),
    ("attributes", {"Key": "value"}, ("attribute", "Key=value")),
]


@pytest.fixture
async def observer(xapi: Xapi) -> str:
    return str(await xapi.Observer.create(WANTED))


@pytest.fixture
def traces(fresh: FreshHost) -> Traces:
    return Traces(fresh)


async def test_what_is_said_of_an_observer_is_kept(xapi: Xapi, observer: str, host: str) -> None:
    await xapi.Observer.set_hosts(observer, [host])
    await xapi.Observer.set_components(observer, ["xapi", "smapi"])
    await xapi.Observer.set_endpoints(observer, ["https://collector.example:9411/api/v2/spans"])
    await xapi.Observer.set_attributes(observer, {"site.name": "Berlin"})
    await xapi.Observer.set_enabled(observer, False)

    record = await xapi.Observer.get_record(observer)
    assert (record["hosts"], record["components"]) == ([host], ["xapi", "smapi"])
    assert record["endpoints"] == ["https://collector.example:9411/api/v2/spans"]
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


async def test_calls_are_traced_from_the_moment_it_is_enabled_until_it_is_not(
    xapi: Xapi, observer: str, host: str, traces: Traces
) -> None:
    await xapi.Observer.set_endpoints(observer, ["bugtool"])
    await xapi.host.get_uuid(host)
    await xapi.Observer.set_enabled(observer, True)
    await xapi.host.get_hostname(host)
    await xapi.Observer.set_enabled(observer, False)
    await xapi.host.get_name_label(host)

    # What switches it off is itself not told: when it ends nobody listens any more.
    assert [each["name"] for each in await traces.spans()] == ["host.get_hostname"]


async def test_a_change_is_heeded_at_once(xapi: Xapi, host: str, traces: Traces) -> None:
    observer = await traces.on(components=["smapi"])
    await xapi.host.get_uuid(host)
    await xapi.Observer.set_components(observer, [])
    await xapi.Observer.set_attributes(observer, {"site.name": "Berlin"})
    await xapi.host.get_hostname(host)
    await xapi.Observer.set_hosts(observer, [host])
    await xapi.Observer.destroy(observer)
    await xapi.host.get_name_label(host)

    told = {each["name"]: each["tags"].get("site.name") for each in await traces.spans()}
    assert told == {
        # Each ends when what it changed holds already.
        "Observer.set_components": None,
        "Observer.set_attributes": "Berlin",
        "host.get_hostname": "Berlin",
        "Observer.set_hosts": "Berlin",
    }


async def test_a_host_can_be_left_out_for_a_while(xapi: Xapi, host: str, traces: Traces) -> None:
    observer = await traces.on()
    await xapi.Observer.unregister(observer, host)
    await xapi.Observer.set_attributes(observer, {"a.b": "c"})
    await xapi.host.get_hostname(host)
    await xapi.Observer.register(observer, host)
    await xapi.host.get_uuid(host)

    assert [each["name"] for each in await traces.spans()] == ["host.get_uuid"]


async def test_there_are_no_more_threads_than_is_good_for_the_host(
    xapi: Xapi, observer: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = threading.active_count()
    await xapi.Observer.set_endpoints(observer, [f"http://127.0.0.1:1/{number}" for number in range(1000)])
    await xapi.Observer.set_enabled(observer, True)
    during = threading.active_count()
    await xapi.Observer.set_attributes(observer, {"a.b": "c"})
    await xapi.Observer.destroy(observer)

    assert during - before <= MOST
    assert [each.getMessage() for each in caplog.records if each.name.endswith(".tracer")] == [
        "Observers name 1000 endpoints; only 32 of them are told of calls"
    ]


@pytest.mark.parametrize("message", ["register", "unregister"])
async def test_only_a_host_that_lives_can_be_told(xapi: Xapi, observer: str, message: str) -> None:
    with raises_api("HOST_OFFLINE", "OpaqueRef:gone"):
        await xapi.call(f"Observer.{message}", observer, "OpaqueRef:gone")


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("set_enabled", True), ("set_hosts", []), ("set_components", []), ("set_endpoints", []), ("set_attributes", {}),
        ("register", "OpaqueRef:host"), ("unregister", "OpaqueRef:host"),
    ],
)  # fmt: skip
async def test_whoever_runs_the_pool_does_not_switch_traces(
    fresh: FreshHost, observer: str, message: str, value: Any
) -> None:
    operator = with_role(fresh, "pool-operator")

    with pytest.raises(Exception, match=f"RBAC_PERMISSION_DENIED: observer.{message}"):
        await operator.call(f"Observer.{message}", observer, value)
    assert (await operator.Observer.get_record(observer))["enabled"] is False

"""Calls that an Observer wants to hear of: which spans there are, what stands in them, and what never does."""

from __future__ import annotations

import asyncio
import time
import xmlrpc.client
from time import perf_counter
from typing import Any

import pytest

from tests.collector import Collector, Silent
from tests.conftest import FreshHost
from tests.machines import Workshop, raises_api
from tests.traces import Told, Traces
from tests.xapi import REMOTE, TRUSTED, Xapi
from xapid.auth.callers import Callers
from xapid.datamodel.errors import ApiError
from xapid.http.service import Request
from xapid.runtime.tracing.span import current
from xapid.runtime.tracing.tracer import Tracer
from xapid.store.store import Nowhere
from xapid.store.store import Told as ToldOfDisk

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PLUGIN = """#!/usr/bin/env python3
import os, xmlrpc.client
print(xmlrpc.client.dumps(({"Status": "Success", "Value": os.environ.get("TRACEPARENT", "")},), methodresponse=True))
"""


@pytest.fixture
def traces(fresh: FreshHost) -> Traces:
    return Traces(fresh)


def names(spans: list[Told]) -> list[str]:
    return [each["name"] for each in spans]


def tracer_of(fresh: FreshHost) -> Tracer:
    found: Tracer = fresh.runtime.services["tracer"]
    return found


async def end_of(xapi: Xapi, task: str) -> None:
    """Wait until a task has ended."""
    token = ""
    while (await xapi.task.get_status(task)) == "pending":
        token = (await xapi.event.from_([f"task/{task}"], token, 5.0))["token"]


class SlowDisk(Nowhere):
    """A disk that has written nothing yet."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ToldOfDisk]] = []
        self._news = asyncio.Event()

    def submit(self, batch: Any) -> None:
        """Later."""

    def tell(self, generation: int, function: ToldOfDisk) -> None:
        self.asked.append((generation, function))
        self._news.set()

    async def waits_for(self, count: int) -> None:
        """Return when so many wait for it."""
        async with asyncio.timeout(20.0):
            while len(self.asked) < count:
                self._news.clear()
                await self._news.wait()

    def write(self) -> None:
        self.durable = max(generation for generation, _ in self.asked)
        asked, self.asked = self.asked, []
        for _, function in asked:
            function("")


# --- What stands in a span ---------------------------------------------------------------------------


async def test_a_call_says_who_made_it_in_which_task_and_how_it_ended(
    fresh: FreshHost, traces: Traces, workshop: Workshop
) -> None:
    vm = await workshop.vm()
    client = fresh.xapi.beside()
    await client.log_in("a script")
    client.headers = (("user-agent", "tests/1.0"),)
    await traces.on(attributes={"site.name": "Berlin"})

    await client.VM.start(vm, False, False)

    call, _ = await traces.call("VM.start")
    tags = call["tags"]
    assert (call["kind"], call["localEndpoint"]) == ("SERVER", {"serviceName": "xapi"})
    assert "parentId" not in call
    assert (tags["xs.xapi.task.name"], tags["xs.xapi.outcome"]) == ("VM.start", "OK")
    assert tags["xs.xapi.task.id"].startswith("OpaqueRef:") and len(tags["xs.xapi.task.uuid"]) == 36
    assert tags["xs.xapi.session.originator"] == "a script"
    assert len(tags["xs.xapi.session.track.id"]) == 32
    assert tags["http.request.header.user-agent"] == "tests/1.0"
    assert (tags["site.name"], tags["xs.observer.name"]) == ("Berlin", "tests")
    assert tags["xs.host.uuid"] == await client.host.get_uuid(await fresh.the("host"))
    assert "error" not in tags


async def test_a_call_over_the_network_says_from_where(fresh: FreshHost, traces: Traces) -> None:
    far = fresh.xapi.beside(REMOTE)
    far.session = fresh.xapi.session
    await traces.on()
    await far.host.get_all()

    call, _ = await traces.call("host.get_all")

    assert call["tags"]["network.peer.address"] == REMOTE.address


async def test_a_call_that_fails_says_with_which_error(fresh: FreshHost, traces: Traces) -> None:
    await traces.on()
    with raises_api("HANDLE_INVALID", "VM", "OpaqueRef:nobody"):
        await fresh.xapi.VM.start("OpaqueRef:nobody", False, False)
    with raises_api("HANDLE_INVALID", "VM", "OpaqueRef:no one"):
        await fresh.xapi.VM.get_uuid("OpaqueRef:no one")
    with raises_api("MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.pause", "1", "0"):
        await fresh.xapi.VM.pause()

    told = {each["name"]: (each["tags"]["error"], each["tags"]["xs.xapi.outcome"]) for each in await traces.spans()}

    mismatch = "MESSAGE_PARAMETER_COUNT_MISMATCH"
    assert told == {
        "VM.start": ("HANDLE_INVALID", "HANDLE_INVALID"),
        "VM.get_uuid": ("HANDLE_INVALID", "HANDLE_INVALID"),
        "VM.pause": (mismatch, mismatch),
    }
    assert "OpaqueRef:no" not in await traces.text()


async def test_the_name_is_that_of_the_method_and_never_what_else_was_sent(fresh: FreshHost, traces: Traces) -> None:
    await traces.on()
    await fresh.xapi.call("host_get_all")
    with pytest.raises(ApiError):
        await fresh.xapi.send("hunter2", fresh.xapi.session)
    with pytest.raises(ApiError):
        await fresh.xapi.send("hunter2")

    calls = [each for each in await traces.spans() if "kind" in each]
    assert names(calls) == ["host.get_all", "unknown method", "unknown method"]
    assert "hunter2" not in await traces.text()


# --- Parts of calls ----------------------------------------------------------------------------------


async def test_what_back_ends_do_is_told_under_the_daemons_of_the_original(
    fresh: FreshHost, traces: Traces, workshop: Workshop
) -> None:
    vm = await workshop.vm()
    await workshop.drive(vm, await workshop.disk(await workshop.sr()))
    await traces.on()
    await fresh.xapi.VM.start(vm, False, False)

    call, parts = await traces.call("VM.start")

    told = {each["name"]: each for each in parts}
    start, attach = told["domain.start"], told["storage:file.attach"]
    assert (start["localEndpoint"], attach["localEndpoint"]) == ({"serviceName": "xenopsd"}, {"serviceName": "smapi"})
    assert (start["tags"]["service.name"], attach["tags"]["service.name"]) == ("xenopsd", "smapi")
    assert {each["parentId"] for each in (start, attach)} == {call["id"]}
    assert parts.index(attach) < parts.index(start)
    for each in parts:
        assert each["timestamp"] >= call["timestamp"]
        assert each["timestamp"] + each["duration"] <= call["timestamp"] + call["duration"] + 10


async def test_of_parts_alone_nobody_hears_of_the_call(fresh: FreshHost, traces: Traces, workshop: Workshop) -> None:
    vm = await workshop.vm()
    await traces.on(components=["xenopsd"])
    fresh.xapi.headers = (("traceparent", f"00-{TRACE}-{SPAN}-01"),)
    await fresh.xapi.VM.start(vm, False, False)

    spans = await traces.spans()

    assert "domain.start" in names(spans) and "VM.start" not in names(spans)
    assert {each["parentId"] for each in spans} == {SPAN}


async def test_a_call_that_waited_for_its_turn_began_when_it_came(fresh: FreshHost, traces: Traces) -> None:
    body = xmlrpc.client.dumps((fresh.xapi.session,), "host.get_all").encode()
    request = Request("POST", "/RPC2", "", (), body, TRUSTED, "1.1", arrived=perf_counter() - 1.5)
    await traces.on()
    fresh.xapi._endpoint(request)

    call, (turn,) = await traces.call("host.get_all")

    assert (turn["name"], turn["parentId"]) == ("queue: turn", call["id"])
    assert 1_500_000 <= turn["duration"] <= call["duration"]
    assert abs(call["timestamp"] - (time.time() - 1.5) * 1e6) < 20_000_000
    assert abs(turn["timestamp"] - call["timestamp"]) <= 100


async def test_a_call_that_waits_for_its_rate_limit_says_so(fresh: FreshHost, traces: Traces) -> None:
    callers: Callers = fresh.runtime.services["callers"]
    callers.enabled = True
    greedy = await fresh.xapi.Caller.create({"name_label": "greedy", "user_agent": "greedy", "client_ip": ""})
    limit = await fresh.xapi.Rate_limit.create({"burst_size": 1.0, "fill_rate": 20.0})
    await fresh.xapi.Rate_limit.add_caller(limit, greedy)
    await traces.on()
    fresh.xapi.headers = (("user-agent", "greedy"),)
    await fresh.xapi.host.get_all()
    await fresh.xapi.pool.get_all()

    _, (turn,) = await traces.call("pool.get_all")

    assert turn["name"] == "queue: turn"
    assert turn["duration"] > 10_000


async def test_a_call_that_waits_for_another_says_for_how_long(
    fresh: FreshHost, traces: Traces, workshop: Workshop
) -> None:
    vm = await workshop.vm()
    fresh.driver("domain").faults.delays["start"] = 0.05
    await traces.on()
    late = fresh.xapi.VM.start_on(vm, await fresh.the("host"), False, False)
    await asyncio.gather(fresh.xapi.VM.start(vm, False, False), late, return_exceptions=True)

    call, parts = await traces.call("VM.start_on")

    assert names(parts)[0] == "queue: operation"
    assert 10_000 < parts[0]["duration"] <= call["duration"]
    assert call["tags"]["error"] == "VM_BAD_POWER_STATE"


async def test_an_operation_that_is_not_waited_for_is_told_when_it_has_ended(
    fresh: FreshHost, traces: Traces, workshop: Workshop
) -> None:
    vm = await workshop.vm()
    fresh.driver("domain").faults.delays["start"] = 0.05
    await traces.on()
    task = await fresh.xapi.call("Async.VM.start", vm, False, False)
    assert names(await traces.spans()) == []
    # ... although its client has been answered.
    await end_of(fresh.xapi, task)

    call, parts = await traces.call("Async.VM.start")

    assert "domain.start" in names(parts)
    assert call["duration"] > 50_000
    assert (call["tags"]["xs.xapi.task.id"], call["tags"]["xs.xapi.outcome"]) == (task, "OK")
    assert call["tags"]["xs.xapi.task.uuid"] == await fresh.xapi.task.get_uuid(task)


async def test_an_operation_that_fails_behind_its_client_is_told_as_failed(
    fresh: FreshHost, traces: Traces, workshop: Workshop
) -> None:
    vm = await workshop.vm()
    await traces.on()
    task = await fresh.xapi.call("Async.VM.unpause", vm)
    await end_of(fresh.xapi, task)

    call, _ = await traces.call("Async.VM.unpause")

    assert call["tags"]["error"] == "VM_BAD_POWER_STATE"


async def test_a_call_lasts_until_its_change_is_on_disk(fresh: FreshHost, traces: Traces, workshop: Workshop) -> None:
    pool, vm = await fresh.the("pool"), await workshop.vm()
    await traces.on()
    disk = fresh.store.sink = SlowDisk()
    disk.durable = fresh.store.generation
    for each in (fresh.xapi._endpoint, fresh.xapi._endpoint._dispatcher):
        each._sink = disk  # type: ignore[attr-defined]
    plain = asyncio.ensure_future(fresh.xapi.pool.set_name_label(pool, "mine"))
    waiting = asyncio.ensure_future(fresh.xapi.VM.start(vm, False, False))
    await disk.waits_for(3)
    assert {"pool.set_name_label", "VM.start"}.isdisjoint(names(await traces.spans()))

    disk.write()
    await asyncio.gather(plain, waiting)

    for name in ("pool.set_name_label", "VM.start"):
        call, parts = await traces.call(name)
        (commit,) = (each for each in parts if each["name"] == "database commit")
        assert commit["parentId"] == call["id"]
        assert commit["duration"] <= call["duration"]


async def test_a_change_that_the_disk_refuses_has_failed(fresh: FreshHost, traces: Traces) -> None:
    pool = await fresh.the("pool")
    await traces.on()
    disk = fresh.store.sink = SlowDisk()
    disk.durable = fresh.store.generation
    fresh.xapi._endpoint._sink = disk  # type: ignore[assignment]
    work = asyncio.ensure_future(fresh.xapi.pool.set_name_label(pool, "mine"))
    await disk.waits_for(2)
    for _, function in disk.asked:
        function("the disk is on fire")
    with pytest.raises(ApiError):
        await work

    call, (commit,) = await traces.call("pool.set_name_label")

    assert (call["tags"]["error"], commit["tags"]["error"]) == ("INTERNAL_ERROR", "INTERNAL_ERROR")


# --- The traces of others ----------------------------------------------------------------------------


async def test_a_client_finds_the_call_in_its_own_trace(fresh: FreshHost, traces: Traces) -> None:
    await traces.on()
    fresh.xapi.headers = (("traceparent", f"00-{TRACE}-{SPAN}-01"),)
    await fresh.xapi.host.get_all()

    call, _ = await traces.call("host.get_all")

    assert (call["traceId"], call["parentId"]) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "headers",
    [
        [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"],
        [f"00-{TRACE}-{SPAN}"],
        ["\x00"],
        ["00-" + "0" * 60_000],
    ],
    ids=["two", "short", "a control character", "long"],
)
async def test_a_wrong_traceparent_is_as_none(fresh: FreshHost, traces: Traces, headers: list[str]) -> None:
    await traces.on()
    fresh.xapi.headers = tuple(("traceparent", each) for each in headers)
    await fresh.xapi.host.get_all()

    call, _ = await traces.call("host.get_all")

    assert call["traceId"] != TRACE and "parentId" not in call


async def test_a_plugin_is_told_within_which_span_it_runs(fresh: FreshHost, traces: Traces) -> None:
    plugin = fresh.runtime.config.programs / "plugins" / "tell"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    host = await fresh.the("host")
    before = await fresh.xapi.host.call_plugin(host, "tell", "main", {})
    await traces.on()
    told = await fresh.xapi.host.call_plugin(host, "tell", "main", {})

    call, parts = await traces.call("host.call_plugin")

    assert (before, told) == ("", f"00-{call['traceId']}-{call['id']}-01")
    assert names(parts) == ["programs.run"]


async def test_an_extension_is_told_too_and_named(fresh: FreshHost, traces: Traces) -> None:
    extension = fresh.runtime.config.programs / "extensions" / "my.tell"
    extension.parent.mkdir(parents=True)
    extension.write_text(PLUGIN)
    extension.chmod(0o755)
    await traces.on()
    told = await fresh.xapi.call("my.tell")

    call, _ = await traces.call("my.tell")

    assert told == f"00-{call['traceId']}-{call['id']}-01"


# --- Secrets -----------------------------------------------------------------------------------------


async def test_no_secret_gets_into_a_trace(fresh: FreshHost, traces: Traces, workshop: Workshop) -> None:
    host, xapi = await fresh.the("host"), fresh.xapi
    await traces.on()
    far = xapi.beside(REMOTE)
    with pytest.raises(ApiError):
        await far.send("session.login_with_password", "root", "hunter2", "1.0", "tests")
    secret = await xapi.secret.create({"value": "hunter2", "other_config": {}})
    await xapi.secret.set_value(secret, "hunter2")
    await xapi.call("session.change_password", "", "hunter2")
    with pytest.raises(ApiError):
        await xapi.host.call_plugin(host, "hunter2", "hunter2", {"hunter2": "hunter2"})
    with pytest.raises(ApiError):
        await xapi.host.install_server_certificate(host, "hunter2", "hunter2", "hunter2")
    await workshop.sr(cifspassword="hunter2")
    await xapi.host.add_to_other_config(host, "hunter2", "hunter2")

    text = await traces.text()

    assert text.count('"kind":"SERVER"') >= 8
    assert "hunter2" not in text
    assert xapi.session not in text


# --- Costs -------------------------------------------------------------------------------------------


class Idle:
    """A tracer of which nothing but ``active`` may be asked."""

    active = False


async def test_without_an_observer_it_is_asked_whether_there_is_one_and_no_more(
    fresh: FreshHost, workshop: Workshop, traces: Traces
) -> None:
    await traces.on(enabled=False)
    vm, endpoint = await workshop.vm(), fresh.xapi._endpoint
    endpoint._tracer = endpoint._dispatcher._tracer = Idle()  # type: ignore[assignment]

    await fresh.xapi.VM.start(vm, False, False)

    assert (current.get(), tracer_of(fresh).folder.exists()) == (None, False)


async def test_a_collector_that_hangs_keeps_no_call_waiting(fresh: FreshHost, traces: Traces) -> None:
    with Silent() as there:
        observer = await traces.on(endpoints=[there.address])
        await fresh.xapi.host.get_all()
        assert await asyncio.to_thread(there.arrived.wait, 20.0)
        async with asyncio.timeout(5.0):
            for _ in range(200):
                await fresh.xapi.host.get_all()
            await fresh.xapi.Observer.set_enabled(observer, False)


async def test_calls_get_to_a_collector(fresh: FreshHost, traces: Traces) -> None:
    with Collector() as there:
        await traces.on(endpoints=[there.address])
        await fresh.xapi.host.get_all()

        spans = await asyncio.to_thread(there.until, "host.get_all")

        assert spans[-1]["tags"]["xs.observer.name"] == "tests"

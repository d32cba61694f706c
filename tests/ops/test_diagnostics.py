"""What the daemon tells of itself to those who look for a fault."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.conftest import FreshHost
from tests.daemon import Client, Daemon
from tests.machines import Workshop
from tests.xapi import Xapi


class _Circle:
    def __init__(self) -> None:
        self.itself = self


async def test_what_refers_to_itself_alone_is_gone_after_compaction(xapi: Xapi, host: str) -> None:
    gc.disable()
    try:
        circle = weakref.ref(_Circle())
        there = circle() is not None

        await xapi.Diagnostics.gc_compact(host)
    finally:
        gc.enable()

    assert there
    assert circle() is None


async def test_the_collector_counts_what_it_did(xapi: Xapi, host: str) -> None:
    before = await xapi.Diagnostics.gc_stats(host)

    await xapi.Diagnostics.gc_compact(host)
    after = await xapi.Diagnostics.gc_stats(host)

    assert int(after["collections_2"]) > int(before["collections_2"])
    assert int(after["virtual_bytes"]) > int(after["resident_bytes"]) > 1 << 20


async def test_a_coroutine_is_shown_down_to_what_it_waits_for(xapi: Xapi, host: str) -> None:
    never = asyncio.Event()

    async def inner_one() -> None:
        await never.wait()

    waiting = asyncio.create_task(inner_one(), name="one that waits")
    await asyncio.sleep(0)
    told = await xapi.host.get_thread_diagnostics(host)
    waiting.cancel()

    (paragraph,) = [each for each in told.split("\n\n") if each.startswith("coroutine one that waits\n")]
    assert "inner_one" in paragraph.splitlines()[1]
    assert "Event.wait" in paragraph.splitlines()[2]
    assert "thread MainThread\n  xapid/ops/host/diagnostics.py:" in told


async def test_calls_are_told_with_their_number_and_time(xapi: Xapi, host: str) -> None:
    for _ in range(3):
        await xapi.VM.get_all()
    with pytest.raises(Exception, match="HANDLE_INVALID"):
        await xapi.VM.get_record("OpaqueRef:gone")

    told = await xapi.host.get_diagnostic_timing_stats(host)

    assert told["VM.get_all"].endswith(" [n = 3; failed = 0]")
    assert told["VM.get_record"].endswith(" [n = 1; failed = 1]")
    assert float(told["VM.get_all"].partition(" ")[0]) > 0


async def test_disks_are_shown_while_a_machine_holds_them(fresh: FreshHost, host: str, workshop: Workshop) -> None:
    vm, disk = await workshop.vm(), await workshop.disk(await workshop.sr())
    await workshop.drive(vm, disk)
    uuid = await fresh.xapi.VDI.get_uuid(disk)
    before = await fresh.xapi.host.get_sm_diagnostics(host)

    await fresh.xapi.VM.start(vm, False, False)
    during = await fresh.xapi.host.get_sm_diagnostics(host)

    assert uuid not in before
    assert f"VDI {uuid} RW by VM {await fresh.xapi.VM.get_uuid(vm)} as 0" in during


async def test_no_domain_is_ever_found_uncooperative(xapi: Xapi, host: str) -> None:
    assert await xapi.host.get_uncooperative_domains(host) == []


# --- Of a whole daemon -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("diagnostics")) as daemon:
        yield daemon


def test_commits_are_counted_and_timed(client: Client) -> None:
    pool = client.call("pool.get_all")[0]
    before = client.call("Diagnostics.db_stats")

    for number in range(5):
        client.call("pool.set_name_label", pool, f"name {number}")
    after = client.call("Diagnostics.db_stats")

    assert int(after["n"]) - int(before["n"]) == 5
    assert 0 < float(after["min"]) <= float(after["avgtime"]) <= float(after["max"])


def test_requests_are_counted_by_handler(daemon: Daemon, client: Client) -> None:
    host = client.call("host.get_all")[0]
    of_calls = {"method": "post", "uri": "/RPC2"}
    (before,) = client.call("Diagnostics.network_stats", host, of_calls)

    with closing(daemon.client()) as another:
        another.call("host.get_all")
    (after,) = client.call("Diagnostics.network_stats", host, of_calls)

    assert before[:2] == ["POST", "/RPC2"]
    assert int(after[3]) - int(before[3]) == 1
    assert int(after[2]) - int(before[2]) >= 3
    assert client.call("Diagnostics.network_stats", host, {"uri": "/RPC2", "params": "framed,uri"}) == [["/RPC2", "0"]]
    assert client.call("Diagnostics.network_stats", host, {"method": "get"}) == []

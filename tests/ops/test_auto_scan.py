"""Repositories that are scanned by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.machines import MIB, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed
from xapid.ops.auto_scan import AutoScan


@pytest.fixture
async def auto_scan(workshop: Workshop) -> AsyncIterator[AutoScan]:
    auto_scan = AutoScan(workshop.fresh.runtime)
    yield auto_scan
    await auto_scan.rounds.close()


async def looked(auto_scan: AutoScan) -> None:
    """One look, and what it begins."""
    auto_scan.look()
    await auto_scan.rounds.over()


async def grown(workshop: Workshop, vdi: str) -> None:
    """Behind the back of the daemon."""
    workshop.fresh.driver("storage:file").grown_by_guest(workshop.row(vdi).uuid, 8 * MIB)


async def test_what_is_set_so_is_scanned_again_and_again(
    workshop: Workshop, xapi: Xapi, auto_scan: AutoScan, sr: str, vdi: str
) -> None:
    await looked(auto_scan)
    await grown(workshop, vdi)
    await looked(auto_scan)
    left_alone = workshop.row(vdi).virtual_size
    await xapi.SR.add_to_other_config(sr, "auto-scan", "true")

    await looked(auto_scan)

    assert (left_alone, workshop.row(vdi).virtual_size) == (4 * MIB, 8 * MIB)
    workshop.faults("storage:file").fail("scan", Failed("it is too soon"))
    await looked(auto_scan)
    workshop.fresh.clock.passed += 31
    await looked(auto_scan)
    assert workshop.faults("storage:file").errors["scan"] == []
    assert workshop.idle()


async def test_how_often_that_is_is_a_setting_of_the_host(
    workshop: Workshop, xapi: Xapi, auto_scan: AutoScan, host: str, sr: str, vdi: str
) -> None:
    await xapi.SR.add_to_other_config(sr, "auto-scan", "true")
    await xapi.host.add_to_other_config(host, "auto-scan-interval", "300")
    await looked(auto_scan)
    await grown(workshop, vdi)

    workshop.fresh.clock.passed += 31
    await looked(auto_scan)
    early = workshop.row(vdi).virtual_size
    workshop.fresh.clock.passed += 270
    await looked(auto_scan)

    assert (early, workshop.row(vdi).virtual_size) == (4 * MIB, 8 * MIB)


async def test_a_scan_that_is_owed_is_made(workshop: Workshop, xapi: Xapi, auto_scan: AutoScan, sr: str) -> None:
    await xapi.SR.add_to_other_config(sr, "dirty", "")
    workshop.faults("storage:file").fail("scan", Failed("not now"))

    await looked(auto_scan)
    still = dict(workshop.row(sr).other_config)
    workshop.fresh.clock.passed += 31
    await looked(auto_scan)

    assert still == {"dirty": ""}
    assert workshop.row(sr).other_config == {}


async def test_what_no_host_sees_or_somebody_works_on_is_left_alone(
    workshop: Workshop, xapi: Xapi, auto_scan: AutoScan, sr: str
) -> None:
    other = await workshop.sr("ext")
    for each in (sr, other):
        await xapi.SR.add_to_other_config(each, "auto-scan", "true")
    (pbd,) = await xapi.SR.get_PBDs(other)
    await xapi.PBD.unplug(pbd)
    workshop.faults("storage:file").delay("create", 0.05)
    making = asyncio.ensure_future(workshop.disk(sr))
    await workshop.until(lambda: bool(workshop.row(sr).current_operations))

    auto_scan.look()

    assert sr not in auto_scan.rounds
    assert other not in auto_scan.rounds
    await making


async def test_one_that_hangs_holds_up_no_other(
    workshop: Workshop, xapi: Xapi, auto_scan: AutoScan, sr: str, vdi: str
) -> None:
    other = await workshop.sr("ext")
    for each in (sr, other):
        await xapi.SR.add_to_other_config(each, "auto-scan", "true")
    workshop.faults("storage:ext").delay("scan", 3600.0)
    await grown(workshop, vdi)

    for _ in range(2):
        auto_scan.look()
        workshop.fresh.clock.passed += 31

    await workshop.until(lambda: bool(workshop.row(vdi).virtual_size == 8 * MIB))
    await workshop.until(lambda: sr not in auto_scan.rounds)
    assert other in auto_scan.rounds

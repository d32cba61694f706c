"""The host's clock is set, forwards or back by years: nothing expires by it that is measured in seconds."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from xapid.auth.sessions import IDLE_LIMIT, Sessions
from xapid.observe.garbage import TASK_KEPT, TASK_STALE, Collector

YEARS = 10 * 365 * 24 * 3600.0


@pytest.fixture(params=[YEARS, -YEARS], ids=["forwards", "back"])
def jump(request: pytest.FixtureRequest) -> float:
    seconds: float = request.param
    return seconds


def set_clock(fresh: FreshHost, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The time of day changes, and no time passes."""
    told = fresh.clock.now
    monkeypatch.setattr(fresh.clock, "now", lambda: told() + seconds)


async def test_sessions_stay(fresh: FreshHost, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    set_clock(fresh, monkeypatch, jump)
    sessions: Sessions = fresh.runtime.services["sessions"]

    sessions.expire()

    assert await fresh.xapi.VM.get_all()


async def test_tasks_stay_for_as_long_as_ever(
    fresh: FreshHost, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    collector = Collector(fresh.runtime, fresh.runtime.services["sessions"])
    pending = await fresh.xapi.task.create("pending", "")
    over = await fresh.xapi.call("Async.network.create", {"name_label": "n", "other_config": {}})
    await workshop.until(lambda: workshop.row(over).status == "success")
    collector.collect_tasks()

    set_clock(fresh, monkeypatch, jump)
    for _ in range(2):
        collector.collect_tasks()
    assert set(await fresh.xapi.task.get_all()) == {pending, over}

    fresh.clock.passed += TASK_KEPT + 1
    collector.collect_tasks()
    assert await fresh.xapi.task.get_all() == [pending]

    fresh.clock.passed += TASK_STALE
    for _ in range(2):
        collector.collect_tasks()
    await fresh.xapi.log_in()
    assert await fresh.xapi.task.get_all() == []


async def test_an_idle_session_still_ends_after_its_time(
    fresh: FreshHost, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    set_clock(fresh, monkeypatch, jump)
    idle = fresh.xapi.beside()
    await idle.log_in()
    sessions: Sessions = fresh.runtime.services["sessions"]

    fresh.clock.passed += IDLE_LIMIT + 1
    sessions.expire()

    assert sessions.find(idle.session) is None


async def test_a_wait_for_events_lasts_as_long_as_was_asked_for(
    fresh: FreshHost, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    token = (await fresh.xapi.event.from_(["pool"], "", 0.0))["token"]
    waiting = asyncio.create_task(fresh.xapi.event.from_(["VM_appliance"], token, 0.1))
    await asyncio.sleep(0)

    set_clock(fresh, monkeypatch, jump)

    assert (await asyncio.wait_for(waiting, 10))["events"] == []

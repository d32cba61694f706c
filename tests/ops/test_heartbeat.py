"""Heartbeats of members: who lives, who is about to stop, and whose clock is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import FreshHost
from xapid.datamodel import Host, HostMetrics, Message, Pool
from xapid.datamodel.errors import NOT_IMPLEMENTED, XAPI_HOOK_FAILED
from xapid.ops.host.heartbeat import SILENCE, SKEW, look_for_silent
from xapid.runtime.context import Context


@pytest.fixture
def member(fresh: FreshHost) -> str:
    """A second host, as a pool with members would have it, of which nothing was heard yet."""
    with fresh.store.write() as tx:
        return str(tx.create(Host, name_label="beta", metrics=tx.create(HostMetrics, live=False).ref).ref)


def lives(fresh: FreshHost, host: str) -> bool:
    return fresh.store.get(HostMetrics, fresh.store.get(Host, host).metrics).live


async def passes(fresh: FreshHost, seconds: float) -> None:
    """Time goes by, and it is looked who is silent."""
    fresh.clock.passed += seconds
    await look_for_silent(Context(fresh.runtime, fresh.runtime.tasks.dummy("look_for_silent")))


def noting(fresh: FreshHost, status: int = 0) -> Path:
    """The notes of a hook that hears who is dead."""
    path = fresh.runtime.config.programs / "host-pre-declare-dead" / "note"
    path.parent.mkdir(parents=True)
    notes = path.with_name("note.told")
    path.write_text(f"#!/bin/sh\necho $* >> {notes}\nexit {status}\n")
    path.chmod(0o755)
    return notes


async def test_a_member_lives_until_it_is_silent_for_long(fresh: FreshHost, host: str, member: str) -> None:
    notes = noting(fresh)
    seen = []

    answer = await fresh.xapi.host.tickle_heartbeat(member, {})
    seen.append(lives(fresh, member))
    for seconds in (SILENCE - 1, 2):
        await passes(fresh, seconds)
        seen.append(lives(fresh, member))
    await fresh.xapi.host.tickle_heartbeat(member, {})
    seen.append(lives(fresh, member))

    assert (answer, seen) == ({}, [True, True, False, True])
    assert lives(fresh, host)
    assert notes.read_text() == f"-hostuuid {await fresh.xapi.host.get_uuid(member)} -reason fenced\n"


async def test_a_member_has_time_to_be_heard_after_a_start(fresh: FreshHost, member: str) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(HostMetrics, fresh.store.get(Host, member).metrics), live=True)
    seen = []

    for seconds in (SILENCE * 2, SILENCE - 1, 2):
        await passes(fresh, seconds)
        seen.append(lives(fresh, member))

    assert seen == [True, True, False]


async def test_a_member_that_stops_is_dead_whatever_comes_late(fresh: FreshHost, member: str) -> None:
    notes = noting(fresh)
    await fresh.xapi.host.tickle_heartbeat(member, {"time": "1"})

    await fresh.xapi.host.tickle_heartbeat(member, {"shutting-down": "true"})
    await fresh.xapi.host.tickle_heartbeat(member, {})

    assert not lives(fresh, member)
    assert notes.read_text() == f"-hostuuid {await fresh.xapi.host.get_uuid(member)} -reason clean-shutdown\n"


async def test_a_hook_may_object_to_a_death(fresh: FreshHost, member: str) -> None:
    noting(fresh, status=2)
    await fresh.xapi.host.tickle_heartbeat(member, {})

    with pytest.raises(XAPI_HOOK_FAILED):
        await fresh.xapi.host.tickle_heartbeat(member, {"shutting-down": "true"})
    await passes(fresh, 0)
    await passes(fresh, SILENCE + 1)

    assert lives(fresh, member)


async def test_with_high_availability_heartbeats_say_nothing_of_life(fresh: FreshHost, member: str) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(Pool), ha_enabled=True)

    await fresh.xapi.host.tickle_heartbeat(member, {})

    assert not lives(fresh, member)


async def test_the_host_that_is_asked_lives(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.tickle_heartbeat(host, {"shutting-down": "true"})
    await passes(fresh, SILENCE * 2)

    assert lives(fresh, host)


async def test_a_clock_that_goes_wrong_is_told_of_once(fresh: FreshHost, member: str) -> None:
    told = []

    for skew in (SKEW - 5, SKEW + 5, -SKEW * 3, SKEW - 5, SKEW + 5, 5, -SKEW - 5):
        await fresh.xapi.host.tickle_heartbeat(member, {"time": str(fresh.clock.now() + skew)})
        told.append(len(fresh.store.all(Message)))

    assert told == [0, 1, 1, 1, 1, 1, 2]
    (message, _) = fresh.store.all(Message)
    assert (message.name, message.priority, message.cls) == ("HOST_CLOCK_SKEW_DETECTED", 3, "Host")
    assert message.obj_uuid == await fresh.xapi.host.get_uuid(member)
    assert "beta" in message.body


@pytest.mark.parametrize("text", ["", "noon", "nan", "inf", "1e400"])
async def test_what_is_no_time_says_nothing(fresh: FreshHost, member: str, text: str) -> None:
    await fresh.xapi.host.tickle_heartbeat(member, {"time": text})

    assert list(fresh.store.all(Message)) == []
    assert lives(fresh, member)


async def test_the_database_of_the_coordinator_is_on_disk_when_asked(fresh: FreshHost, host: str, member: str) -> None:
    assert await fresh.xapi.host.request_backup(host, 1, True) == ""
    with pytest.raises(NOT_IMPLEMENTED):
        await fresh.xapi.host.request_backup(member, 1, True)

"""Callers take turns, however many calls each of them sends at a time."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from xapid.http.turns import AT_ONCE, LONG, Caller, Turns


def caller(group: str, session: str = "") -> Caller:
    found = Caller(group)
    found.session = session
    return found


class Answered(list[str]):
    """Names of calls in the order in which they were answered."""

    async def of(self, count: int) -> list[str]:
        for _ in range(count):
            await asyncio.sleep(0)  # A turn of the loop, in which at least one is answered.
        assert len(self) == count
        return list(self)


def ask(turns: Turns, answered: Answered, who: Caller, name: str) -> None:
    """What a connection does with a call that it has read."""
    if turns.free():
        answered.append(name)
    else:
        turns.wait(who, partial(answered.append, name))


async def test_a_few_calls_are_answered_as_they_are_read_and_the_others_in_later_turns() -> None:
    turns, answered, flood = Turns(), Answered(), caller("flood")

    for number in range(3 * AT_ONCE):
        ask(turns, answered, flood, str(number))

    assert len(answered) == AT_ONCE
    assert turns.waiting == 2 * AT_ONCE
    assert await answered.of(3 * AT_ONCE) == [str(number) for number in range(3 * AT_ONCE)]


async def test_who_comes_after_a_flood_is_among_the_next() -> None:
    turns, answered, flood, other = Turns(), Answered(), caller("flood"), caller("other")
    for number in range(100):
        ask(turns, answered, flood, f"flood {number}")

    ask(turns, answered, other, "other")

    assert (await answered.of(101)).index("other") <= AT_ONCE + 1


async def test_sessions_of_one_group_share_its_turns() -> None:
    turns, answered = Turns(), Answered()
    busy, modest, other = caller("script", "1"), caller("script", "2"), caller("console", "3")
    for number in range(100):
        ask(turns, answered, busy, f"busy {number}")
    for number in range(10):
        ask(turns, answered, modest, f"modest {number}")
        ask(turns, answered, other, f"other {number}")

    order = [name.split()[0] for name in await answered.of(120)][AT_ONCE:]

    # The group that has the most sessions gets no more turns than the other.
    assert order[:40].count("other") == 10
    assert order[:40].count("modest") == order[:40].count("busy") - order[:40].count("other") == 10


async def test_a_call_that_fails_in_its_turn_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    turns, answered, flood = Turns(), Answered(), caller("flood")
    for number in range(AT_ONCE):
        ask(turns, answered, flood, str(number))

    turns.wait(flood, lambda: 1 // 0)
    ask(turns, answered, flood, "next")

    assert (await answered.of(AT_ONCE + 1))[-1] == "next"
    assert "a call that waited for its turn failed" in caplog.text


async def test_a_quiet_loop_is_left_alone() -> None:
    turns, answered = Turns(), Answered()
    ask(turns, answered, caller("one"), "only")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert turns.free()
    assert answered == ["only"]


def test_a_connection_counts_for_its_session_once_that_is_known() -> None:
    connection = Caller("address 192.0.2.7")

    connection.known("originator backup", "OpaqueRef:1")

    assert (connection.group, connection.session) == ("originator backup", "OpaqueRef:1")


async def test_after_a_long_call_another_callers_turn_comes_at_once() -> None:
    """However many of the first would be answered in a turn of the loop."""
    turns, done = Turns(), list[str]()

    def long(name: str) -> None:
        time.sleep(2 * LONG)
        done.append(name)

    flooder, other = Caller("flooder"), Caller("other")
    for number in range(10):
        turns.wait(flooder, partial(long, f"flood {number}"))
    await asyncio.sleep(0)
    turns.wait(other, partial(long, "other"))
    for _ in range(20):
        await asyncio.sleep(0)

    assert done.index("other") <= 2

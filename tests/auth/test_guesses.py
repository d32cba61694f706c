"""Who guesses passwords is slowed down, source by source; who knows his is not."""

from __future__ import annotations

import asyncio

import pytest

from tests.clocks import HeldClock
from xapid.auth import guesses as module
from xapid.auth.guesses import FORGIVEN, LONGEST, TOGETHER, WAITING, Guesses, TooMany


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def guesses(clock: HeldClock) -> Guesses:
    return Guesses(clock, 1.0)


def test_each_wrong_password_costs_twice_as_much_up_to_a_bound(guesses: Guesses) -> None:
    assert [guesses.wrong("a") for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST]
    assert guesses.wrong("b") == 1.0
    assert [guesses.wrong("a") for _ in range(2000)][-1] == LONGEST


async def test_a_right_password_makes_all_good(guesses: Guesses) -> None:
    guesses.wrong("a")
    async with guesses.turn("a"):
        guesses.right("a")

    assert guesses.wrong("a") == 1.0


def test_time_makes_all_good_too(guesses: Guesses, clock: HeldClock) -> None:
    for _ in range(5):
        guesses.wrong("a")
    clock.set_on(FORGIVEN + 1)

    assert guesses.wrong("a") == 1.0


async def test_a_source_that_was_wrong_guesses_one_at_a_time_and_others_do_not_wait(guesses: Guesses) -> None:
    guesses.wrong("a")
    first = guesses.turn("a")
    await first.__aenter__()

    second = asyncio.ensure_future(guesses.turn("a").__aenter__())
    async with guesses.turn("b"):
        await asyncio.sleep(0)
        assert not second.done()

    await first.__aexit__(None, None, None)
    await asyncio.wait_for(second, 10)


async def test_a_source_that_nothing_is_known_of_has_a_few_looked_at_at_a_time(guesses: Guesses) -> None:
    async def one(number: int) -> None:
        async with guesses.turn("a"):
            looked.append(number)
            await go.wait()

    looked: list[int] = []
    go = asyncio.Event()
    logins = [asyncio.ensure_future(one(number)) for number in range(100)]
    await asyncio.sleep(0)
    assert looked == list(range(TOGETHER))
    async with guesses.turn("b"):
        """Others do not wait."""
    go.set()
    await asyncio.gather(*logins)
    assert sorted(looked) == list(range(100))


async def test_of_a_flood_only_a_few_wait_once_one_was_wrong(guesses: Guesses) -> None:
    async def one() -> bool:
        try:
            async with guesses.turn("a"):
                await asyncio.sleep(0)
                guesses.wrong("a")
                return True
        except TooMany:
            return False

    looked_at = await asyncio.gather(*[one() for _ in range(100)])

    assert sum(looked_at) == TOGETHER + WAITING


@pytest.mark.parametrize(
    "first, second, same",
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("", "unix", False),
    ],
)
def test_a_client_is_the_network_that_it_has_for_itself(guesses: Guesses, first: str, second: str, same: bool) -> None:
    guesses.wrong(first)

    assert (guesses.wrong(second) == 2.0) == same


async def test_who_was_never_wrong_leaves_nothing_behind(guesses: Guesses) -> None:
    for number in range(5):
        async with guesses.turn(f"192.0.2.{number}"):
            guesses.right(f"192.0.2.{number}")

    assert not guesses._sources


async def test_a_source_with_a_queue_is_refused_without_a_look(guesses: Guesses) -> None:
    guesses.wrong("a")
    waiting = [asyncio.ensure_future(guesses.turn("a").__aenter__()) for _ in range(WAITING)]
    await asyncio.sleep(0)

    with pytest.raises(TooMany):
        await guesses.turn("a").__aenter__()

    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_no_more_sources_are_remembered_than_a_bound(guesses: Guesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOURCES", 3)
    for source in "abcd":
        guesses.wrong(source)

    assert [guesses.wrong(source) for source in "db"] == [2.0, 2.0]
    assert guesses.wrong("a") == 1.0

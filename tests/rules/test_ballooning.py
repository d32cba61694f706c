"""How guests share the memory of their host: every one gets its least, and what is left is shared alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.rules.ballooning import Holder, balanced, step
from xapid.rules.memory import MIB

sizes = st.integers(0, 64).map(lambda size: size * MIB)


@st.composite
def holders(draw: st.DrawFn) -> dict[str, Holder]:
    """Guests that have something within their ranges, and some that are about to start."""
    found: dict[str, Holder] = {}
    for number in range(draw(st.integers(0, 8))):
        least, size, part, came = draw(sizes), draw(sizes), draw(st.integers(0, 64)), draw(st.booleans())
        found[str(number)] = Holder(least, least + size, (least + size * part // 64) * came, came)
    return found


def least(holders: dict[str, Holder]) -> int:
    return sum(each.least for each in holders.values())


@given(holders(), sizes)
def test_all_get_their_least_and_no_more_than_there_is(holders: dict[str, Holder], spare: int) -> None:
    available = least(holders) + spare

    targets = balanced(available, holders)

    assert sum(targets.values()) <= available
    for name, each in holders.items():
        assert each.least <= targets[name] <= each.most


@given(holders(), sizes)
def test_nobody_starves_while_another_has_plenty(holders: dict[str, Holder], spare: int) -> None:
    """Each gets the same part of its range, as far as whole MiB allow."""
    targets = balanced(least(holders) + spare, holders)

    ranges = {name: each.most - each.least for name, each in holders.items() if each.most > each.least}
    # Rounding takes less than a MiB of each.
    least_parts = [(targets[name] - holders[name].least) / size for name, size in ranges.items()]
    most_parts = [(targets[name] - holders[name].least + MIB) / size for name, size in ranges.items()]
    assert not ranges or max(least_parts) < min(most_parts)


@given(holders(), sizes)
def test_nothing_is_left_over_that_somebody_could_have(holders: dict[str, Holder], spare: int) -> None:
    available = least(holders) + spare

    targets = balanced(available, holders)

    wanting = [name for name, each in holders.items() if targets[name] < each.most]
    assert not wanting or available - sum(targets.values()) < MIB * len(holders)


def test_where_there_is_not_even_the_least_everybody_gets_that() -> None:
    assert balanced(MIB, {"a": Holder(4 * MIB, 8 * MIB, 0), "b": Holder(MIB, MIB, 0)}) == {"a": 4 * MIB, "b": MIB}


@pytest.mark.parametrize(
    "available, targets",
    [(1000, [600, 200]), (800, [600, 200]), (500, [350, 150]), (200, [100, 100]), (0, [100, 100])],
)
def test_what_is_left_is_shared_by_the_size_of_the_ranges(available: int, targets: list[int]) -> None:
    pair = {"a": Holder(100 * MIB, 600 * MIB, 0), "b": Holder(100 * MIB, 200 * MIB, 0)}

    assert list(balanced(available * MIB, pair).values()) == [target * MIB for target in targets]


@given(holders(), sizes)
def test_step_by_step_all_get_there_and_never_have_more_than_there_is(holders: dict[str, Holder], spare: int) -> None:
    """Of a host that has enough for all that runs on it, and the least of who comes."""
    held = sum(each.holds for each in holders.values())
    available = max(least(holders), held) + spare
    targets = balanced(available, holders)

    for _ in range(3):
        taken = step(available, holders)
        # Until a guest has given back what it was asked for it holds that.
        after = {name: max(each.holds, taken.tell.get(name, 0)) for name, each in holders.items()}
        assert sum(after.values()) + sum(taken.kept.values()) <= available
        told = {name: taken.tell.get(name, each.holds) for name, each in holders.items()}
        holders = {name: replace(each, holds=told[name]) for name, each in holders.items()}

    assert taken.tell == {}
    assert taken.reached
    for name, each in holders.items():
        assert taken.kept.get(name, each.holds) == targets[name]


def test_memory_is_kept_for_who_comes_before_others_grow() -> None:
    grows = Holder(100 * MIB, 300 * MIB, 100 * MIB)
    comes = Holder(100 * MIB, 300 * MIB, 0, came=False)

    taken = step(300 * MIB, {"grows": grows, "comes": comes})

    assert (taken.tell, taken.kept, taken.reached) == ({"grows": 150 * MIB}, {"comes": 150 * MIB}, True)


def test_who_comes_waits_until_others_have_given_back() -> None:
    shrinks = Holder(100 * MIB, 300 * MIB, 280 * MIB)
    comes = Holder(100 * MIB, 300 * MIB, 0, came=False)

    taken = step(300 * MIB, {"shrinks": shrinks, "comes": comes})

    assert (taken.tell, taken.kept, taken.reached) == ({"shrinks": 150 * MIB}, {"comes": 20 * MIB}, False)

"""When it is time again for what is done once in a while."""

from __future__ import annotations

import pytest

from tests.clocks import HeldClock
from xapid.runtime.clock import Turn

EVERY = 3600.0


@pytest.mark.parametrize("at_once", [True, False])
def test_the_first_time_is_now_or_after_a_while(at_once: bool) -> None:
    assert Turn(HeldClock(), EVERY, at_once=at_once).has_come() is at_once


def test_it_is_time_once_in_a_while_however_often_one_asks() -> None:
    clock = HeldClock()
    turn = Turn(clock, EVERY, at_once=True)

    answers = []
    for passes in (0.0, 0.0, EVERY / 2, EVERY / 2, 0.0):
        clock.set_on(passes)
        answers.append(turn.has_come())

    assert answers == [True, False, False, True, False]


def test_times_that_were_missed_are_not_made_up_for() -> None:
    clock = HeldClock()
    turn = Turn(clock, EVERY, at_once=False)
    clock.set_on(5 * EVERY)

    assert [turn.has_come() for _ in range(3)] == [True, False, False]

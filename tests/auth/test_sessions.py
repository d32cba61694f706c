"""Who is logged in, and when that ends by itself."""

from __future__ import annotations

import pytest

from tests.clocks import HeldClock
from xapid.auth.sessions import IDLE_LIMIT, TEXTS, Sessions
from xapid.datamodel.errors import SESSION_INVALID
from xapid.store.store import Store


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def sessions(clock: HeldClock) -> Sessions:
    return Sessions(Store(), clock)


@pytest.mark.parametrize("jump", [10 * IDLE_LIMIT, -10 * IDLE_LIMIT])
def test_a_session_bears_that_the_clock_of_the_wall_is_set(sessions: Sessions, clock: HeldClock, jump: float) -> None:
    state = sessions.start("root", "test", superuser=True)

    clock.wall += jump
    sessions.expire()

    assert sessions.get(state.ref) is state
    assert state.last_active == clock.wall


def test_an_idle_session_ends_although_the_wall_clock_stood_still(sessions: Sessions, clock: HeldClock) -> None:
    sessions.start("root", "test", superuser=True)
    busy = sessions.start("root", "test", superuser=True)
    clock.steady += IDLE_LIMIT
    sessions.get(busy.ref)

    clock.steady += 1
    sessions.expire()

    assert sessions.all() == [busy]


def test_a_session_that_was_idle_too_long_is_refused_before_anybody_tidied_up(
    sessions: Sessions, clock: HeldClock
) -> None:
    state = sessions.start("root", "test", superuser=True)

    clock.steady += IDLE_LIMIT + 1

    with pytest.raises(SESSION_INVALID):
        sessions.get(state.ref)
    assert sessions.find(state.ref) is None


def test_idle_sessions_of_every_user_end(sessions: Sessions, clock: HeldClock) -> None:
    for name in ("one", "two", "three"):
        sessions.start(name, "test", superuser=False)

    clock.steady += IDLE_LIMIT + 1
    sessions.expire()

    assert len(sessions) == 0


def log_in(sessions: Sessions, user: str, originator: str = "") -> str:
    return sessions.start(user, originator, superuser=True).ref


def alive(sessions: Sessions) -> list[str]:
    return [state.ref for state in sessions.all()]


def test_of_more_sessions_than_there_may_be_in_all_the_one_longest_idle_ends(clock: HeldClock) -> None:
    sessions = Sessions(Store(), clock, per_group=10, most=3)
    first, second, third = (log_in(sessions, "root", f"program {number}") for number in range(3))
    sessions.get(first)

    fourth = log_in(sessions, "root", "program 3")

    assert alive(sessions) == [third, first, fourth]
    with pytest.raises(SESSION_INVALID):
        sessions.get(second)


def test_sessions_whose_names_are_too_long_together_make_room(clock: HeldClock) -> None:
    sessions = Sessions(Store(), clock)
    small = log_in(sessions, "root")
    large = [log_in(sessions, "u" * (TEXTS // 4), "o" * (TEXTS // 8)) for _ in range(2)]
    assert alive(sessions) == [small, *large]

    one_more = log_in(sessions, "v" * (TEXTS // 2))

    assert alive(sessions) == [large[1], one_more]
    for ref in (large[1], one_more):
        sessions.end(ref)
    assert log_in(sessions, "w" * TEXTS) in alive(sessions)

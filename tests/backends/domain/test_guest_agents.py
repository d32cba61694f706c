"""Agents are asked now and then, and none of them makes another one wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from xapid.backends.domain.guest_agents import AT_ONCE, GuestAgents, Pauses
from xapid.backends.domain.guest_report import GuestReport
from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.domain.qemu_agent import Silent

PATIENCE = 10.0
NOW = Pauses(first=0.0, longest=0.0, silent=0.0, least=0.0)
"""They are asked again and again."""
ONCE = Pauses(first=3600.0, longest=3600.0, silent=3600.0, least=0.0)
"""They are asked when there is a reason to."""


def called(name: str) -> GuestReport:
    return GuestReport(netbios_name={"host_name": name})


class Guests:
    """Guests that answer, hang or are silent, and the news of them."""

    def __init__(self) -> None:
        self.answers: dict[str, GuestReport] = {}
        self.hanging: set[str] = set()
        self.go_on = threading.Event()
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.news: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask(self, uuid: str) -> GuestReport:
        self.asked.put(uuid)
        if uuid in self.hanging:
            self.go_on.wait(PATIENCE)
        if uuid not in self.answers:
            raise Silent("no answer")
        return self.answers[uuid]


Make = Callable[[Pauses], GuestAgents]


@pytest.fixture
def guests() -> Guests:
    return Guests()


@pytest.fixture
def make(guests: Guests) -> Iterator[Make]:
    made: list[GuestAgents] = []

    def agents(pauses: Pauses) -> GuestAgents:
        made.append(GuestAgents(guests.ask, guests.news.put, pauses))
        return made[-1]

    yield agents
    guests.go_on.set()
    for each in made:
        each.stop()


def test_an_agent_that_came_is_asked_and_what_it_says_is_kept_and_told(guests: Guests, make: Make) -> None:
    guests.answers["a"] = called("one")
    agents = make(ONCE)

    agents.came("a")

    assert guests.news.get(timeout=PATIENCE) == "a"
    assert agents.report("a") == called("one")
    assert agents.report("b") is None


def test_it_is_asked_again_and_only_what_is_new_is_told(guests: Guests, make: Make) -> None:
    guests.answers["a"] = called("one")
    agents = make(NOW)
    agents.came("a")
    guests.news.get(timeout=PATIENCE)
    for _ in range(10):
        guests.asked.get(timeout=PATIENCE)
    told_of_the_same = not guests.news.empty()

    guests.answers["a"] = called("two")

    assert guests.news.get(timeout=PATIENCE) == "a"
    assert agents.report("a") == called("two")
    assert not told_of_the_same


def test_agents_that_hang_make_no_other_wait(guests: Guests, make: Make) -> None:
    """They hang once beside all others, and from then on one after another."""
    hanging = {f"hanging {number}" for number in range(3 * AT_ONCE)}
    agents = make(Pauses(first=0.0, longest=0.0, silent=0.0, least=0.0))
    for uuid in hanging:
        agents.came(uuid)
    seen: set[str] = set()
    while seen != hanging:  # Each was silent, at once, the first time.
        seen.add(guests.asked.get(timeout=PATIENCE))

    guests.hanging |= hanging
    guests.answers["lively"] = called("lively")
    agents.came("lively")

    assert guests.news.get(timeout=PATIENCE) == "lively"


def test_what_was_said_before_a_reboot_is_forgotten_and_asked_for_again(guests: Guests, make: Make) -> None:
    guests.answers["a"] = called("one")
    agents = make(ONCE)
    agents.came("a")
    guests.news.get(timeout=PATIENCE)

    agents.heard(DomainEvent("a", DomainEventKind.rebooted))

    assert guests.news.get(timeout=PATIENCE) == "a"


@pytest.mark.parametrize("kind", [DomainEventKind.stopped, DomainEventKind.crashed])
def test_nothing_is_kept_of_a_guest_that_ended(guests: Guests, make: Make, kind: DomainEventKind) -> None:
    guests.answers["a"] = called("one")
    agents = make(ONCE)
    agents.came("a")
    guests.news.get(timeout=PATIENCE)

    agents.heard(DomainEvent("a", kind))
    agents.look("a")
    guests.answers["b"] = called("b")
    agents.came("b")

    assert guests.news.get(timeout=PATIENCE) == "b"
    assert agents.report("a") is None


def test_an_answer_that_comes_after_the_end_is_not_kept(guests: Guests, make: Make) -> None:
    guests.answers["a"] = called("late")
    guests.hanging.add("a")
    agents = make(ONCE)
    agents.came("a")
    guests.asked.get(timeout=PATIENCE)

    agents.heard(DomainEvent("a", DomainEventKind.stopped))
    guests.go_on.set()
    guests.answers["b"] = called("b")
    agents.came("b")

    assert guests.news.get(timeout=PATIENCE) == "b"
    assert agents.report("a") is None


def test_an_agent_that_goes_and_comes_all_the_time_is_not_asked_all_the_time(guests: Guests, make: Make) -> None:
    guests.answers["a"] = called("one")
    agents = make(Pauses(first=3600.0, longest=3600.0, silent=3600.0, least=3600.0))
    agents.came("a")
    guests.news.get(timeout=PATIENCE)

    for _ in range(100):
        agents.came("a")
    guests.answers["b"] = called("b")
    agents.came("b")
    guests.news.get(timeout=PATIENCE)

    assert [guests.asked.get_nowait() for _ in range(2)] == ["a", "b"]
    assert guests.asked.empty()

"""What guests say in xenstore is heard, as seldom as it takes, whatever they write."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.domain.hypervisor import within
from tests.backends.domain.xenstored import PATIENCE, Daemon
from xapid.backends.domain.xenstore_guests import FOLDERS, XenstoreGuests
from xapid.backends.interface import Unavailable

REST = 0.2
GUEST, OTHER = "5d1f9a3e-0000-4000-8000-000000000001", "5d1f9a3e-0000-4000-8000-000000000002"


@pytest.fixture
def news() -> queue.SimpleQueue[str]:
    return queue.SimpleQueue()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "socket", {"/local/domain/5/data/os_name": "first"})
    yield daemon
    daemon.close()


@pytest.fixture
def begin(daemon: Daemon, tmp_path: Path, news: queue.SimpleQueue[str]) -> Iterator[Callable[..., XenstoreGuests]]:
    made = []

    def guests(rest: float = REST) -> XenstoreGuests:
        made.append(XenstoreGuests(news.put, tmp_path / "socket", rest))
        return made[-1]

    yield guests
    for each in made:
        each.close()


Begin = Callable[..., XenstoreGuests]


def name(guests: XenstoreGuests, uuid: str) -> str | None:
    report = guests.report(uuid)
    return None if report is None else report.os_version.get("name")


def test_what_a_guest_said_before_anybody_listened_is_told(begin: Begin, news: queue.SimpleQueue[str]) -> None:
    guests = begin()

    guests.began(GUEST, 5)

    assert news.get(timeout=PATIENCE) == GUEST
    assert name(guests, GUEST) == "first"


def test_what_it_says_later_is_told(begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)

    for said in "second", "third":
        daemon.write("/local/domain/5/data/os_name", said)

        assert within(PATIENCE, lambda said=said: name(guests, GUEST) == said)  # type: ignore[misc]
        assert news.get(timeout=PATIENCE) == GUEST


def test_while_a_guest_rests_nobody_listens_to_it(begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]) -> None:
    guests = begin(rest=3600)
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)
    assert within(PATIENCE, lambda: len(daemon.watches) == len(FOLDERS))

    daemon.write("/local/domain/5/data/os_name", "second")

    assert news.get(timeout=PATIENCE) == GUEST
    assert daemon.watches == {}


def test_what_is_written_during_the_rest_is_read_after_it(
    begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]
) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)
    daemon.write("/local/domain/5/data/os_name", "second")
    news.get(timeout=PATIENCE)

    daemon.write("/local/domain/5/data/os_name", "third")

    assert news.get(timeout=PATIENCE) == GUEST
    assert name(guests, GUEST) == "third"


def test_the_same_once_more_is_no_news(begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)
    asked = len(daemon.asked)

    daemon.write("/local/domain/5/data/os_name", "first")

    # Read twice: when it wrote, and after its rest.
    assert within(PATIENCE, lambda: daemon.asked[asked:].count("/local/domain/5/data/os_name") >= 4)
    assert news.empty()


def test_another_size_of_memory_is_told_when_it_is_meant_and_when_it_may_be_there(
    begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]
) -> None:
    daemon.write_quietly("/local/domain/5/memory/target", "131072")
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)

    daemon.write("/local/domain/5/memory/target", "98304")

    assert [news.get(timeout=PATIENCE) for _ in range(2)] == [GUEST, GUEST]


def test_after_a_reboot_the_new_domain_is_heard(begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)

    guests.began(GUEST, 6)
    forgotten = guests.report(GUEST)
    daemon.write("/local/domain/6/data/os_name", "rebooted")

    assert forgotten is None
    assert within(PATIENCE, lambda: name(guests, GUEST) == "rebooted")


def test_nobody_listens_to_one_that_ended(begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)

    guests.ended(GUEST)

    assert guests.report(GUEST) is None
    assert within(PATIENCE, lambda: daemon.watches == {})


def test_one_that_says_far_too_much_does_not_keep_another_from_being_heard(
    begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]
) -> None:
    for number in range(8000):
        daemon.write_quietly(f"/local/domain/6/data/{number:05}", "x" * 100)
    daemon.write_quietly("/local/domain/6/control/long", "x" * 60_000)
    guests = begin()

    guests.began(OTHER, 6)
    guests.began(GUEST, 5)

    assert {news.get(timeout=PATIENCE) for _ in range(2)} >= {GUEST}
    assert name(guests, GUEST) == "first"
    report = guests.report(OTHER)
    assert report is None or sum(map(len, report.other.values())) <= 2048


def test_a_xenstore_that_goes_ends_nothing(begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)

    daemon.hang_up()
    guests.began(OTHER, 6)
    guests.ended(GUEST)

    assert guests.report(GUEST) is None


def test_a_xenstore_that_comes_back_is_listened_to_again(
    begin: Begin, daemon: Daemon, news: queue.SimpleQueue[str]
) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    news.get(timeout=PATIENCE)

    daemon.hang_up()
    daemon.write_quietly("/local/domain/5/data/os_name", "second")

    assert within(PATIENCE, lambda: name(guests, GUEST) == "second")
    assert within(PATIENCE, lambda: len(daemon.watches) == len(FOLDERS))
    daemon.write("/local/domain/5/data/os_name", "third")
    assert within(PATIENCE, lambda: name(guests, GUEST) == "third")
    assert guests.store.read("/local/domain/5/data/os_name") == "third"


def test_one_that_is_away_for_longer_is_looked_for_until_it_is_there(
    begin: Begin, daemon: Daemon, tmp_path: Path
) -> None:
    guests = begin()
    guests.began(GUEST, 5)
    daemon.close()
    (tmp_path / "socket").unlink()
    guests.began(OTHER, 6)
    with pytest.raises(Unavailable):
        guests.store.read("/local/domain/5/data/os_name")

    following = Daemon(tmp_path / "socket", {"/local/domain/6/data/os_name": "here"})

    assert within(PATIENCE, lambda: name(guests, OTHER) == "here")
    assert within(PATIENCE, lambda: name(guests, GUEST) is None)
    following.close()

"""Folders of guests are read out of xenstore within bounds, and changes in them are told."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.domain.xenstored import HEADER, PATIENCE, Daemon
from xapid.backends.domain import vm_data, xenstore
from xapid.backends.domain.xenstore import MOST_BYTES, MOST_KEYS, Xenstore
from xapid.backends.interface import BadConfig, Failed, NotFound, Unavailable

GUEST = "/local/domain/5"


Begin = Callable[[dict[str, str]], tuple[Daemon, Xenstore]]


@pytest.fixture
def changes() -> queue.SimpleQueue[str]:
    return queue.SimpleQueue()


@pytest.fixture
def begin(tmp_path: Path, changes: queue.SimpleQueue[str]) -> Iterator[Begin]:
    made: list[tuple[Daemon, Xenstore]] = []

    def both(keys: dict[str, str]) -> tuple[Daemon, Xenstore]:
        daemon = Daemon(tmp_path / "socket", {f"{GUEST}/{key}": value for key, value in keys.items()})
        made.append((daemon, Xenstore(changes.put, tmp_path / "socket")))
        return made[-1]

    yield both
    for daemon, store in made:
        store.close()
        daemon.close()


def test_the_folders_that_are_asked_for_are_read_with_all_below_them(begin: Begin) -> None:
    _, store = begin({"data/os_name": "a", "attr/vif/0/ipv4/0": "192.0.2.1", "control/feature-x": "1", "hidden": "b"})

    tree = store.tree(GUEST, ("data", "attr", "none"))

    assert {key: value for key, value in tree.items() if value} == {
        "data/os_name": "a",
        "attr/vif/0/ipv4/0": "192.0.2.1",
    }


def test_a_guest_that_wrote_thousands_of_keys_is_read_in_part(begin: Begin) -> None:
    daemon, store = begin({f"data/{number:05}": "x" for number in range(8000)})

    tree = store.tree(GUEST, ("data",))

    assert len(tree) == MOST_KEYS
    assert len(daemon.asked) <= 2 * MOST_KEYS


def test_a_guest_that_wrote_long_values_is_read_in_part(begin: Begin) -> None:
    _, store = begin({f"data/{number}": "x" * 60_000 for number in range(100)})

    tree = store.tree(GUEST, ("data",))

    assert MOST_BYTES <= sum(map(len, tree.values())) < MOST_BYTES + 64 * 1024


def test_what_cannot_be_read_is_left_out(begin: Begin) -> None:
    _, store = begin({"data/a": "secret", "data/b": "open"})

    assert store.tree(GUEST, ("data",))["data/b"] == "open"
    with pytest.raises(Failed):
        store.read(f"{GUEST}/data/a")
    with pytest.raises(NotFound):
        store.read(f"{GUEST}/data/c")


def test_a_change_is_told_and_the_beginning_of_a_watch_is_not(begin: Begin, changes: queue.SimpleQueue[str]) -> None:
    daemon, store = begin({"data/a": "1"})
    store.watch(f"{GUEST}/data", "5")
    store.read(f"{GUEST}/data/a")  # What was told before has come when this is answered.
    quiet = changes.empty()

    daemon.write(f"{GUEST}/data/a", "2")

    assert changes.get(timeout=PATIENCE) == "5"
    assert quiet


def test_after_the_end_of_a_watch_nothing_is_told(begin: Begin, changes: queue.SimpleQueue[str]) -> None:
    daemon, store = begin({"data/a": "1"})
    store.watch(f"{GUEST}/data", "5")

    store.unwatch(f"{GUEST}/data", "5")
    daemon.write(f"{GUEST}/data/a", "2")
    store.read(f"{GUEST}/data/a")

    assert changes.empty()


def test_a_daemon_that_goes_is_told_to_who_asks(begin: Begin) -> None:
    daemon, store = begin({"data/a": "1"})
    assert store.read(f"{GUEST}/data/a") == "1"

    daemon.hang_up()

    with pytest.raises(Unavailable):
        while True:
            store.read(f"{GUEST}/data/a")


def test_an_answer_longer_than_any_ends_the_connection(begin: Begin) -> None:
    daemon, store = begin({"data/a": "1"})
    daemon.raw[f"{GUEST}/data/a"] = HEADER.pack(2, 1, 0, 1 << 31)

    with pytest.raises(Unavailable):
        store.read(f"{GUEST}/data/a")


def test_without_xenstore_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        Xenstore(lambda token: None, tmp_path / "none")


def test_the_bounds_are_those_of_any_real_guest() -> None:
    assert xenstore.MOST_KEYS >= 1000


def test_a_guest_owns_what_it_is_told_and_nothing_else_is_told(begin: Begin) -> None:
    daemon, store = begin({})

    vm_data.lay_down(store, 5, {"vm-data/a/b": "1", "vm-data/empty": "", "elsewhere": "2", "vm-data-not": "3"})

    assert vm_data.shared(store, 5) == {"vm-data/a/b": "1", "vm-data/empty": ""}
    assert set(daemon.keys) == {f"{GUEST}/vm-data", f"{GUEST}/vm-data/a/b", f"{GUEST}/vm-data/empty"}
    assert daemon.owners == {f"{GUEST}/vm-data": "n5"}


def test_what_is_too_long_is_refused_before_it_is_sent(begin: Begin) -> None:
    daemon, store = begin({})

    with pytest.raises(BadConfig):
        store.write(f"{GUEST}/vm-data/long", "x" * 4096)

    assert daemon.asked == []

"""Folders of guests are read out of xenstore within bounds, and changes in them are told."""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from xapid.backends.domain import vm_data, xenstore
from xapid.backends.domain.xenstore import MOST_BYTES, MOST_KEYS, Xenstore
from xapid.backends.interface import BadConfig, Failed, NotFound, Unavailable

PATIENCE = 10.0
HEADER = struct.Struct("<IIII")
GUEST = "/local/domain/5"


class Daemon:
    """A xenstored with keys in memory and one client."""

    def __init__(self, path: Path, keys: dict[str, str]) -> None:
        self.keys: dict[str, str] = {}
        self._below: dict[str, set[str]] = {}
        for key, value in keys.items():
            self._put(key, value)
        self.watches: dict[str, str] = {}
        self.asked: list[str] = []
        self.owners: dict[str, str] = {}
        self.raw: dict[str, bytes] = {}
        """Answers to reading a key, sent instead of its value as they are."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._sending = threading.Lock()
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def write(self, key: str, value: str) -> None:
        """As a guest does: whoever watches above it is told."""
        self._put(key, value)
        for token, path in list(self.watches.items()):
            if key == path or key.startswith(f"{path}/"):
                self._send(15, 0, f"{key}\0{token}\0".encode())

    def _put(self, key: str, value: str) -> None:
        self.keys[key] = value
        while key:
            key, _, name = key.rpartition("/")
            self._below.setdefault(key, set()).add(name)

    def hang_up(self) -> None:
        with suppress(OSError):  # The client may have gone first.
            if self._client is not None:
                self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hang_up()
        self._listener.close()
        self._thread.join(PATIENCE)

    def _send(self, kind: int, number: int, body: bytes) -> None:
        assert self._client is not None
        with self._sending:
            self._client.sendall(HEADER.pack(kind, number, 0, len(body)) + body)

    def _serve(self) -> None:
        self._client, _ = self._listener.accept()
        with self._client.makefile("rb") as stream:
            while len(head := stream.read(HEADER.size)) == HEADER.size:
                kind, number, _, length = HEADER.unpack(head)
                words = stream.read(length).decode().split("\0")
                self.asked.append(words[0])
                self._answer(kind, number, words)
        self._client.close()

    def _answer(self, kind: int, number: int, words: list[str]) -> None:
        path = words[0]
        below = self._below.get(path, set())
        match kind:
            case 2 if path in self.raw:
                assert self._client is not None
                self._client.sendall(self.raw[path])
            case 4:
                self.watches[words[1]] = path
                self._send(4, number, b"OK\0")
                self._send(15, 0, f"{path}\0{words[1]}\0".encode())
            case 5:
                self.watches.pop(words[1], None)
                self._send(5, number, b"OK\0")
            case 11:
                self._put(path, words[1])
                self._send(11, number, b"OK\0")
            case 14:
                self.owners[path] = words[1]
                self._send(14, number, b"OK\0")
            case _ if path not in self.keys and not below:
                self._send(16, number, b"ENOENT\0")
            case _ if self.keys.get(path) == "secret":
                self._send(16, number, b"EACCES\0")
            case 2:
                self._send(2, number, self.keys.get(path, "").encode())
            case 1:
                self._send(1, number, "".join(f"{name}\0" for name in sorted(below)).encode())


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

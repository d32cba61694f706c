"""A connection to xenstore, as its daemon and its device speak it, for the folders of guests, read within bounds."""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from xapid.backends.byte_stream import exactly
from xapid.backends.interface import AlreadyExists, BadConfig, Failed, NotFound, Unavailable

log = logging.getLogger(__name__)

SOCKET = Path("/run/xenstored/socket")
DEVICE = Path("/dev/xen/xenbus")

MOST_KEYS = 2000
"""Of one guest; what comes after them is not read."""
MOST_BYTES = 512 * 1024
"""Of the values of one guest."""
DEEPEST = 6
ANSWER_SECONDS = 10.0

_HEADER = struct.Struct("<IIII")
"""Kind, number of the question, transaction, length of what follows."""
_DIRECTORY, _READ, _WATCH, _UNWATCH, _WRITE, _REMOVE, _SET_PERMS, _EVENT, _ERROR = 1, 2, 4, 5, 11, 13, 14, 15, 16
_GONE = -1
"""In place of a kind: no answer comes any more, for the reason that follows."""
_ERRORS = {"ENOENT": NotFound, "EEXIST": AlreadyExists}
"""Those that are told apart."""
_LONGEST = 64 * 1024
_LONGEST_QUESTION = 4096

Changed = Callable[[str], None]


class Xenstore:
    """One connection. Watches are told on its own thread, which must not be made to wait."""

    def __init__(self, changed: Changed, path: Path | None = None, lost: Callable[[], None] | None = None) -> None:
        """``changed`` gets the token of a watch below which something changed; ``lost`` is told when the connection
        ended, on the same thread. Raises Unavailable.
        """
        self._changed = changed
        self._path = path
        self._lost = lost
        self._sending = threading.Lock()
        self._opening = threading.Lock()
        self._gone = ""
        """Why the connection ended; empty: it did not."""
        self._numbers = 0
        self._waiting: dict[int, SimpleQueue[tuple[int, bytes]]] = {}
        self._closing = False
        self._first: set[str] = set()
        """Tokens of watches whose first event, which tells nothing, did not come yet."""
        self._file, self._thread = self._begun()

    def reconnect(self) -> None:
        """After the connection ended: open it anew. Nothing is watched then. Raises Unavailable."""
        self._thread.join()
        with self._opening:
            if self._closing:
                raise Unavailable("nobody asks xenstore any more")
            with suppress(OSError):
                self._file.close()
            self._first.clear()
            with self._sending:
                self._file, self._thread = self._begun()
                self._gone = ""

    def read(self, path: str) -> str:
        """Raises NotFound, Unavailable."""
        return self._ask(_READ, path).decode("utf-8", "replace")

    def names(self, path: str) -> list[str]:
        """What is directly below a key. Raises NotFound, Unavailable, and Failed for more than fit one answer."""
        return [each.decode("utf-8", "replace") for each in self._ask(_DIRECTORY, path).split(b"\0") if each]

    def write(self, path: str, value: str) -> None:
        """Raises BadConfig for more than fits one place, Unavailable."""
        body = path.encode() + b"\0" + value.encode()
        if len(body) > _LONGEST_QUESTION:
            raise BadConfig(f"{path} is longer than xenstore takes", key=path)
        self._send(_WRITE, path, body)

    def remove(self, path: str) -> None:
        """With all that is below; what is gone already is nothing to be done. Raises Unavailable."""
        with suppress(NotFound):
            self._ask(_REMOVE, path)

    def give(self, path: str, domain: int) -> None:
        """Make a domain the owner, who alone with this host reads and writes there."""
        self._ask(_SET_PERMS, path, f"n{domain}")

    def watch(self, path: str, token: str) -> None:
        """Be told of changes at a key and below it, if that is not so already."""
        self._first.add(token)
        try:
            self._ask(_WATCH, path, token)
        except AlreadyExists:
            self._first.discard(token)

    def unwatch(self, path: str, token: str) -> None:
        """The end of that, if it was so."""
        with suppress(NotFound):
            self._ask(_UNWATCH, path, token)

    def tree(self, domain: str, folders: Iterable[str]) -> dict[str, str]:
        """Keys and values below folders of a domain's own, as many as are read of any guest. Raises Unavailable."""
        found: dict[str, str] = {}
        room = MOST_BYTES
        waiting = [(folder, 0) for folder in reversed(tuple(folders))]
        asked = 0
        while waiting and room > 0 and asked < MOST_KEYS:
            key, depth = waiting.pop()
            asked += 1
            try:
                value, below = self.read(f"{domain}/{key}"), self.names(f"{domain}/{key}") if depth < DEEPEST else []
            except (NotFound, Failed):
                continue  # It went meanwhile, or is not for us.
            room -= len(value)
            found[key] = value
            waiting += [(f"{key}/{name}", depth + 1) for name in reversed(below[:MOST_KEYS])]
        return found

    def close(self) -> None:
        with self._opening:
            self._closing = True
            with suppress(OSError):
                self._file.close()
        self._thread.join(ANSWER_SECONDS)

    def _ask(self, kind: int, *words: str) -> bytes:
        return self._send(kind, words[0], b"".join(word.encode() + b"\0" for word in words))

    def _send(self, kind: int, about: str, body: bytes) -> bytes:
        answer: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        with self._sending:
            self._numbers += 1
            number = self._numbers
            self._waiting[number] = answer
            try:
                self._require_there()
                self._file.send(_HEADER.pack(kind, number, 0, len(body)) + body)
            except (OSError, Unavailable) as error:
                del self._waiting[number]
                raise Unavailable(f"xenstore is not there: {error}") from error
        try:
            said, value = answer.get(timeout=ANSWER_SECONDS)
        except Empty as error:
            raise Unavailable("xenstore does not answer") from error
        finally:
            self._waiting.pop(number, None)
        if said == _GONE:
            raise Unavailable(f"xenstore is not there any more: {value.decode()}")
        if said == _ERROR:
            word = value.rstrip(b"\0").decode("ascii", "replace")
            raise _ERRORS.get(word, Failed)(f"xenstore says {word} of {about}")
        return value

    def _require_there(self) -> None:
        if self._gone:
            raise Unavailable(f"xenstore is not there any more: {self._gone}")

    # The thread that reads

    def _begun(self) -> tuple[_File, threading.Thread]:
        file = _opened(self._path or (SOCKET if SOCKET.exists() else DEVICE))
        thread = threading.Thread(target=self._read_on, args=(file,), name="xapid-xenstore", daemon=True)
        thread.start()
        return file, thread

    def _read_on(self, file: _File) -> None:
        try:
            while True:
                kind, number, _, length = _HEADER.unpack(file.receive(_HEADER.size))
                if length > _LONGEST:
                    raise EOFError(f"an answer of {length} bytes")
                body = file.receive(length)
                if kind == _EVENT:
                    self._told(body)
                elif (waiting := self._waiting.get(number)) is not None:
                    waiting.put((kind, body))
        except (OSError, EOFError) as error:
            self._end(str(error) or type(error).__name__)

    def _end(self, reason: str) -> None:
        with self._sending:
            self._gone = reason
            waiting = list(self._waiting.values())
        for each in waiting:
            each.put((_GONE, reason.encode()))
        if not self._closing:
            log.warning("xenstore is not there any more: %s", reason)
            if self._lost is not None:
                self._lost()

    def _told(self, body: bytes) -> None:
        _, _, rest = body.partition(b"\0")
        token = rest.partition(b"\0")[0].decode("utf-8", "replace")
        if token in self._first:
            # Each watch is told once for its own sake.
            self._first.discard(token)
        else:
            self._changed(token)


class _File:
    """A socket or a device that is written and read as one."""

    def __init__(
        self, send: Callable[[bytes], None], receive: Callable[[int], bytes], close: Callable[[], None]
    ) -> None:
        self.send = send
        self.close = close
        self._receive = receive

    def receive(self, length: int) -> bytes:
        """So many bytes. Raises EOFError, OSError."""
        return exactly(self._receive, length)


def _opened(path: Path) -> _File:
    try:
        if path.is_socket():
            connection = _connected(path)
            return _File(connection.sendall, connection.recv, lambda: _shut(connection))
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        return _File(
            lambda data: _write(device, data), lambda length: os.read(device, length), lambda: os.close(device)
        )
    except OSError as error:
        raise Unavailable(f"xenstore cannot be opened: {error}") from error


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _shut(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _write(device: int, data: bytes) -> None:
    while data:
        data = data[os.write(device, data) :]

"""The consoles of guests as clients see them: byte streams by CONNECT over the Unix socket."""

from __future__ import annotations

import itertools
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon import Client

LIMIT = 120.0
"""Seconds for each thing to happen: an emulated guest boots slowly on a busy machine."""


TRIES = 12
"""How often a command is typed."""
_commands = itertools.count(1)


class Reader:
    """What comes out of a stream, gathered in a thread, so that a test can wait for a text in it."""

    def __init__(self, read: Callable[[], bytes], limit: float = LIMIT) -> None:
        self.said = ""
        self._limit = limit
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._gather, args=(read,))
        self._thread.start()

    def _gather(self, read: Callable[[], bytes]) -> None:
        while data := read():
            with self._news:
                self.said += data.decode(errors="replace")
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, text: str, after: int = 0) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.said[after:], self._limit), f"no {text!r} in:\n{self.said}"

    def match(self, pattern: str, seconds: float, after: int = 0) -> re.Match[str] | None:
        """The first place that an expression fits, waited for for so long."""
        with self._news:
            return self._news.wait_for(lambda: re.search(pattern, self.said[after:]), seconds)

    def wait_for_match(self, pattern: str, after: int = 0) -> re.Match[str]:
        """The first place that the expression fits; waits until there is one."""
        found = self.match(pattern, self._limit, after)
        assert found is not None, f"no {pattern!r} in:\n{self.said}"
        return found

    def wait_for_end(self) -> None:
        """Wait until the other side closed the stream."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended, LIMIT), "the stream goes on"

    def join(self) -> None:
        self._thread.join(LIMIT)


class Line(Reader):
    """A text console: what the guest says, and a shell in it."""

    def __init__(self, sock: socket.socket, limit: float = LIMIT) -> None:
        self._sock = sock
        super().__init__(lambda: sock.recv(65536), limit)

    def run(self, command: str) -> list[str]:
        """The words that a command prints in the guest's shell. It is typed again where nobody heard it, such as in a
        guest that boots; what was on the screen before is shown to each viewer anew, and is no answer.
        """
        for attempt in range(TRIES):
            number = next(_commands)
            # Of one that was typed as the guest came up half may have been heard, with a quotation mark that opens.
            leave_off = "\x03" if attempt else ""
            # Looked for in what comes from now on: a long test says much, and each word of it would be searched again.
            already = len(self.said)
            self._sock.sendall(f'{leave_off}echo "<{number}:$({command})>"\n'.encode())
            # Its echo has a dollar there.
            if (found := self.match(rf"<{number}:([\w\s]*)>", self._limit / TRIES, already)) is not None:
                return found[1].split()
        raise AssertionError(f"no answer to {command!r} in:\n{self.said}")


@contextmanager
def serial_line(path: Path, client: Client, vm: str, limit: float = LIMIT) -> Iterator[Line]:
    """The text console of a guest, through the API at a Unix socket."""
    with connect(path, client, console(client, vm, "vt100")) as sock:
        sock.settimeout(limit)
        line = Line(sock, limit)
        try:
            yield line
        finally:
            sock.shutdown(socket.SHUT_RDWR)
            line.join()


def console(client: Client, vm: str, protocol: str) -> str:
    return next(
        str(ref) for ref in client.call("VM.get_consoles", vm) if client.call("console.get_protocol", ref) == protocol
    )


def connect(path: Path, client: Client, ref: str) -> socket.socket:
    """A byte stream to a console."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(LIMIT)
    sock.connect(str(path))
    sock.sendall(f"CONNECT /console?ref={ref}&session_id={client.session} HTTP/1.0\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += exactly(sock, 1)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return sock


def exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        assert piece, "the console ended"
        data += piece
    return data

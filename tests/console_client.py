"""The consoles of guests as clients see them: byte streams by CONNECT over the Unix socket."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon import Client

LIMIT = 120.0
"""Seconds for each thing to happen: an emulated guest boots slowly on a busy machine."""


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

    def wait_for_match(self, pattern: str, after: int = 0) -> re.Match[str]:
        """The first place that the expression fits; waits until there is one."""
        with self._news:
            found = self._news.wait_for(lambda: re.search(pattern, self.said[after:]), self._limit)
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
        """The words that a command prints in the guest's shell."""
        before = len(self.said)
        self._sock.sendall(f'echo "<$({command})>"\n'.encode())
        # Its echo has a dollar there.
        return self.wait_for_match(r"<([\w\s]*)>", before)[1].split()


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

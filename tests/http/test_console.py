"""Consoles: bytes carried between a client and what serves a guest's screen or serial line."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from tests.console_client import exactly
from tests.http.client import PATIENCE
from tests.http.conftest import Running, Serve
from tests.http.service import answer
from xapid.http.console import HEAD, Idleness, Plain, carry
from xapid.http.exchange import RAW
from xapid.http.routes import Handlers, standard_routes
from xapid.http.service import Limits, Service

HELD = 16 << 20
"""Bytes that may be on their way where nobody reads: those in sockets, and the daemon's own few."""
BLOCKED = 0.5
"""Seconds for which a socket takes nothing that takes no more."""

pytestmark = pytest.mark.slow


class Guest:
    """What serves a console on this host."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(PATIENCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Join a client to it."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            client = Plain(scope["extensions"][RAW]())
            await carry(client, reader, writer, Idleness(lambda: 0, bool))
        finally:
            writer.close()

    def accept(self) -> socket.socket:
        line, _ = self._listener.accept()
        line.settimeout(PATIENCE)
        return line

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    guest = Guest(tmp_path / "line")
    yield guest
    guest.close()


@pytest.fixture
def running(guest: Guest, serve: Serve) -> Iterator[Running]:
    service = Service(Handlers({"connect_console": guest}), answer, standard_routes(), Limits())
    with serve(service) as (_, running):
        yield running


def watch(running: Running, guest: Guest, kind: str = "unix") -> tuple[socket.socket, socket.socket]:
    """A client's end of a console, and the guest's."""
    viewer = running.dial(kind).socket
    viewer.sendall(b"CONNECT /console?ref=x HTTP/1.0\r\n\r\n")
    assert exactly(viewer, len(HEAD)) == HEAD
    return viewer, guest.accept()


def rest(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def pushed(sock: socket.socket) -> int:
    """How many bytes it takes before it takes no more, or more than is good."""
    sock.setblocking(False)
    count = 0
    while count <= HELD and select.select([], [sock], [], BLOCKED)[1]:
        count += sock.send(bytes(65536))
    return count


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_guest_that_floods_its_line_is_held_up_by_a_viewer_that_does_not_read(
    running: Running, guest: Guest, kind: str
) -> None:
    viewer, line = watch(running, guest, kind)

    with viewer, line:
        assert pushed(line) <= HELD


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_viewer_that_floods_a_guest_is_held_up_by_one_that_does_not_read(
    running: Running, guest: Guest, kind: str
) -> None:
    viewer, line = watch(running, guest, kind)

    with viewer, line:
        assert pushed(viewer) <= HELD


@pytest.mark.parametrize("kind", ["tcp", "tls", "unix"])
def test_the_last_words_of_a_guest_arrive_before_its_console_ends(running: Running, guest: Guest, kind: str) -> None:
    viewer, line = watch(running, guest, kind)
    said = bytes(range(256)) * 256

    with viewer:
        viewer.sendall(b"hello")
        assert exactly(line, 5) == b"hello"
        with line:
            line.sendall(said)

        assert rest(viewer) == said


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_all_that_a_viewer_typed_arrives_before_it_is_let_go(running: Running, guest: Guest, kind: str) -> None:
    viewer, line = watch(running, guest, kind)

    with viewer, line:
        viewer.sendall(b"the end")
        viewer.shutdown(socket.SHUT_WR)

        assert rest(line) == b"the end"
        assert rest(viewer) == b""


def test_a_viewer_that_leaves_takes_nothing_from_another(running: Running, guest: Guest) -> None:
    leaving, its_line = watch(running, guest)
    staying, line = watch(running, guest)

    with staying, line, its_line:
        leaving.close()
        assert rest(its_line) == b""
        line.sendall(b"still here")

        assert exactly(staying, 10) == b"still here"

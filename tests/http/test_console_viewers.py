"""Who may watch a machine, for how long, and by a WebSocket, asked of a daemon on the simulator."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from tests.console_client import connect, console
from tests.daemon import Client, Daemon
from tests.http.client import PATIENCE
from xapid.http import console as consoles
from xapid.http.console import Idleness
from xapid.http.websocket import accepting_head

pytestmark = pytest.mark.slow

KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455."""
GREETING = b"RFB 003.008\n\x01\x01"
"""What the screen says by itself, and once it knows the version of its viewer."""


class Browser:
    """A viewer that speaks by a WebSocket."""

    def __init__(self, path: Path, request: str, *headers: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        lines = [f"GET {request} HTTP/1.1", "Host: x", *headers]
        self._socket.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        self._frames = Connection(ConnectionType.CLIENT)
        self.head = ""
        while not self.head.endswith("\r\n\r\n"):
            self.head += self._socket.recv(1).decode()

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @property
    def page(self) -> str:
        """What comes after the head, to the end."""
        return b"".join(iter(lambda: self._socket.recv(65536), b"")).decode()

    def send(self, event: Event) -> None:
        self._socket.sendall(self._frames.send(event))

    def raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def until(self, kind: type[Event]) -> tuple[bytes, Event]:
        """What the guest said before the first event of a kind, and that."""
        said = b""
        while True:
            for event in self._frames.events():
                if isinstance(event, BytesMessage) and kind is not BytesMessage:
                    said += bytes(event.data)
                elif isinstance(event, kind):
                    return said, event
            data = self._socket.recv(65536)
            assert data, f"the connection ended after {said!r}"
            self._frames.receive_data(data)

    def ended(self) -> bool:
        """Whether the server ends the connection."""
        return self._socket.recv(1) == b""

    def close(self) -> None:
        self._socket.close()


def upgrade(ref: str, api: Client, path: Path) -> Browser:
    request = f"/console?ref={ref}&session_id={api.session}"
    return Browser(
        path,
        request,
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
    )


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("viewers")) as daemon:
        yield daemon


@pytest.fixture
def limited(api: Client) -> Iterator[None]:
    (pool,) = api.call("pool.get_all")
    api.call("pool.set_limit_console_sessions", pool, True)
    yield
    api.call("pool.set_limit_console_sessions", pool, False)


def test_a_screen_is_seen_by_a_websocket_whose_subprotocol_is_named(daemon: Daemon, api: Client, screened: str) -> None:
    with closing(upgrade(console(api, screened, "rfb"), api, daemon.socket)) as browser:
        _, hello = browser.until(BytesMessage)

        assert browser.head.encode() == accepting_head(KEY)
        assert f"Sec-WebSocket-Accept: {ACCEPT}\r\n" in browser.head
        assert isinstance(hello, BytesMessage)
        assert bytes(hello.data) == b"RFB 003.008\n"


def test_what_is_typed_in_any_kind_of_message_arrives_and_pings_are_answered(
    daemon: Daemon, api: Client, screened: str
) -> None:
    with closing(upgrade(console(api, screened, "rfb"), api, daemon.socket)) as browser:
        browser.send(TextMessage("RFB 003"))
        browser.send(Ping(b"there?"))
        browser.send(BytesMessage(b".0", message_finished=False))
        browser.send(BytesMessage(b"08\n"))

        said, pong = browser.until(Pong)
        while len(said) < len(GREETING):
            _, more = browser.until(BytesMessage)
            assert isinstance(more, BytesMessage)
            said += bytes(more.data)

        assert isinstance(pong, Pong)
        assert bytes(pong.payload) == b"there?"
        assert said == GREETING


def test_a_browser_that_says_that_it_ends_is_let_go(daemon: Daemon, api: Client, screened: str) -> None:
    with closing(upgrade(console(api, screened, "rfb"), api, daemon.socket)) as browser:
        browser.send(CloseConnection(1000))

        _, answer = browser.until(CloseConnection)

        assert isinstance(answer, CloseConnection)
        assert answer.code == 1000
        assert browser.ended()


@pytest.mark.parametrize(
    "rubbish", [b"\x82\x05hello", b"\xf2\x80\0\0\0\0", b"\x8f\x80\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_who_does_not_keep_to_the_protocol_is_told_and_let_go(
    daemon: Daemon, api: Client, screened: str, rubbish: bytes
) -> None:
    with closing(upgrade(console(api, screened, "rfb"), api, daemon.socket)) as browser:
        browser.raw(rubbish)

        _, answer = browser.until(CloseConnection)

        assert isinstance(answer, CloseConnection)
        assert answer.code == 1002
        assert browser.ended()


def test_who_does_not_ask_for_a_websocket_gets_none(daemon: Daemon, api: Client, screened: str) -> None:
    request = f"/console?ref={console(api, screened, 'rfb')}&session_id={api.session}"

    with closing(Browser(daemon.socket, request, "Upgrade: websocket")) as browser:
        assert browser.status == 501


def test_where_viewers_are_limited_the_second_is_told_who_is_there(
    daemon: Daemon, api: Client, screened: str, limited: None
) -> None:
    screen = console(api, screened, "rfb")
    request = f"CONNECT /console?ref={screen}&session_id={api.session} HTTP/1.0\r\n\r\n"

    with closing(connect(daemon.socket, api, screen)), closing(socket.socket(socket.AF_UNIX)) as second:
        second.settimeout(PATIENCE)
        second.connect(str(daemon.socket))
        second.sendall(request.encode())
        page = b"".join(iter(lambda: second.recv(65536), b"")).decode()

    assert page.startswith("HTTP/1.1 503 ")
    assert "Connection Limit Exceeded. Connected is: root." in page


def test_where_viewers_are_limited_one_may_follow_another(
    daemon: Daemon, api: Client, screened: str, limited: None
) -> None:
    screen = console(api, screened, "rfb")
    first = connect(daemon.socket, api, screen)
    first.shutdown(socket.SHUT_WR)
    while first.recv(65536):
        continue
    first.close()

    connect(daemon.socket, api, screen).close()


def test_where_viewers_are_limited_there_are_no_websockets(
    daemon: Daemon, api: Client, screened: str, limited: None
) -> None:
    with closing(upgrade(console(api, screened, "rfb"), api, daemon.socket)) as browser:
        assert browser.status == 503
        assert "pool.limit_console_sessions" in browser.page


async def test_only_what_counts_keeps_a_viewer_from_being_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consoles, "IDLE_CHECKED", 0.001)
    limit = 0
    idleness = Idleness(lambda: limit, lambda data: data == b"key")
    waiting = asyncio.ensure_future(idleness.too_long())
    moment = 0.0
    monkeypatch.setattr(idleness, "_clock", lambda: moment)
    idleness.heard(b"key")

    async def over() -> bool:
        await asyncio.sleep(0.02)
        return waiting.done()

    moment = 1000.0
    assert not await over(), "there is no limit"
    idleness.heard(b"key")
    limit, moment = 10, 1009.0
    assert not await over()
    idleness.heard(b"key")
    moment = 1018.0
    idleness.heard(b"an update, please")
    assert not await over()
    moment = 1019.0
    assert await over()


@pytest.fixture
def impatient(api: Client) -> Iterator[None]:
    (pool,) = api.call("pool.get_all")
    api.call("pool.set_vm_console_idle_timeout", pool, 1)
    yield
    api.call("pool.set_vm_console_idle_timeout", pool, 0)


def test_idle_viewers_are_let_go_and_browsers_are_told(
    daemon: Daemon, api: Client, screened: str, impatient: None
) -> None:
    screen = console(api, screened, "rfb")
    with (
        closing(connect(daemon.socket, api, screen)) as viewer,
        closing(upgrade(screen, api, daemon.socket)) as browser,
    ):
        _, answer = browser.until(CloseConnection)
        while viewer.recv(65536):
            continue

    assert isinstance(answer, CloseConnection)
    assert answer.code == 1000

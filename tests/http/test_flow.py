"""What a server must bear: clients that do not read, that send without end, that leave; and its own stop."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from tests.http.client import PATIENCE, Client, Hangup, call, get
from tests.http.conftest import Serve
from tests.http.service import body_of
from tests.http.tls_by_hand import TlsByHand
from xapid.http import protocol
from xapid.http.exchange import RAW, send_reply
from xapid.http.reply import Reply
from xapid.http.routes import standard_routes
from xapid.http.service import Request, Service

MIB = bytes(1 << 20)
SIZE = 24 << 20
"""Much more than the kernel's buffers hold."""

pytestmark = pytest.mark.slow


class Gate:
    """Lets a handler wait for the test. Opened from the test's thread, waited for on the server's loop."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def wait(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.reached.set()
        await self._opened.wait()

    def open(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._opened.set)


class Held:
    """A service whose calls and handlers wait at the gate."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.ended = threading.Event()
        self.outcome: list[object] = []
        self.service = Service(self.handle, self.answer, standard_routes())

    def answer(self, request: Request) -> Awaitable[Reply] | Reply:
        return self.held() if request.body == b"held" else Reply(200, request.body, "text/xml")

    async def held(self) -> Reply:
        try:
            await self.gate.wait()
            return Reply(200, b"held", "text/xml")
        except asyncio.CancelledError:
            self.outcome.append("cancelled")
            raise
        finally:
            self.ended.set()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """PUT: count the body after the gate. GET /export: SIZE bytes. Else: wait for the client to leave."""
        try:
            if scope["method"] == "PUT":
                await self.gate.wait()
                size, end = await body_of(receive)
                await send_reply(send, Reply(200, f"{size} {end}".encode(), "text/plain"))
            elif scope["path"] == "/export":
                await self.download(send)
            else:
                self.gate.reached.set()
                self.outcome += [(await receive())["type"], (await receive())["type"]]
        except OSError as error:
            self.outcome.append(error)
        finally:
            self.ended.set()

    async def download(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        self.gate.reached.set()
        for _ in range(SIZE // len(MIB)):
            await send({"type": "http.response.body", "body": MIB, "more_body": True})
        await send({"type": "http.response.body"})


# Clients


def test_a_client_that_sends_faster_than_the_handler_reads_is_slowed_down(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service) as (_, running), running.dial(kind) as client:
        client.send(b"PUT /import HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % SIZE)
        assert held.gate.reached.wait(PATIENCE)
        sender = threading.Thread(target=client.send, args=(bytes(SIZE),))

        sender.start()
        sender.join(0.3)

        assert sender.is_alive()
        held.gate.open()
        # Two threads must not use one TLS socket at the same time.
        sender.join(PATIENCE)
        assert client.response().body == b"%d complete" % SIZE


def test_a_client_that_does_not_read_stops_the_handler_and_not_the_others(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service) as (_, running), running.dial(kind) as client, running.dial(kind) as other:
        client.send(get("/export"))
        assert held.gate.reached.wait(PATIENCE)

        assert not held.ended.wait(0.2)

        other.send(call(b"x"))
        assert other.response().body == b"x"
        assert len(client.response().body) == SIZE
        assert held.ended.wait(PATIENCE)


def test_pipelined_calls_wait_for_a_client_that_does_not_read(serve: Serve, kind: str) -> None:
    calls = 0

    def answer(request: Request) -> Reply:
        nonlocal calls
        calls += 1
        return Reply(200, MIB, "text/xml")

    with serve(Service(Held().handle, answer, standard_routes())) as (_, running), running.dial(kind) as client:
        client.send(call(b"x") * 32)
        client.read(1)

        assert not client_is_served_all(running.dial(kind), lambda: calls)


def client_is_served_all(other: Client, calls: Callable[[], int]) -> bool:
    """Whether all calls have been answered when the next client has its answer."""
    with other:
        other.send(call(b"y"))
        other.response()
        return calls() > 32


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_handler_learns_that_its_client_has_left(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service) as (_, running):
        with running.dial(kind) as client:
            client.send(get("/export"))
            assert held.gate.reached.wait(PATIENCE)
            client.read(1)

        assert held.ended.wait(PATIENCE)

        assert isinstance(held.outcome[-1], ConnectionResetError)


@pytest.mark.parametrize("kind", ["tcp"])
def test_a_waiting_handler_learns_that_its_client_has_been_reset(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service) as (_, running):
        with running.dial(kind) as client:
            client.send(get("/audit_log"))
            assert held.gate.reached.wait(PATIENCE)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        assert held.ended.wait(PATIENCE)

        assert held.outcome == ["http.request", "http.disconnect"]


def test_a_call_goes_on_when_its_client_has_left(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service) as (_, running):
        with running.dial(kind) as client:
            client.send(call(b"held"))
            assert held.gate.reached.wait(PATIENCE)
        held.gate.open()

        assert held.ended.wait(PATIENCE)

        assert held.outcome == []
        with running.dial(kind) as other:
            other.send(call(b"x"))
            assert other.response().body == b"x"


def test_a_tls_client_that_ends_its_side_while_a_call_runs_gets_the_reply(serve: Serve) -> None:
    held = Held()
    with serve(held.service) as (_, running), TlsByHand(running) as tls:
        tls.send(call(b"held"))
        assert held.gate.reached.wait(PATIENCE)

        tls.send(b"", last=True)
        held.gate.open()

        assert tls.receive_until(b"\r\n\r\nheld").endswith(b"held")


def test_calls_do_not_see_the_context_variables_of_others(serve: Serve, kind: str) -> None:
    seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")

    def answer(request: Request) -> Reply:
        return Reply(200, seen.get().encode(), "text/xml")

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        seen.set("what a handler set")
        size, _ = await body_of(receive)
        await send_reply(send, Reply(200, b"%d" % size, "text/plain"))

    with serve(Service(handle, answer, standard_routes())) as (_, running), running.dial(kind) as client:
        client.send(b"PUT /import HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n" + MIB)
        assert client.response().body == b"1048576"

        client.send(call(b"x"))

        assert client.response().body == b"nothing"


# Stop


def test_a_stop_waits_for_a_call_that_runs(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service) as (thread, running), running.dial(kind) as client:
        client.send(call(b"held") + call(b"next"))
        assert held.gate.reached.wait(PATIENCE)

        thread.begin_to_stop()
        thread.call(held.gate.open)

        assert client.response().body == b"held"
        assert client.rest() == b""


def test_a_stop_ends_idle_connections(serve: Serve, kind: str) -> None:
    with serve(Held().service) as (thread, running), running.dial(kind) as client:
        client.send(call(b"x"))
        client.response()

        thread.stop()

        assert client.rest() == b""
        with pytest.raises((ConnectionError, FileNotFoundError)):
            running.dial(kind)


def test_a_stop_waits_no_longer_than_its_grace(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service, grace=0) as (thread, running), running.dial(kind) as client:
        client.send(call(b"held"))
        assert held.gate.reached.wait(PATIENCE)

        thread.stop()

        assert held.outcome == ["cancelled"]
        with pytest.raises((Hangup, OSError)):
            client.response()


def test_a_stop_ends_raw_streams(serve: Serve, kind: str) -> None:
    ended = threading.Event()

    async def echo(scope: Any, receive: Receive, send: Send) -> None:
        stream = scope["extensions"][RAW]()
        await stream.write(b"ready")
        while await stream.read():
            continue
        ended.set()

    with serve(Service(echo, None, standard_routes())) as (thread, running), running.dial(kind) as client:
        client.send(get("/console", method="CONNECT"))
        assert client.read(5) == b"ready"

        thread.stop()

        assert ended.wait(PATIENCE)
        assert client.rest() == b""


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_call_is_given_up_some_time_after_its_client_ended_its_side(
    serve: Serve, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PATIENCE", 0.05)
    held = Held()
    with serve(held.service) as (_, running), running.dial(kind) as client:
        client.send(call(b"held"))
        assert held.gate.reached.wait(PATIENCE)

        client.end()

        assert held.ended.wait(PATIENCE)
        assert held.outcome == ["cancelled"]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_answer_that_comes_before_it_is_given_up_is_sent(serve: Serve, kind: str) -> None:
    held = Held()
    with serve(held.service) as (_, running), running.dial(kind) as client:
        client.send(call(b"held"))
        assert held.gate.reached.wait(PATIENCE)

        client.end()
        held.gate.open()

        assert client.response().body == b"held"
        assert client.rest() == b""

"""What one client may take: of a head, a call, silence, connections."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http.client import PAGE, Client, call
from tests.http.conftest import LoopFactory, Running, Serve
from tests.http.service import echo_service
from xapid.http import tls_door
from xapid.http.service import Limits
from xapid.http.tls import server_context


@pytest.mark.parametrize("kind", ["tcp", "tls"])
@pytest.mark.parametrize("size, status", [(1024, 200), (1025, 431)])
@pytest.mark.parametrize("second", [False, True])
def test_a_head_of_more_than_1024_bytes_is_refused_on_tcp(client: Client, size: int, status: int, second: bool) -> None:
    start = b"POST / HTTP/1.1\r\nContent-Length: 1\r\nX: "
    if second:
        client.send(call(b"first"))
        client.response()

    client.send(start + b"a" * (size - len(start) - 4) + b"\r\n\r\n" + b"x")

    assert client.response().status == status


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_an_endless_head_is_refused(client: Client) -> None:
    client.send(b"POST / HTTP/1.1\r\nX: " + b"a" * 1100)

    assert client.response().status == 431


@pytest.mark.parametrize("kind", ["unix"])
@pytest.mark.parametrize("lines, size, status", [(60, 900, 200), (1, 5000, 500), (80, 900, 431)])
def test_the_unix_socket_takes_larger_heads(client: Client, lines: int, size: int, status: int) -> None:
    client.send(call(b"x", *[f"X-Long: {'a' * size}"] * lines))

    assert client.response().status == status


@pytest.mark.parametrize("size, status", [(307200, 200), (307201, 500)])
def test_a_call_has_at_most_307200_bytes(client: Client, size: int, status: int) -> None:
    client.send(call(b"a" * size))

    assert client.response().status == status


@pytest.mark.parametrize("body", [b"later", b"asgi"])
def test_a_long_call_may_follow_one_that_takes_time(client: Client, body: bytes) -> None:
    long = b"size" * 76800

    client.send(call(body) + call(long) * 3)

    assert client.response().status == 200
    assert [client.response().body for _ in range(3)] == [b"307200"] * 3


def test_limits_are_settings(serve: Serve, kind: str) -> None:
    limits = Limits(rpc_body=4, tcp_head=4096)
    with serve(echo_service(limits)) as (_, running):
        with running.dial(kind) as client:
            client.send(call(b"1234", "X: " + "a" * 2000))
            assert client.response().status == 200
        with running.dial(kind) as client:
            client.send(call(b"12345"))
            assert client.response().status == 500


@pytest.mark.parametrize("kind", ["tcp", "tls"])
@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\n"])
def test_a_silent_client_is_sent_away(serve: Serve, kind: str, sent: bytes) -> None:
    with serve(echo_service(Limits(head_idle=0.1))) as (_, running), running.dial(kind) as client:
        client.send(sent)

        reply = client.response()

        assert reply.status == 408
        assert reply.headers.items() >= PAGE.items()
        assert client.rest() == b""


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_a_client_that_dribbles_is_sent_away(serve: Serve, kind: str) -> None:
    with serve(echo_service(Limits(head_idle=5, head_total=0.3))) as (_, running), running.dial(kind) as client:
        client.send(b"POST / HTTP/1.1\r\nX: ")
        while client.silent(0.02):
            client.send(b"a")

        assert client.response().status == 408


def test_later_requests_may_take_their_time(serve: Serve, kind: str) -> None:
    with serve(echo_service(Limits(head_idle=0.1, head_total=0.1))) as (_, running), running.dial(kind) as client:
        client.send(call(b"first") + b"POST / HT")
        assert client.response().body == b"first"
        assert client.silent(0.3)

        client.send(call(b"second").removeprefix(b"POST / HT"))

        assert client.response().body == b"second"


@pytest.mark.parametrize("kind", ["unix"])
def test_the_unix_socket_waits_for_ever(serve: Serve, kind: str) -> None:
    with serve(echo_service(Limits(head_idle=0.1, head_total=0.1))) as (_, running), running.dial(kind) as client:
        assert client.silent(0.3)

        client.send(call(b"x"))

        assert client.response().status == 200


def test_one_connection_too_many_is_turned_away_while_all_are_at_work(serve: Serve, kind: str) -> None:
    limits = Limits(tcp_connections=1, unix_connections=1)
    with serve(echo_service(limits)) as (_, running), running.dial(kind) as first:
        first.send(b"PUT /import HTTP/1.1\r\nContent-Length: 2\r\n\r\n1")
        assert first.silent(0.1)

        with running.dial(kind) as second:
            reply = second.response()
            assert reply.status == 503
            assert reply.headers.items() >= PAGE.items()
            assert second.rest() == b""

        first.send(b"2")
        assert first.response().status == 200


def test_one_connection_too_many_ends_the_one_that_was_idle_longest(serve: Serve, kind: str) -> None:
    """Somebody who is logged in loses his last, whatever others hold, and however they go about it."""
    limits = Limits(tcp_connections=3, unix_connections=3)
    with serve(echo_service(limits)) as (_, running), ExitStack() as open_:

        def dial(*requests: bytes) -> Client:
            client = open_.enter_context(running.dial(kind))
            for each in requests:
                client.send(each)
                client.response()
            return client

        known = dial(call(b"known"))
        begun = dial(call(b"x"))
        begun.send(call(b"yy")[:-1])
        dial(call(b"x"))
        newest = [dial(call(b"x")) for _ in range(4)][-1]

        assert begun.rest() == b""
        for each in (known, newest):
            each.send(call(b"z"))
            assert each.response().body == b"z"


def test_clients_that_only_seem_to_want_tls_are_bounded_and_keep_nobody_out(serve: Serve) -> None:
    with serve(echo_service(Limits(tcp_connections=3))) as (_, running), ExitStack() as open_:
        idle = [open_.enter_context(dialled(running)) for _ in range(10)]

        with running.dial("tls") as client:
            client.send(call(b"x"))
            assert client.response().status == 200

        # The first are hung up on at once, not after the ten seconds that a handshake may take.
        assert [each.recv(1) for each in idle[:7]] == [b""] * 7
        with pytest.raises(TimeoutError):
            idle[-1].settimeout(0.1)
            idle[-1].recv(1)


def dialled(running: Running) -> socket.socket:
    return socket.create_connection((running.https.host, running.https.port), timeout=5)


class Crowded(socket.socket):
    """A listener of a process that has no room for one more socket, once."""

    refused = False

    def accept(self) -> tuple[socket.socket, object]:
        if not self.refused:
            self.refused = True
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_who_finds_no_room_is_let_in_a_moment_later(
    loop_factory: LoopFactory, certificate: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tls_door, "BREATH", 0.05)

    async def let_in() -> None:
        made = asyncio.Event()

        class Noticing(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.set()
                transport.close()

        with Crowded() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            door = tls_door.TlsDoor([listener], Noticing, server_context(certificate), 5, 5)
            door.open()
            trusting = ssl.create_default_context(cafile=str(certificate))
            host, port = listener.getsockname()
            _, writer = await asyncio.open_connection(host, port, ssl=trusting, server_hostname="localhost")
            await asyncio.wait_for(made.wait(), 5)
            writer.close()
            door.close()
            await door.wait_closed()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(let_in())
    assert "no client can be let in" in caplog.text


def test_a_tls_client_that_does_not_shake_hands_is_hung_up_on(serve: Serve) -> None:
    with serve(echo_service(Limits(head_idle=0.2))) as (_, running):
        connection = socket.create_connection((running.https.host, running.https.port))
        connection.settimeout(10)
        began = time.monotonic()
        with connection:
            assert connection.recv(1) == b""
        assert time.monotonic() - began < 8

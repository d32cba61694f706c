"""Clients as others write them: the standard library's, and those that end their side of TLS."""

from __future__ import annotations

import http.client

import pytest

from tests.http.client import call, get
from tests.http.conftest import Running
from tests.http.service import LARGE
from tests.http.tls_by_hand import TlsByHand


def test_the_client_of_the_standard_library_keeps_its_connection(server: Running) -> None:
    connection = http.client.HTTPConnection(server.http.host, server.http.port, timeout=10)
    bodies = []

    for body in ("one", "two", "later"):
        connection.request("POST", "/RPC2", body)
        first = connection.sock
        bodies.append(connection.getresponse().read())
        assert connection.sock is first

    connection.close()
    assert bodies == [b"one", b"two", b"later"]


@pytest.mark.parametrize(
    "body, answer", [(b"<last/>", b"<last/>"), (b"later", b"later"), (b"large", LARGE), (b"in slices", LARGE)]
)
def test_a_tls_client_that_ends_its_side_gets_the_reply(server: Running, body: bytes, answer: bytes) -> None:
    """The end of its side comes with the call, as a TLS alert."""
    with TlsByHand(server) as tls:
        tls.send(call(body), last=True)

        assert tls.rest().endswith(b"\r\n\r\n" + answer)


def test_a_tls_client_that_ends_its_side_gets_every_reply_it_is_owed(server: Running) -> None:
    bodies = (b"1", b"later", b"asgi", b"2", b"later", b"the last")
    with TlsByHand(server) as tls:
        tls.send(b"".join(call(body) for body in bodies), last=True)

        received = tls.rest()

    assert received.count(b"HTTP/1.1 200 ") == len(bodies)
    assert received.endswith(b"the last")


def test_an_idle_tls_client_that_ends_its_side_is_answered_by_the_end(server: Running) -> None:
    with TlsByHand(server) as tls:
        tls.send(call(b"x"))
        tls.receive_until(b"\r\n\r\nx")

        tls.send(b"", last=True)

        assert tls.rest() == b""


def test_a_raw_stream_over_tls_can_be_ended_by_halves(server: Running) -> None:
    with TlsByHand(server) as tls:
        tls.send(get("/console", method="CONNECT") + b"abc", last=True)

        assert tls.rest() == b"HTTP/1.0 200 OK\r\n\r\nABCbye"

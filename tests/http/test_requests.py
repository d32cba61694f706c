"""Calls, paths and refusals over TCP, TLS and Unix sockets, on both event loops."""

from __future__ import annotations

import json
import os

import pytest

from tests.http.client import PAGE, Client, call, get
from tests.http.service import LARGE

# Calls


def test_a_reply_to_a_call_has_the_headers_of_the_original(client: Client) -> None:
    client.send(call(b"<x/>"))

    reply = client.response()
    assert (reply.status, reply.version, reply.body) == (200, "1.1", b"<x/>")
    assert reply.names == (
        "connection",
        "cache-control",
        "content-type",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Headers",
        "content-length",
    )
    assert reply.headers["content-type"] == "text/xml"
    assert reply.headers["cache-control"] == "no-cache, no-store"


def test_a_call_may_come_in_single_bytes(client: Client) -> None:
    for byte in call(b"slow"):
        client.send(bytes([byte]))

    assert client.response().body == b"slow"


@pytest.mark.parametrize("body", [b"now", b"later", b"held"])
def test_calls_follow_one_another_on_a_connection(client: Client, body: bytes) -> None:
    for _ in range(3):
        client.send(call(body))
        assert client.response().body == body


def test_pipelined_calls_are_answered_in_their_order(client: Client) -> None:
    bodies = [b"1", b"later", b"2", b"asgi", b"held", b"large", b"4"] * 3

    client.send(b"".join(call(body) for body in bodies))

    replies = [client.response() for _ in bodies]
    assert [reply.status for reply in replies] == [200] * len(bodies)
    assert [replies[at].body for at in (0, 1, 2, 4, 5, 6)] == [b"1", b"later", b"2", b"held", LARGE, b"4"]


def test_a_thousand_pipelined_calls_are_all_answered(client: Client) -> None:
    client.send(call(b"x") * 1000)

    assert [client.response().body for _ in range(1000)] == [b"x"] * 1000


@pytest.mark.parametrize(
    "bodies", [[b"now"], [b"later"], [b"asgi"], [b"1", b"later", b"2"], [b"1", b"held", b"2"], [b"large", b"x"]]
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_client_that_ends_its_side_gets_its_replies(client: Client, bodies: list[bytes]) -> None:
    client.send(b"".join(call(body) for body in bodies))
    client.end()

    assert [client.response().status for _ in bodies] == [200] * len(bodies)
    assert client.rest() == b""


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_client_that_ends_its_side_within_a_request_gets_no_answer(client: Client, sent: bytes) -> None:
    client.send(sent)
    client.end()

    assert client.rest() == b""


@pytest.mark.parametrize("body", [b"large", b"in slices"])
def test_an_answer_of_3_mib_arrives_whole(client: Client, body: bytes) -> None:
    client.send(call(body) + call(b"next"))

    assert client.response().body == LARGE
    assert client.response().body == b"next"


@pytest.mark.parametrize("body", [b"fail", b"fail later", b"bad header"])
def test_a_call_that_breaks_its_handler_is_the_page_500(client: Client, body: bytes) -> None:
    client.send(call(body))

    reply = client.response()
    assert reply.status == 500
    assert reply.headers.items() >= PAGE.items()
    assert client.rest() == b""


def test_a_handler_of_calls_may_end_the_connection(client: Client) -> None:
    client.send(call(b"malformed"))

    assert client.response().headers.items() >= PAGE.items()
    assert client.rest() == b""


def test_a_call_that_is_not_taken_goes_to_the_application(client: Client) -> None:
    client.send(call(b"asgi", path="/RPC3?a=b") + call(b"next"))

    assert json.loads(client.response().body)["path"] == "/RPC3"
    assert client.response().body == b"next"


def test_the_handler_of_calls_sees_the_request(client: Client) -> None:
    client.send(call(b"request", "User-Agent:  me  ", "X-N\u00e4me: gr\u00fcn", path="/RP%432?a=%20b"))

    seen = json.loads(client.response().body)
    assert (seen["method"], seen["path"], seen["query"], seen["version"]) == ("POST", "/RPC2", "a=%20b", "1.1")
    assert ["user-agent", "me"] in seen["headers"]
    assert ["x-n\u00e4me", "gr\u00fcn"] in seen["headers"]


def test_the_peer_of_a_call_is_known(client: Client, kind: str) -> None:
    client.send(call(b"request"))

    seen = json.loads(client.response().body)
    if kind == "unix":
        assert seen["peer"] == {"address": "", "unix": True, "uid": os.getuid(), "pid": os.getpid(), "tls": False}
        assert seen["trusted"] is True
    else:
        assert seen["peer"] == {"address": "127.0.0.1", "unix": False, "uid": None, "pid": None, "tls": kind == "tls"}
        assert seen["trusted"] is False


# Methods, paths and refusals


@pytest.mark.parametrize(
    "path, status",
    [("/", 200), ("/RPC2", 200), ("/json", 200), ("/jsonrpc", 200), ("/xmlrpc", 200), ("/export", 200), ("//", 403)],
)
def test_a_post_to_any_unknown_path_is_a_call(client: Client, path: str, status: int) -> None:
    client.send(call(b"<x/>", path=path))

    assert client.response().status == status


@pytest.mark.parametrize("path", ["/", "/json", "/jsonrpc", "/jsonrpc/x", "/export", "/RPC2"])
def test_options_allow_other_sites_to_call(client: Client, path: str) -> None:
    client.send(get(path, "Access-Control-Request-Headers: content-type", method="OPTIONS"))

    reply = client.response()
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers == {
        "connection": "keep-alive",
        "cache-control": "no-cache, no-store",
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "content-type, X-Requested-With",
        "access-control-allow-methods": "PUT",
        "content-length": "0",
    }


@pytest.mark.parametrize(
    "request_line, status",
    [
        ("HEAD / HTTP/1.1", 501),
        ("DELETE / HTTP/1.1", 501),
        ("get / HTTP/1.1", 501),
        ("PUT /nosuch HTTP/1.1", 403),
        ("CONNECT / HTTP/1.1", 403),
        ("OPTIONS * HTTP/1.1", 403),
        ("GET ?a HTTP/1.1", 403),
        ("GET /", 500),
        ("GET / HTTP/1.1 x", 500),
        ("GET / FTP/1.1", 500),
        ("garbage", 500),
    ],
)
def test_what_cannot_be_served_is_a_page_and_the_end(client: Client, request_line: str, status: int) -> None:
    client.send(f"{request_line}\r\nHost: x\r\n\r\n".encode())

    reply = client.response()
    assert (reply.status, reply.version) == (status, "1.1")
    assert reply.headers.items() >= PAGE.items()
    assert client.rest() == b""


def test_nothing_after_a_refused_request_is_looked_at(client: Client) -> None:
    client.send(get("/nosuch", method="PUT") + call(b"x"))

    assert client.response().status == 403
    assert client.rest() == b""


def test_a_refused_client_that_goes_on_sending_sees_why(client: Client) -> None:
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n")
    client.send(bytes(4 << 20))

    assert client.response().status == 500


def test_lines_that_end_in_a_bare_line_feed_do_not_end(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\nConnection: close\n\n")
    assert client.silent(0.1)

    client.send(b"\r\n\r\n")
    assert client.response().status == 500

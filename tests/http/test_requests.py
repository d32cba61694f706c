"""Requests and replies over TCP, TLS and Unix sockets, on both event loops."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from types import TracebackType
from typing import Self

import pytest

from tests.http.client import PATIENCE, Client, Hangup
from tests.http.conftest import Running, Serve
from tests.http.service import LARGE, echo_service
from xapid.http.service import Limits

PAGE = {"content-type": "text/html", "connection": "close", "cache-control": "no-cache, no-store"}


def call(body: bytes, *headers: str, version: str = "1.1", path: str = "/") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def get(path: str, *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/{version}", *headers)).encode() + b"\r\n"


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


@pytest.mark.parametrize("body", [b"now", b"later"])
def test_calls_follow_one_another_on_a_connection(client: Client, body: bytes) -> None:
    for _ in range(3):
        client.send(call(body))
        assert client.response().body == body


def test_pipelined_calls_are_answered_in_their_order(client: Client) -> None:
    bodies = [b"1", b"later", b"2", b"asgi", b"3", b"large", b"4"] * 3

    client.send(b"".join(call(body) for body in bodies))

    replies = [client.response() for _ in bodies]
    assert [reply.status for reply in replies] == [200] * len(bodies)
    assert [replies[at].body for at in (0, 1, 2, 4, 5, 6)] == [b"1", b"later", b"2", b"3", LARGE, b"4"]


def test_a_thousand_pipelined_calls_are_all_answered(client: Client) -> None:
    client.send(call(b"x") * 1000)

    assert [client.response().body for _ in range(1000)] == [b"x"] * 1000


@pytest.mark.parametrize("bodies", [[b"now"], [b"later"], [b"asgi"], [b"1", b"later", b"2"], [b"large", b"x"]])
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


def test_an_answer_of_3_mib_arrives_whole(client: Client) -> None:
    client.send(call(b"large"))

    assert client.response().body == LARGE


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


# Limits


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


def test_one_connection_too_many_is_turned_away(serve: Serve, kind: str) -> None:
    limits = Limits(tcp_connections=1, unix_connections=1)
    with serve(echo_service(limits)) as (_, running), running.dial(kind) as first:
        first.send(call(b"x"))
        assert first.response().status == 200

        with running.dial(kind) as second:
            reply = second.response()
            assert reply.status == 503
            assert reply.headers.items() >= PAGE.items()
            assert second.rest() == b""

        first.send(call(b"y"))
        assert first.response().body == b"y"


# Handlers


@pytest.mark.parametrize("version, chunked", [("1.1", True), ("1.0", False)])
def test_a_body_of_unknown_length_is_chunked_for_new_clients_only(client: Client, version: str, chunked: bool) -> None:
    client.send(get("/export", version=version))

    reply = client.response()
    assert reply.body == b"one two"
    assert ("transfer-encoding" in reply.headers) is chunked
    assert reply.headers["connection"] == ("keep-alive" if chunked else "close")


def test_a_handler_may_end_its_body_by_closing(client: Client) -> None:
    client.send(get("/export_metadata"))

    reply = client.response()
    assert (reply.body, reply.headers["connection"]) == (b"one two", "close")
    assert "transfer-encoding" not in reply.headers


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_body_of_known_length_keeps_the_connection(client: Client, version: str) -> None:
    for _ in range(2):
        client.send(get("/export_raw_vdi", "Connection: keep-alive", version=version))
        reply = client.response()
        assert (reply.body, reply.headers["connection"]) == (b"one two", "keep-alive")


def test_a_handler_may_say_an_older_version(client: Client) -> None:
    client.send(get("/rrd_updates"))

    reply = client.response()
    assert (reply.version, reply.status) == ("1.0", 404)


@pytest.mark.parametrize("path", ["/blob", "/host_backup"])
def test_a_handler_that_breaks_is_the_page_500(client: Client, path: str) -> None:
    client.send(get(path))

    reply = client.response()
    assert reply.status == 500
    assert reply.headers.items() >= PAGE.items()
    assert client.rest() == b""


def test_a_handler_that_breaks_midway_ends_the_connection_within_the_body(client: Client) -> None:
    client.send(get("/services"))

    with pytest.raises((Hangup, ssl.SSLError)):
        client.response()


def test_a_body_that_is_shorter_than_it_said_ends_the_connection(client: Client) -> None:
    client.send(get("/updates"))

    with pytest.raises((Hangup, ssl.SSLError)):
        client.response()


def test_a_route_without_a_handler_is_not_implemented(client: Client) -> None:
    client.send(get("/remotecmd", method="CONNECT"))

    assert client.response().status == 501


def test_a_handler_sees_the_request(client: Client, kind: str) -> None:
    client.send(get("/audit_log/a%20b?since=1&x=%2F", "X-Y: z"))

    seen = json.loads(client.response().body)
    assert seen["method"] == "GET"
    assert seen["path"] == "/audit_log/a b"
    assert seen["raw_path"] == "/audit_log/a%20b"
    assert seen["query"] == "since=1&x=%2F"
    assert seen["headers"] == [["x-y", "z"]]
    assert seen["scheme"] == ("https" if kind == "tls" else "http")
    assert seen["client"] == (None if kind == "unix" else "127.0.0.1")
    assert seen["pid"] == (os.getpid() if kind == "unix" else None)
    assert seen["route"] == "get_audit_log"


# Uploads


@pytest.mark.parametrize("size", [0, 1, 300000, 5 << 20])
def test_an_upload_reaches_its_handler(client: Client, size: int) -> None:
    client.send(f"PUT /import HTTP/1.1\r\nContent-Length: {size}\r\n\r\n".encode() + bytes(size) + call(b"next"))

    assert client.response().body == f"{size} complete".encode()
    assert client.response().body == b"next"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_upload_without_length_ends_with_the_client(client: Client) -> None:
    client.send(b"PUT /import HTTP/1.1\r\n\r\n" + bytes(300000))
    client.end()

    reply = client.response()
    assert (reply.body, reply.headers["connection"]) == (b"300000 complete", "close")


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_upload_cut_short_is_known_to_its_handler(client: Client) -> None:
    client.send(b"PUT /import HTTP/1.1\r\nContent-Length: 10\r\n\r\n1234")
    client.end()

    assert client.response().body == b"4 cut"


def test_an_upload_may_be_answered_before_it_is_sent(client: Client) -> None:
    client.send(b"PUT /import_metadata HTTP/1.1\r\nContent-Length: 4\r\n\r\n")
    head = client.read_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")

    client.send(b"1234")

    assert client.rest() == b"4 complete"


def test_a_short_body_that_nobody_reads_is_passed_over(client: Client) -> None:
    client.send(b"PUT /blob HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345" + call(b"next"))

    assert client.response().body == b"unread"
    assert client.response().body == b"next"


def test_a_long_body_that_nobody_reads_ends_the_connection(client: Client) -> None:
    client.send(b"PUT /blob HTTP/1.1\r\nContent-Length: 1125899906842624\r\n\r\n12345")

    reply = client.response()
    assert (reply.body, reply.headers["connection"]) == (b"unread", "close")
    assert client.rest() == b""


# The raw stream


def test_a_raw_stream_begins_with_what_came_after_the_head(client: Client) -> None:
    client.send(get("/console?ref=x", version="1.0", method="CONNECT") + b"abc")
    assert client.read(len(b"HTTP/1.0 200 OK\r\n\r\nABC")) == b"HTTP/1.0 200 OK\r\n\r\nABC"

    client.send(b"def")

    assert client.read(3) == b"DEF"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_raw_stream_can_be_ended_by_halves(client: Client) -> None:
    client.send(get("/console", method="CONNECT") + b"abc")
    client.end()

    assert client.rest() == b"HTTP/1.0 200 OK\r\n\r\nABCbye"


def test_a_raw_stream_may_follow_a_body(client: Client) -> None:
    client.send(call(b"vm-list", path="/cli") + b"more")

    assert client.rest() == b"HTTP/1.0 200 OK\r\n\r\n7 more"


def test_a_raw_stream_carries_megabytes_both_ways(client: Client) -> None:
    data = b"abcdefgh" * 8192
    client.send(get("/console", method="CONNECT"))
    client.read(len(b"HTTP/1.0 200 OK\r\n\r\n"))

    for _ in range(64):
        client.send(data)
        assert client.read(len(data)) == data.upper()


# Ordinary clients


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


@pytest.mark.parametrize("body, answer", [(b"<last/>", b"<last/>"), (b"later", b"later"), (b"large", LARGE)])
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


class TlsByHand:
    """TLS over memory buffers, which can end its side without waiting for the other."""

    def __init__(self, server: Running) -> None:
        self._plain = socket.create_connection((server.https.host, server.https.port), timeout=PATIENCE)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(server.certificate))
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def __enter__(self) -> Self:
        while True:
            try:
                self._tls.do_handshake()
                return self
            except ssl.SSLWantReadError:
                self._exchange()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._plain.close()

    def _exchange(self) -> None:
        self._plain.sendall(self._outgoing.read())
        self._incoming.write(self._plain.recv(65536))

    def send(self, data: bytes, last: bool = False) -> None:
        self._tls.write(data)
        if last:
            with pytest.raises(ssl.SSLWantReadError):
                self._tls.unwrap()
        self._plain.sendall(self._outgoing.read())

    def receive_until(self, mark: bytes) -> bytes:
        received = b""
        while mark not in received:
            try:
                received += self._tls.read(65536)
            except ssl.SSLWantReadError:
                data = self._plain.recv(65536)
                assert data, received
                self._incoming.write(data)
        return received

    def rest(self) -> bytes:
        """All that comes until the server ends its side, as TLS has it and not by hanging up."""
        received = b""
        while True:
            try:
                received += self._tls.read(65536)
            except ssl.SSLZeroReturnError:
                return received
            except ssl.SSLWantReadError:
                data = self._plain.recv(65536)
                assert data, received[-200:]
                self._incoming.write(data)

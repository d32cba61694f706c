"""Handlers behind the calls: how their replies are framed, uploads, and the raw stream."""

from __future__ import annotations

import json
import os
import ssl

import pytest

from tests.http.client import PAGE, Client, Hangup, call, get

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

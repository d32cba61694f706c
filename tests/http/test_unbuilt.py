"""Handlers that are not built tell who may not ask, and what is wrong, as the original does; the rest is 501."""

from __future__ import annotations

import base64

import pytest

from tests.http.live import Live

ROOT = base64.b64encode(b"root:wrong").decode()


def status(live: Live, request: str, *headers: str, kind: str = "unix") -> tuple[int, str]:
    """Status and version of the answer."""
    with live.dial(kind) as client:
        client.send("\r\n".join((f"{request} HTTP/1.1", "host: it", "connection: close", *headers, "", "")).encode())
        reply = client.response()
    return reply.status, reply.version


@pytest.mark.parametrize("path", ["/vm_rrd?uuid=x", "/host_rrd", "/sr_rrd?uuid=x", "/rrd_updates?start=0"])
def test_there_are_no_figures_yet(live: Live, path: str) -> None:
    assert status(live, f"GET {path}") == (404, "1.0")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("GET /export?uuid=nope", 500),
        ("GET /export?ref=OpaqueRef:nope", 500),
        ("GET /blob?ref=x", 404),
        ("PUT /import", 500),
        ("PUT /import?sr_id=nope", 500),
        ("POST /cli", 500),
        ("POST /remote_db_access", 500),
        ("POST /services", 404),
    ],
)
def test_what_is_wrong_is_told(live: Live, request_: str, expected: int) -> None:
    assert status(live, request_)[0] == expected


def test_an_object_that_is_there_leaves_nothing_but_that_it_is_not_built(live: Live) -> None:
    assert status(live, f"GET /export?uuid={live.vm_uuid}")[0] == 501
    assert status(live, f"GET /export?ref={live.vm}")[0] == 501


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), 401),
        ((f"authorization: Basic {ROOT}",), 401),
        (("authorization: Basic %%%",), 401),
        (("authorization: Digest x",), 500),
        (("authorization: nonsense",), 500),
        (("cookie: session_id=OpaqueRef:nope",), 401),
    ],
)
def test_who_may_not_ask_is_told_before_anything_else(live: Live, headers: tuple[str, ...], expected: int) -> None:
    for path in ("/export?uuid=nope", "/rrd_updates?start=0", "/blob?ref=x"):
        assert status(live, f"GET {path}", *headers, kind="tcp")[0] == expected

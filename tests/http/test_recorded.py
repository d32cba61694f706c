"""The recorded conversations about connections, request lines and lengths, with a stand-in for the calls."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.http.client import Client, Hangup, Response
from tests.http.conftest import Running, Serve
from tests.http.service import CORS, respond
from xapid.http.exchange import VERSION, send_reply
from xapid.http.reply import Reply, error_page
from xapid.http.routes import Handlers, standard_routes
from xapid.http.service import Request, Service
from xapid.http.static import FileServer

RECORDED = Path(__file__).parent.parent / "vectors" / "http.json.gz"
SCENARIOS = {each["name"]: each["steps"] for each in json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"]}
AGAIN = b"POST /again HTTP/1.1\r\nContent-Length: 25\r\n\r\n<methodName></methodCall>"

Step = dict[str, Any]


def answer(request: Request) -> Reply:
    """As the endpoint of calls would: bodies that are no call, on this path, are the page 500."""
    whole = b"<methodName>" in request.body and request.body.endswith(b"</methodCall>")
    if request.path.startswith("/jsonrpc") or not whole:
        return error_page(500)
    return Reply(200, request.path.encode(), "text/xml", CORS)


async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
    await send_reply(send, error_page(500))


async def knows_no_service(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 404, {"connection": "close", "content-length": "0"}, **{VERSION: "1.0"})


REFUSING = ("connect_console", "put_import", "post_cli", "post_remote_db_access")
HANDLERS: dict[str, ASGIApp] = dict.fromkeys(REFUSING, refuses)


@pytest.fixture(scope="module")
def recorded(serve: Serve) -> Iterator[Running]:
    handlers = Handlers({**HANDLERS, "get_root": FileServer(None), "post_services": knows_no_service})
    with serve(Service(handlers, answer, standard_routes())) as (_, running):
        yield running


@pytest.mark.parametrize("name", ["keep-alive", "request-lines", "lengths"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_recorded_conversation_is_repeated(recorded: Running, kind: str, name: str) -> None:
    steps = [for_tcp(step) if kind == "tcp" else step for step in SCENARIOS[name]]

    found = {number: repeat(recorded.dial(kind), step) for number, step in enumerate(steps, 1)}

    assert {number: lines for number, lines in found.items() if lines} == {}


def for_tcp(step: Step) -> Step:
    """What was recorded on the Unix socket, with the limit of TCP on heads."""
    if len(step["raw"][0]["send"]) <= 1024:
        return step
    return {**step, "raw": [{**step["raw"][0], "status": 431}]}


def repeat(client: Client, step: Step) -> list[str]:
    """Send what was sent; what comes back otherwise than recorded."""
    found = []
    with client:
        for part in step["raw"]:
            payload = part.get("payload", "").encode("latin-1")
            client.send(part["send"].replace("@{length}", str(len(payload))).encode("latin-1") + payload)
            if "status" in part:
                found += differences(part, client.response())
        end = ending(client, step["end"].startswith("no answer"))
    return found if end == step["end"] else [*found, end]


def differences(expected: Step, reply: Response) -> list[str]:
    found = [] if reply.status == expected["status"] else [f"status {reply.status}"]
    if reply.version != expected["version"]:
        found.append(f"version {reply.version}")
    for name, value in expected["headers"].items():
        if reply.headers.get(name) != value:
            found.append(f"{name}: {reply.headers.get(name)}")
    return found


def ending(client: Client, unanswered: bool) -> str:
    """What the connection does then: one that is open answers the next request, or the rest of this one."""
    if unanswered and not client.silent(0.05):
        return "an answer"
    client.send(b"\r\n\r\n" if unanswered else AGAIN)
    try:
        if unanswered:
            client.response()
            return "no answer, open"
        while client.response().body != b"/again":
            continue
        return "open"
    except Hangup:
        return "closed"

"""The service that the tests speak to: its calls echo, and each handler shows one way of answering."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from xapid.http.exchange import PEER, RAW, ROUTE, VERSION, send_reply
from xapid.http.raw import RawStream
from xapid.http.reply import Held, Reply, error_page
from xapid.http.routes import Handlers, standard_routes
from xapid.http.service import Limits, Request, Service
from xapid.http.static import FileServer

CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "X-Requested-With"),
)
LARGE = bytes(range(256)) * 12288
"""3 MiB."""
SLICES = ([b"", LARGE[:5]], [], [LARGE[at : at + 4000] for at in range(5, 1000000, 4000)], [LARGE[1000005:]])
"""The same in pieces of all sizes."""


def answer(request: Request) -> Reply | Held | Awaitable[Reply] | None:
    """Echo the body; some bodies ask for more than that."""
    match request.body:
        case b"later":
            return later(b"later")
        case b"held":
            return Soon(Reply(200, b"held", "text/xml", CORS))
        case b"fail":
            raise ValueError("asked for")
        case b"fail later":
            return fail_later()
        case b"known" if request.caller is not None:
            request.caller.known("somebody", "a session")
        case b"asgi":
            return None
        case b"large":
            return Reply(200, LARGE, "text/xml")
        case b"in slices":
            return Reply(200, b"", "text/xml", slices=deque(SLICES), length=len(LARGE))
        case b"request":
            return Reply(200, description(request), "application/json")
        case b"bad header":
            return Reply(200, b"", "text/xml", (("x", "a\r\nb: c"),))
        case b"malformed":
            return error_page(500)
    if request.body.startswith(b"size"):
        return Reply(200, b"%d" % len(request.body), "text/xml")
    return Reply(200, request.body, "text/xml", CORS)


class Soon(Held):
    """Held until the loop turns."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def then(self, deliver: Callable[[Reply], None]) -> None:
        asyncio.get_running_loop().call_soon(deliver, self._reply)


async def later(body: bytes) -> Reply:
    await asyncio.sleep(0)
    return Reply(200, body, "text/xml", CORS)


async def fail_later() -> Reply:
    await asyncio.sleep(0)
    raise ValueError("asked for")


def description(request: Request) -> bytes:
    peer = request.peer
    facts = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "version": request.version,
        "peer": {"address": peer.address, "unix": peer.unix, "uid": peer.uid, "pid": peer.pid, "tls": peer.tls},
        "trusted": peer.trusted,
    }
    return json.dumps(facts).encode()


async def respond(send: Send, status: int, headers: dict[str, str], *parts: bytes, **extra: object) -> None:
    """One reply in the given parts."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw, **extra})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def body_of(receive: Receive) -> tuple[int, str]:
    """How many bytes came, and how they ended: ``complete`` or ``cut``."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return size, "cut"
        size += len(message["body"])
        if not message["more_body"]:
            return size, "complete"


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    size, end = await body_of(receive)
    await send_reply(send, Reply(200, f"{size} {end}".encode(), "text/plain"))


async def early(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, as imports do, before the body is read."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    size, end = await body_of(receive)
    await send({"type": "http.response.body", "body": f"{size} {end}".encode()})


async def unread(scope: Scope, receive: Receive, send: Send) -> None:
    await send_reply(send, Reply(200, b"unread", "text/plain"))


async def parts(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, {"content-type": "text/plain"}, b"one ", b"", b"two")


async def until_close(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, {"connection": "close"}, b"one ", b"two")


async def with_length(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, {"content-length": "7"}, b"one ", b"two")


async def too_short(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, {"content-length": "9"}, b"one ", b"two")


async def old_version(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 404, {"connection": "close", "content-length": "0"}, **{VERSION: "1.0"})


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("asked for")


async def fails_midway(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    raise ValueError("asked for")


async def splits_header(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, {"location": "/a\r\nx-evil: 1"})


async def shows_scope(scope: Scope, receive: Receive, send: Send) -> None:
    shown = {name: scope[name] for name in ("method", "path", "http_version", "scheme")}
    shown["query"] = scope["query_string"].decode()
    shown["raw_path"] = scope["raw_path"].decode()
    shown["headers"] = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    shown["client"] = scope["client"] and scope["client"][0]
    shown["route"] = scope["extensions"][ROUTE]
    shown["pid"] = scope["extensions"][PEER].pid
    await send_reply(send, Reply(200, json.dumps(shown).encode(), "application/json"))


async def console(scope: Scope, receive: Receive, send: Send) -> None:
    """Echo in capitals until the client ends its side; then say goodbye."""
    stream: RawStream = scope["extensions"][RAW]()
    await stream.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while data := await stream.read():
        await stream.write(data.upper())
    await stream.write(b"bye")


async def cli(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, then go on with bare bytes, as the command line protocol does."""
    size, _ = await body_of(receive)
    stream: RawStream = scope["extensions"][RAW]()
    await stream.write(b"HTTP/1.0 200 OK\r\n\r\n%d " % size)
    await stream.write(await stream.read())


HANDLERS = Handlers(
    {
        "get_root": FileServer(None),
        "put_import": count,
        "put_import_metadata": early,
        "put_blob": unread,
        "get_export": parts,
        "get_export_metadata": until_close,
        "get_export_raw_vdi": with_length,
        "get_updates": too_short,
        "rrd_updates": old_version,
        "get_blob": fails,
        "get_services": fails_midway,
        "get_host_backup": splits_header,
        "get_audit_log": shows_scope,
        "post_root": shows_scope,
        "connect_console": console,
        "post_cli": cli,
    }
)


def echo_service(limits: Limits | None = None) -> Service:
    return Service(HANDLERS, answer, standard_routes(), limits or Limits())

"""One request that goes to the ASGI application: its scope, its body as it comes, and the framing of its reply."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Scope, Send

from xapid.http.head import Head
from xapid.http.peer import Peer
from xapid.http.raw import Connection, RawStream
from xapid.http.reply import Reply, encode_head, encode_reply, error_page

log = logging.getLogger(__name__)

PEER = "xapid.peer"
"""Extension of the scope: the Peer."""
ROUTE = "xapid.route"
"""Extension of the scope: the name of the route."""
RAW = "xapid.raw"
"""Extension of the scope: call it to take the connection over; gives the RawStream."""
TASK = "xapid.task"
"""Extension of the scope: the NamedTask of a request that names one, which its session enters."""
VERSION = "xapid.version"
"""Key of ``http.response.start``: the version in the status line, where it shall not be 1.1."""

CLIENT_GONE = (OSError, ClientDisconnect)
BODILESS = frozenset({204, 304})
CHUNK = 262144
SKIPPED = 65536
"""Bytes of an unread body that are worth reading to keep the connection."""


class Stage(Enum):
    """How far the reply has come."""

    WAITING = auto()
    STARTED = auto()
    """Status and headers are known, but wait for the first part of the body, which decides the framing."""
    BODY = auto()
    COMPLETE = auto()
    TAKEN = auto()
    """There is none: the application has the raw stream."""


class Framing(Enum):
    """How the client learns where the body ends."""

    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()


# Looking a member up in its class is slow on Python 3.11, see protocol.py.
WAITING, STARTED, BODY, COMPLETE, TAKEN = Stage


class Exchange:
    """A request and its reply over ASGI."""

    def __init__(
        self,
        connection: Connection,
        head: Head,
        remaining: int | None,
        complete: Callable[[Exchange], None],
    ) -> None:
        self.keep_alive = head.keep_alive
        self.remaining = remaining
        """Bytes of the body that nobody has read; None: it goes on until the client ends its side."""
        self._connection = connection
        self._head = head
        self._on_complete = complete
        self._stage = WAITING
        self._framing = Framing.LENGTH
        self._left = 0
        self._start: Message = {}
        self._body_over = False
        self._over = asyncio.Event()

    def scope(self, peer: Peer, server: tuple[str, int | None] | None, route: str) -> Scope:
        """The scope for the application."""
        head = self._head
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": head.version,
            "server": server,
            "client": None if peer.unix else (peer.address, peer.port),
            "scheme": "https" if peer.tls else "http",
            "method": head.method,
            "root_path": "",
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query.encode(),
            "headers": list(head.fields),
            "state": {},
            "extensions": {PEER: peer, ROUTE: route, RAW: self.take_over},
        }

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Let the application answer; whatever it does, the client gets a whole reply or sees the connection end."""
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._connection.abort()
            raise
        except Exception as error:
            if self._connection.lost and isinstance(error, CLIENT_GONE):
                log.debug("the client of %s %s has gone", self._head.method, self._head.path)
            else:
                log.exception("%s %s failed", self._head.method, self._head.path)
        try:
            await self._settle()
        except ConnectionResetError:
            log.debug("the client of %s %s did not wait for its reply", self._head.method, self._head.path)

    def over(self) -> None:
        """Called when the connection is lost: whoever waits for the client learns it."""
        self._over.set()

    def take_over(self) -> RawStream:
        """Switch the connection to raw mode. The application writes even the head of the reply itself."""
        if self._stage is not WAITING:
            raise RuntimeError("the connection can be taken over only before the reply has begun")
        self._stage = TAKEN
        return RawStream(self._connection)

    @property
    def raw(self) -> bool:
        """Whether the application has taken the connection over."""
        return self._stage is TAKEN

    # The application's two callables

    async def receive(self) -> Message:
        """The next part of the body; after the last one, wait until the exchange is over."""
        connection = self._connection
        if self._stage is TAKEN:
            raise RuntimeError("the connection has been taken over")
        if self._body_over:
            await self._over.wait()
        elif self.remaining == 0:
            self._body_over = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not self._over.is_set():
            data = connection.take(CHUNK if self.remaining is None else min(self.remaining, CHUNK))
            if data:
                return self._part(data)
            if connection.ended:
                break
            await connection.arrival()
        # A body without length ends in this way; one with a length has been cut off.
        if self.remaining is None and not self._over.is_set():
            self._body_over = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    def _part(self, data: bytes) -> Message:
        if self.remaining is not None:
            self.remaining -= len(data)
            self._body_over = self.remaining == 0
        return {"type": "http.request", "body": data, "more_body": not self._body_over}

    async def send(self, message: Message) -> None:
        """Take the start of the reply, then the parts of its body."""
        kind = message["type"]
        if kind == "http.response.start" and self._stage is WAITING:
            self._start = message
            self._stage = STARTED
        elif kind == "http.response.body" and self._stage in (STARTED, BODY):
            await self._send_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} is out of place while the reply is {self._stage.name}")

    async def _send_body(self, body: bytes, more: bool) -> None:
        data = b""
        if self._stage is STARTED:
            data = self._reply_head(len(body), more)
            self._stage = BODY
        data += self._framed(body, more)
        if data:
            await self._connection.send(data)
        if not more:
            if self._framing is Framing.LENGTH and self._left:
                raise RuntimeError(f"the body is {self._left} bytes shorter than its Content-Length")
            self._complete()

    def _reply_head(self, size: int, more: bool) -> bytes:
        """Choose the framing, and encode the head with what it says about framing and connection."""
        status = self._start["status"]
        fields: list[tuple[bytes, bytes]] = [*self._start.get("headers", ())]
        named = {name.lower(): value for name, value in fields}
        if self.remaining is None or self.remaining > SKIPPED or named.get(b"connection", b"").lower() == b"close":
            self.keep_alive = False
        if b"content-length" in named:
            self._left = int(named[b"content-length"])
        elif status in BODILESS:
            self._left = 0
        elif not more:
            self._left = size
            fields.append((b"content-length", b"%d" % size))
        elif self._head.version == "1.1" and b"connection" not in named:
            self._framing = Framing.CHUNKED
            fields.append((b"transfer-encoding", b"chunked"))
        else:
            self._framing = Framing.UNTIL_CLOSE
            self.keep_alive = False
        return encode_head(self._start.get(VERSION, "1.1"), status, self.keep_alive, fields) + b"\r\n"

    def _framed(self, body: bytes, more: bool) -> bytes:
        if self._framing is Framing.UNTIL_CLOSE:
            return body
        if self._framing is Framing.CHUNKED:
            part = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return part if more else part + b"0\r\n\r\n"
        if len(body) > self._left:
            raise RuntimeError(f"the body is {len(body) - self._left} bytes longer than its Content-Length")
        self._left -= len(body)
        return body

    def _complete(self) -> None:
        self._stage = COMPLETE
        self._over.set()
        self._on_complete(self)

    async def _settle(self) -> None:
        """The application has returned. Nothing begun: the page 500; begun and not ended: no reply can mend that."""
        if self._connection.lost or self._stage is COMPLETE:
            return
        if self._stage is TAKEN:
            self._connection.close()
        elif self._stage is BODY:
            self._connection.abort()
        else:
            self.keep_alive = False
            await self._connection.send(encode_reply(error_page(500), self._head.version, False))
            self._complete()


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a whole reply through ASGI."""
    headers = [(name.encode("latin-1"), value.encode("utf-8", "surrogateescape")) for name, value in reply.headers]
    if reply.content_type:
        headers.insert(0, (b"content-type", reply.content_type.encode()))
    if reply.close:
        headers.insert(0, (b"connection", b"close"))
    start: dict[str, Any] = {"type": "http.response.start", "status": reply.status, "headers": headers}
    if reply.version:
        start[VERSION] = reply.version
    await send(start)
    await send({"type": "http.response.body", "body": reply.whole})

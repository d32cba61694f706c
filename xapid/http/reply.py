"""Replies that are complete before their first byte goes out: of calls, and the fixed pages of the protocol."""

from __future__ import annotations

import asyncio
import html
from collections import deque
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from http import HTTPStatus
from itertools import chain
from typing import Any, NamedTuple

Headers = tuple[tuple[str, str], ...]
Fields = Sequence[tuple[bytes, bytes]]
"""Headers in the form of ASGI."""

HTML = "text/html"

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {
    500: "Internal Error",
    501: "Method not implemented",
}
_EXPLAINED = {
    400: "The request lacks something or says it wrongly.",
    401: "Credentials are missing or wrong.",
    403: "This may not be asked for.",
    404: "There is nothing at this address.",
    408: "The request did not arrive in time.",
    431: "The head of the request is too large.",
    500: "The request could not be served.",
    501: "This method has no meaning here.",
    503: "Too many are connected; try again later.",
}


class Reply(NamedTuple):
    """Status, body and headers. Length, connection and caching headers are added when it is sent."""

    status: int
    body: bytes
    content_type: str
    """Empty: the header is left out."""
    headers: Headers = ()
    close: bool = False
    """The connection ends with it, whatever the client wished."""
    version: str = ""
    """Of the status line; empty: as the request says."""
    slices: deque[list[bytes]] | None = None
    """A long body, instead of ``body``: what is sent in one go, in pieces. To join 9 MB takes longer than all else.

    What was sent is taken out: to let go of 100,000 pieces at the end would hold up everybody else for 20 ms.
    """
    length: int = 0
    """Bytes of all slices."""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body) if self.slices is None else self.length

    @property
    def whole(self) -> bytes:
        """The body, joined."""
        return self.body if self.slices is None else b"".join(chain.from_iterable(self.slices))


class Held:
    """A reply that is made, but goes out later: when the disk has what it tells of."""

    __slots__ = ()

    def then(self, deliver: Callable[[Reply], None]) -> None:
        """Call a function with the reply, once it is time."""
        raise NotImplementedError

    def __await__(self) -> Generator[Any, None, Reply]:
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.then(reply.set_result)
        return reply.__await__()


def error_page(status: int, *headers: tuple[str, str], detail: str = "") -> Reply:
    """The page for people which ends a connection. Its status line says 1.1 to old clients as well."""
    title = f"{status} {reason(status)}"
    text = html.escape(detail or _EXPLAINED.get(status, ""))
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>\n"
    return Reply(status, page.encode(), HTML, headers, close=True, version="1.1")


def unauthorized(realm: str) -> Reply:
    """The page that asks for a name and a password."""
    return error_page(401, ("WWW-Authenticate", f'Basic realm="{realm}"'))


def cross_origin(requested: str | None) -> Reply:
    """What OPTIONS says to a browser: other sites may call, with the headers it asks about."""
    allowed = f"{requested}, X-Requested-With" if requested else "X-Requested-With"
    headers = (
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", allowed),
        ("Access-Control-Allow-Methods", "PUT"),
    )
    return Reply(200, b"", "", headers)


def reason(status: int) -> str:
    """The words after the number in a status line."""
    return _REASONS.get(status, "Unknown")


def encode_reply(reply: Reply, version: str, keep_alive: bool) -> bytes:
    """All bytes of a reply to a request of this version."""
    return encode_reply_head(reply, version, keep_alive) + reply.whole


def encode_reply_head(reply: Reply, version: str, keep_alive: bool) -> bytes:
    """What goes before the body."""
    start = _start(reply.version or version, reply.status, keep_alive, reply.content_type, reply.headers)
    return b"%b%d\r\n\r\n" % (start, reply.size)


# Clients ask for the same few kinds of reply: 0.4 us instead of 5 to 7.
@lru_cache(maxsize=256)
def _start(version: str, status: int, keep_alive: bool, content_type: str, headers: Headers) -> bytes:
    lines: Headers = (("content-type", content_type), *headers) if content_type else headers
    fields = [(name.encode("latin-1"), value.encode("utf-8", "surrogateescape")) for name, value in lines]
    return encode_head(version, status, keep_alive, fields) + b"content-length: "


def encode_head(version: str, status: int, keep_alive: bool, fields: Fields) -> bytes:
    """Status line and headers, without the empty line that ends them. ValueError: one holds a line break."""
    names = {name.lower() for name, _ in fields}
    lines = [_status_line(version, status)]
    if b"connection" not in names:
        lines.append(b"connection: keep-alive\r\n" if keep_alive else b"connection: close\r\n")
    if b"cache-control" not in names:
        lines.append(b"cache-control: no-cache, no-store\r\n")
    lines += [b"%b: %b\r\n" % field for field in fields]
    head = b"".join(lines)
    if head.count(b"\r") != len(lines) or head.count(b"\n") != len(lines) or b"\0" in head:
        raise ValueError("a header holds a line break")
    return head


@lru_cache(maxsize=256)
def _status_line(version: str, status: int) -> bytes:
    return f"HTTP/{version} {status} {reason(status)}\r\n".encode()

"""What a listener serves, and within which limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from xapid.http.peer import Peer
from xapid.http.reply import Held, Reply
from xapid.http.routes import EVERYTHING, Routes
from xapid.http.turns import Caller, Turns
from xapid.runtime.figures import RequestFigures


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what one client may take. The defaults are the original's, where it has any."""

    tcp_head: int = 1024
    """Bytes of a request's head on TCP and TLS; beyond: 431."""
    unix_head: int = 65536
    """The same on the Unix socket, where the original knows no bound."""
    head_line: int = 4096
    """Bytes of one line of a head; beyond: 500."""
    head_idle: float = 10.0
    """Seconds of silence before the first request of a TCP connection is there; then: 408."""
    head_total: float = 60.0
    """Seconds for all of that head."""
    rpc_body: int = 307200
    """Bytes of a call; beyond: 500."""
    buffer: int = 262144
    """Bytes kept for a handler, or of the next request, before reading stops."""
    tcp_connections: int = 800
    """Connections of one TCP or TLS listener; beyond: 503."""
    unix_connections: int = 1024
    linger: float = 2.0
    """Seconds in which what a refused client still sends is read, so that it sees the refusal and not a reset."""


class Request(NamedTuple):
    """A call as it arrived, whole."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order sent."""
    body: bytes
    peer: Peer
    version: str
    caller: Caller | None = None
    """To be told who the session is that it belongs to."""
    arrived: float = 0.0
    """When it was read (``perf_counter``), if it had to wait since."""


Direct = Callable[[Request], Reply | Held | Awaitable[Reply] | None]
"""Answers a call: at once, later without or with a task, or not at all; then the ASGI application has it."""


@dataclass(frozen=True, slots=True)
class Service:
    """An application with its direct path, its routes and its limits. It is an ASGI application itself."""

    app: ASGIApp
    direct: Direct | None = None
    routes: Routes = EVERYTHING
    limits: Limits = Limits()
    turns: Turns = field(default_factory=Turns)
    https_only: Callable[[], bool] = lambda: False
    """Whether other machines are to speak TLS: their connections without it are closed, as a firewall would."""
    came: Callable[[str, bool], None] = lambda here, near: None
    """Told of each TCP connection: to which address of this machine, and whether it is from this machine."""
    figures: RequestFigures = field(default_factory=RequestFigures)
    """What the handlers had to do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

"""Requests for handlers, of which an Observer wants to hear: each is a span, from its head to the end of its answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xapid.http.exchange import PEER, ROUTE
from xapid.http.peer import Peer
from xapid.http.reply import Headers
from xapid.runtime.tracing.span import OK, worked_on
from xapid.runtime.tracing.tracer import Tracer

NAME = "http/"
"""How spans of handlers are called, before the action: as their permissions are."""


def traceparent(headers: Headers) -> str:
    """What a client says of its own trace; nothing, if it says two things."""
    found = [value for name, value in headers if name == "traceparent"]
    return found[0] if len(found) == 1 else ""


class TracedHandlers:
    """The application of all handlers."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._tracer.active:
            await self._app(scope, receive, send)
            return
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        span = self._tracer.begin(NAME + scope["extensions"][ROUTE], traceparent(tuple(headers)))
        span.attributes |= _facts(scope, headers)

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                span.attributes["http.response.status_code"] = str(status)
                span.outcome = OK if status < 400 else f"HTTP {status}"
            await send(message)

        with worked_on(span):
            await self._app(scope, receive, heard)


def _facts(scope: Scope, headers: list[tuple[str, str]]) -> dict[str, str]:
    """Who asked from where. The query is left out: sessions and passwords stand in it."""
    peer: Peer = scope["extensions"][PEER]
    agent = next((value for name, value in headers if name == "user-agent"), "")
    found = {
        "http.request.header.method": scope["method"],
        "http.request.header.user-agent": agent,
        "network.peer.address": peer.address,
    }
    return {key: value for key, value in found.items() if value}

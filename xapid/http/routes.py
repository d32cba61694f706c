"""Which handler a request belongs to: by method, then by the longest prefix of its path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from starlette.types import ASGIApp, Receive, Scope, Send

from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.http.authentication import Refused
from xapid.http.exchange import ROUTE, send_reply
from xapid.http.head import METHODS
from xapid.http.named_task import NamedTask
from xapid.http.reply import error_page
from xapid.runtime.tasks import Tasks


class Kind(Enum):
    """How a request reaches its handler."""

    RPC = auto()
    """With its whole body, without a task: a call."""
    CROSS_ORIGIN = auto()
    """Not at all: the protocol knows the answer."""
    STREAM = auto()
    """Through ASGI, its body as it comes."""


@dataclass(frozen=True, slots=True)
class Route:
    """One entry: paths that begin so, with this method, go to the handler of this name."""

    method: str
    prefix: str
    name: str
    kind: Kind = Kind.STREAM


class Routes:
    """The table. A prefix is compared letter by letter: ``/exports`` is ``/export``."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._longest_first: dict[str, list[Route]] = {}
        for route in routes:
            self._exact[route.method, route.prefix] = route
            self._longest_first.setdefault(route.method, []).append(route)
        for entries in self._longest_first.values():
            entries.sort(key=lambda route: len(route.prefix), reverse=True)

    def find(self, method: str, path: str) -> Route | None:
        """The entry with the longest prefix."""
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        return next((route for route in self._longest_first.get(method, ()) if path.startswith(route.prefix)), None)

    def serves(self, method: str) -> bool:
        """Whether the method has any entry."""
        return method in self._longest_first


CALLS = frozenset({"post_root", "post_RPC2", "post_json", "post_jsonrpc"})

EVERYTHING = Routes([Route(method, "/", "", Kind.RPC if method == "POST" else Kind.STREAM) for method in METHODS])
"""For an application that does its own routing."""


METRICS = Route("GET", "/metrics", "xapid_metrics")
"""Ours, beside the original's."""


def standard_routes() -> Routes:
    """The table of the original, from the declared HTTP actions, and what is ours."""

    def kind(name: str, method: str) -> Kind:
        if name in CALLS:
            return Kind.RPC
        return Kind.CROSS_ORIGIN if method == "OPTIONS" else Kind.STREAM

    declared = (Route(one.method, one.path, one.name, kind(one.name, one.method)) for one in HTTP_ACTIONS)
    return Routes((*declared, METRICS))


class Handlers:
    """The ASGI application made of one application per route; a route that has none yet is the page 501.

    A handler that raises Refused is answered for. With ``tasks``, it works in the task that the request names.
    """

    def __init__(self, handlers: Mapping[str, ASGIApp], tasks: Tasks | None = None) -> None:
        self._handlers = handlers
        self._tasks = tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["extensions"][ROUTE])
        if handler is None:
            await send_reply(send, error_page(501))
            return
        named = NamedTask.of(self._tasks, scope) if self._tasks is not None else None
        if named is not None:
            await named.run(handler, scope, receive, send)
            return
        try:
            await handler(scope, receive, send)
        except Refused as refused:
            await send_reply(send, refused.reply)

"""The RPC endpoint: XML-RPC and JSON-RPC over one handler, answered at once where nothing has to be waited for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple

from xapid.api.dispatch import Answer, Dispatcher, Unsupported, not_recorded
from xapid.api.dispatch import Request as Call
from xapid.api.traced import traced
from xapid.auth.callers import Callers
from xapid.datamodel.errors import INTERNAL_ERROR, ApiError
from xapid.datamodel.types import Type
from xapid.http.peer import Peer
from xapid.http.reply import Headers, Held, Reply, error_page
from xapid.http.service import Request
from xapid.http.traced import traceparent
from xapid.runtime.context import Origin
from xapid.runtime.tracing.tracer import Tracer
from xapid.store.store import Sink, StoreFailed
from xapid.wire import jsonrpc, xmlrpc
from xapid.wire.jsonrpc import NoJsonForm
from xapid.wire.raw import MalformedRequest
from xapid.wire.records import EventBatch, Members, Rows

log = logging.getLogger(__name__)

XML = "text/xml"
JSON = "application/json"
HEADERS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "X-Requested-With"),
)
Failure = Callable[[list[str]], bytes]
"""Makes the body that says which error a call ended with."""

OTHER_CONFIG = "x-http-other-config-"

LARGE = 200
"""Records of an answer beyond which it is encoded in slices."""
SENT_AT_ONCE = 256 * 1024
"""Bytes of such an answer, or a little more, that are sent in one go."""
TURN = 0.004
"""Seconds for which such an answer holds the loop at a time."""


class Endpoint:
    """Answers POSTs of calls. Any path that nobody else has is XML-RPC."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._store = dispatcher.runtime.store
        self._sink = self._store.sink
        self._members = self._store.members
        self._callers: Callers = dispatcher.runtime.services["callers"]
        self._tracer: Tracer = dispatcher.runtime.services["tracer"]

    def __call__(self, request: Request) -> Reply | Held | Awaitable[Reply]:
        if self._callers.enabled and not request.body.count(b"InternalAsync."):
            origin = _said(request.headers, request.peer).origin
            delay = self._callers.account(origin.user_agent, origin.address)
            if delay > 0:
                return self._after(delay, request._replace(arrived=request.arrived or time.perf_counter()))
        return self._answer(request)

    async def _after(self, delay: float, request: Request) -> Reply:
        """A call that has to wait for its caller's tokens."""
        await asyncio.sleep(delay)
        answer = self._answer(request)
        if isinstance(answer, Held):
            delivered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            answer.then(lambda reply: None if delivered.done() else delivered.set_result(reply))
            return await delivered
        return answer if isinstance(answer, Reply) else await answer

    def _answer(self, request: Request) -> Reply | Held | Awaitable[Reply]:
        if request.path.startswith("/jsonrpc"):
            return self._json(request)
        return self._xml(request)

    def _call(self, method: str, params: list[Any], request: Request) -> Answer | Awaitable[Answer]:
        said = _said(request.headers, request.peer)
        call = Call(method, params, said.origin, said.task, said.parent, said.config, request.caller)
        if self._tracer.active:
            return traced(self._dispatcher, self._tracer, call, traceparent(request.headers), request.arrived)
        return self._dispatcher.call(call)

    # XML-RPC

    def _xml(self, request: Request) -> Reply | Held | Awaitable[Reply]:
        try:
            call = xmlrpc.parse_call(request.body)
            answer = self._call(call.method, call.params, request)
        except ApiError as error:
            return _reply(xmlrpc.failure(error.description), XML)
        except (MalformedRequest, Unsupported):
            return error_page(500)
        if isinstance(answer, Answer) and not _is_large(answer.value):
            encode = xmlrpc.bare if answer.bare else xmlrpc.success
            body = encode(answer.kind, answer.value, answer.members or self._members)
            if answer.until <= self._sink.durable:
                return _reply(body, XML)
            return _OnceOnDisk(self._sink, answer.until, body, XML, xmlrpc.failure)
        return self._later(answer, XML, xmlrpc.success, xmlrpc.success_slices, xmlrpc.failure)

    # JSON-RPC

    def _json(self, request: Request) -> Reply | Held | Awaitable[Reply]:
        try:
            call = jsonrpc.parse_call(request.body)
        except MalformedRequest:
            return error_page(500)
        try:
            answer = self._call(call.method, call.params, request)
            if isinstance(answer, Answer) and not _is_large(answer.value):
                body = jsonrpc.success(call, answer.kind, answer.value, answer.members or self._members)
                if answer.until <= self._sink.durable:
                    return _reply(body, JSON)
                return _OnceOnDisk(self._sink, answer.until, body, JSON, partial(jsonrpc.failure, call))
        except ApiError as error:
            return _reply(jsonrpc.failure(call, error.description), JSON)
        except (Unsupported, NoJsonForm):
            return error_page(500)
        success, slices = partial(jsonrpc.success, call), partial(jsonrpc.success_slices, call)
        return self._later(answer, JSON, success, slices, partial(jsonrpc.failure, call))

    # Both

    async def _later(
        self,
        answer: Answer | Awaitable[Answer],
        content_type: str,
        encode: Callable[[Type, Any, Members], bytes],
        slices: Callable[[Type, Any, Members], Iterator[Sequence[bytes]]],
        failure: Failure,
    ) -> Reply:
        try:
            found = answer if isinstance(answer, Answer) else await answer
            kind, value, members = found.kind, found.value, found.members or self._members
            if not _is_large(value):
                body = encode(kind, value, members)
                await self._store.durable(found.until)
                return _reply(body, content_type)
            made, length = await _all(slices(kind, value, members))
            # Inverse sets were read while others were writing. (An answer waits for no more than what was submitted.)
            await self._store.settled()
            return Reply(200, b"", content_type, HEADERS, slices=made, length=length)
        except ApiError as error:
            return _reply(failure(error.description), content_type)
        except StoreFailed as error:
            return _reply(failure(not_recorded(str(error)).description), content_type)
        except NoJsonForm:
            return error_page(500)
        except Exception as error:
            return _reply(failure(_unforeseen(error)), content_type)


class _OnceOnDisk(Held):
    """A reply that goes out when a generation is on disk, or the failure, if that cannot be."""

    __slots__ = ("_body", "_content_type", "_deliver", "_failure", "_sink", "_until")

    def __init__(self, sink: Sink, until: int, body: bytes, content_type: str, failure: Failure) -> None:
        self._sink = sink
        self._until = until
        self._body = body
        self._content_type = content_type
        self._failure = failure

    def then(self, deliver: Callable[[Reply], None]) -> None:
        self._deliver = deliver
        self._sink.tell(self._until, self._told)

    def _told(self, reason: str) -> None:
        body = self._failure(not_recorded(reason).description) if reason else self._body
        self._deliver(_reply(body, self._content_type))


def _is_large(value: object) -> bool:
    """Whether encoding it would keep others waiting."""
    shown = value.rows if isinstance(value, Rows) else value.events if isinstance(value, EventBatch) else ()
    return len(shown) > LARGE


async def _all(slices: Iterator[Sequence[bytes]]) -> tuple[deque[list[bytes]], int]:
    """All pieces, by what is sent in one go, and their bytes in sum, letting others run in between.

    They are mostly encodings that rows keep: joined here, the whole answer would be in memory twice.
    """
    made: deque[list[bytes]] = deque()
    began, length, room = time.perf_counter(), 0, 0
    for each in slices:
        if room <= 0:
            made.append([])
            room = SENT_AT_ONCE
        made[-1] += each
        size = sum(map(len, each))
        length, room = length + size, room - size
        if time.perf_counter() - began > TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return made, length


def _reply(body: bytes, content_type: str) -> Reply:
    return Reply(200, body, content_type, HEADERS)


def _unforeseen(error: Exception) -> list[str]:
    log.error("a call failed outside its operation", exc_info=error)
    return INTERNAL_ERROR(f"{type(error).__name__}: {error}").description


class _Said(NamedTuple):
    """What the headers of a call say, and its connection."""

    origin: Origin
    task: str
    parent: str
    config: Headers


LONGEST_REMEMBERED = 2048
"""Characters of headers that are remembered: on the Unix socket they may be 64 KiB long, and of anybody's making."""


def _said(headers: Headers, peer: Peer) -> _Said:
    if (peer.unix or len(headers) > 16) and sum(map(len, chain.from_iterable(headers))) > LONGEST_REMEMBERED:
        return _read(headers, peer)
    return _remembered(headers, peer)


def _read(headers: Headers, peer: Peer) -> _Said:
    agent = task = parent = originator = ""
    config: list[tuple[str, str]] = []
    for name, value in headers:
        if name == "user-agent":
            agent = value
        elif name == "task-id":
            task = value
        elif name == "subtask-of":
            parent = value
        elif name == "originator":
            originator = value
        elif name.startswith(OTHER_CONFIG):
            config.append((name.removeprefix(OTHER_CONFIG), value))
    origin = Origin(peer.address, agent, peer.trusted, originator, peer.certificates, peer.here)
    return _Said(origin, task, parent, tuple(config))


# The heads of a client are alike, call after call.
_remembered = lru_cache(maxsize=1024)(_read)

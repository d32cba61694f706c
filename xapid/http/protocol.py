"""The connection: one HTTP/1.x protocol for TCP, TLS and Unix sockets, given to uvicorn in place of its own."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable, Iterator
from enum import Enum, auto
from functools import partial
from operator import attrgetter
from time import monotonic_ns, perf_counter
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from xapid.http.exchange import Exchange
from xapid.http.head import Head, HeadError, parse_head
from xapid.http.peer import Peer, peer_of
from xapid.http.raw import RawStream
from xapid.http.reply import Held, Reply, cross_origin, encode_reply, encode_reply_head, error_page
from xapid.http.routes import Kind, Route
from xapid.http.service import Direct, Limits, Request, Service
from xapid.http.tls import ServerConnection
from xapid.http.turns import Caller

__all__ = ["Direct", "HttpProtocol", "Limits", "Peer", "RawStream", "Reply", "Request", "Service", "error_page"]

log = logging.getLogger(__name__)

BURST = 32
"""Pipelined requests answered in one go before others have their turn."""
SLICE = 1048576
"""Bytes of a reply that are written in one go; more would be copied while everybody else waits."""

PATIENCE = 60.0
"""Seconds for which a call goes on waiting whose client has ended its side: nobody may be there any more."""
GOODBYE = 0.5
"""Seconds which TLS clients have to answer our end of TLS when the server stops. Idle ones do not even read it."""


class Phase(Enum):
    """What the next bytes are."""

    HEAD = auto()
    """The head of a request, or nothing is going on."""
    CALL = auto()
    """The body of a call."""
    REPLY = auto()
    """Whatever they are, somebody is answering a request first."""
    CLOSED = auto()
    """Nobody reads them."""


# On Python 3.11 a member looked up in its class costs 0.13 us, some ten times a call; a global 0.02.
HEAD, CALL, REPLY, CLOSED = Phase


class HttpProtocol(asyncio.Protocol):
    """One connection. Requests are answered one after the other, in the order they came."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        app = config.app if isinstance(config.app, Service) else config.loaded_app
        self._service = app if isinstance(app, Service) else Service(app, getattr(app, "direct", None))
        self._limits = self._service.limits
        self._turns = self._service.turns
        self._loop = _loop or asyncio.get_running_loop()
        # uvicorn names its own classes here, but only calls shutdown().
        self._connections = cast(set[Any], server_state.connections)
        self._tasks = server_state.tasks
        self._state = server_state

        # What runs for one request shall not see the context variables of another. The transport does not see to that:
        # it calls us in the context of whoever last paused or resumed it.
        self._context = contextvars.copy_context()

        self.ended = False
        self._fresh = True
        """Nothing was asked for over it yet."""
        self._phase = HEAD
        self._buffer = bytearray()
        self._scanned = 0
        self._skip = 0
        self._call: tuple[Head, Route] | None = None
        self._exchange: Exchange | None = None
        self._work: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading_paused = False
        self._leaving = False
        self._timer: asyncio.TimerHandle | None = None
        self._began = self._heard = 0.0
        self._idle_since = monotonic_ns()
        """When the last reply was over; while nobody works for the client. The loop's own time stands still within a
        turn, and uvloop's for a millisecond."""

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._peer = peer_of(transport)
        self._caller = Caller(f"process {peer.pid}" if peer.unix else f"address {peer.address}")
        own = transport.get_extra_info("sockname")
        self._server: tuple[str, int] | None = own[:2] if isinstance(own, tuple) else None
        self._connections.add(self)
        tls = transport.get_extra_info("ssl_object")
        if isinstance(tls, ServerConnection):
            tls.on_end = self._tls_ended
        if not peer.unix:
            self._service.came(peer.here, peer.near)
        if not (peer.tls or peer.near) and self._service.https_only():
            self.abort()
            return
        limits = self._limits
        self._longest_head = limits.unix_head if self._peer.unix else limits.tcp_head
        most = limits.unix_connections if self._peer.unix else limits.tcp_connections
        if len(self._connections) > most and not self._make_room():
            log.warning("more than %d connections, all of them at work: one is refused", most)
            self._refuse(503)
        elif not self._peer.unix:
            self._began = self._heard = self._loop.time()
            self._timer = self._loop.call_later(min(limits.head_idle, limits.head_total), self._check_first_head)

    def _make_room(self) -> bool:
        """End the connection that has been idle for longest, if any is; first those over which no session was used.

        Else whoever holds as many as there may be keeps everybody out for ever, and needs no password for that.
        """
        idle = [each for each in self._connections if each is not self and each.idle]
        if not idle:
            return False
        longest: HttpProtocol = min(idle, key=attrgetter("worth"))
        log.warning("more than %d connections: the one that was idle longest ends", len(self._connections) - 1)
        self._connections.discard(longest)
        longest.abort()
        return True

    @property
    def idle(self) -> bool:
        """Whether nobody works for the client: there is no whole request of his."""
        return self._phase is HEAD or self._phase is CALL

    @property
    def worth(self) -> tuple[bool, int]:
        """How much would be lost with it while it is idle."""
        return bool(self._caller.session), self._idle_since

    def data_received(self, data: bytes) -> None:
        if self._phase is CLOSED or self._take_whole(data):
            return
        self._buffer += data
        if self._phase is REPLY:
            self._arrived.set()
            self._bound_buffer()
        else:
            if self._timer is not None:
                self._heard = self._loop.time()
            self._advance()

    def eof_received(self) -> bool:
        self._client_ended()
        # Replies are still wanted. TLS whose client hung up without a word ends here: asyncio warns of another answer.
        return self._phase is not CLOSED and not self._peer.tls

    def _tls_ended(self) -> None:
        """The client has said that its side of TLS ends. What was read before that is handed to us after this."""
        if not self.ended:
            self._loop.call_soon(self._client_ended)

    def _client_ended(self) -> None:
        self.ended = True
        self._arrived.set()
        if self._phase is not REPLY:
            self._advance()
        elif self._exchange is None and self._timer is None:
            self._timer = self._loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        """The client has ended its side, and what it waits for does not come. What it began goes on without it."""
        self._timer = None
        if self._work is not None and not self._work.done():
            self._work.cancel()
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._phase = CLOSED
        self._connections.discard(self)
        self._buffer.clear()
        self._arrived.set()
        self._writable.set()
        self._cancel_timer()
        if self._exchange is not None:
            self._exchange.over()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()
        if self._phase is not REPLY:
            self._advance()

    def shutdown(self) -> None:
        """Called by uvicorn when the server stops: what runs is finished, nothing new begins."""
        self._leaving = True
        if self._phase in (HEAD, CALL) or (self._exchange is not None and self._exchange.raw):
            self.close()

    # Requests

    def _take_whole(self, data: bytes) -> bool:
        """Answer a call that came alone and in one piece, as nearly all do; nothing else. Saves 3 us of 9 a call."""
        end = data.find(b"\r\n\r\n")
        # Whatever is unusual is looked at by _take_head.
        if (
            end < 0
            or end + 4 > self._longest_head
            or self._phase is not HEAD
            or self._buffer
            or self._timer is not None
            or self._skip
            or self._service.direct is None
            or not self._writable.is_set()
        ):
            return False
        try:
            head = parse_head(data[:end], self._limits.head_line)
        except HeadError:
            return False
        route = self._service.routes.find(head.method, head.path)
        body = data[end + 4 :]
        if (
            route is None
            or route.kind is not Kind.RPC
            or head.length != len(body)
            or head.length > self._limits.rpc_body
        ):
            return False
        self._count(route)
        self._answer_call(head, route, body)
        return True

    def _advance(self) -> None:
        """Take requests from the buffer until one has to be waited for, by us or by the client."""
        for _ in range(BURST):
            if self._phase is REPLY or self._phase is CLOSED or not self._writable.is_set():
                break
            if not (self._take_call() if self._phase is CALL else self._take_head()):
                break
        else:
            self._loop.call_soon(self._advance)
            self._bound_buffer()
            return
        if self._phase is REPLY or not self._writable.is_set():
            self._bound_buffer()
        elif self.ended:
            self.close()
        else:
            self._resume_reading()

    def _take_head(self) -> bool:
        """Begin the next request, if its head is there."""
        buffer = self._buffer
        if self._skip:
            skipped = min(self._skip, len(buffer))
            del buffer[:skipped]
            self._skip -= skipped
        end = buffer.find(b"\r\n\r\n", self._scanned)
        size = len(buffer) if end < 0 else end + 4
        if size > self._longest_head:
            self._refuse(431)
            return False
        if end < 0:
            self._scanned = max(0, size - 3)
            return False
        raw = bytes(buffer[:end])
        del buffer[:size]
        self._scanned = 0
        self._cancel_timer()
        try:
            head = parse_head(raw, self._limits.head_line)
        except HeadError as error:
            self._refuse(error.status)
            return False
        return self._begin(head)

    def _begin(self, head: Head) -> bool:
        routes = self._service.routes
        route = routes.find(head.method, head.path)
        if route is None:
            self._refuse(403 if routes.serves(head.method) else 501)
            return False
        self._count(route)
        if route.kind is Kind.RPC and self._service.direct is not None:
            if head.length is None or head.length > self._limits.rpc_body:
                self._refuse(500)
            else:
                self._call = head, route
                self._phase = CALL
                return True
        elif route.kind is Kind.CROSS_ORIGIN:
            requested = (value for name, value in head.headers if name == "access-control-request-headers")
            self._skip = head.length or 0
            self._deliver(head, cross_origin(next(requested, None)))
        else:
            self._start_exchange(head, route)
        return self._phase is HEAD

    def _count(self, route: Route) -> None:
        self._service.figures.note(route.method, route.prefix, first=self._fresh)
        self._fresh = False

    def _take_call(self) -> bool:
        """Answer the call whose head has been read, if its body is there."""
        assert self._call is not None
        head, route = self._call
        length = head.length or 0
        if len(self._buffer) < length:
            return False
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._answer_call(head, route, body)
        return self._phase is HEAD

    def _answer_call(self, head: Head, route: Route, body: bytes) -> None:
        """Let a call be answered, now or when it is its caller's turn."""
        if self._turns.free():
            self._answer_now(head, route, body)
        else:
            self._phase = REPLY
            self._turns.wait(self._caller, partial(self._answer_in_turn, head, route, body, perf_counter()))

    def _answer_in_turn(self, head: Head, route: Route, body: bytes, arrived: float) -> None:
        if self._phase is not CLOSED:
            self._phase = HEAD
            self._answer_now(head, route, body, arrived)
            if self._phase is HEAD and (self._buffer or self.ended or self._reading_paused):
                self._advance()

    def _answer_now(self, head: Head, route: Route, body: bytes, arrived: float = 0.0) -> None:
        assert self._service.direct is not None
        request = Request(
            head.method, head.path, head.query, head.headers, body, self._peer, head.version, self._caller, arrived
        )
        try:
            answer = self._context.run(self._service.direct, request)
        except Exception:
            log.exception("%s %s failed", head.method, head.path)
            answer = error_page(500)
        if answer is None:
            # It is none: the application sees to it.
            self._buffer[:0] = body
            self._start_exchange(head, route)
        elif isinstance(answer, Reply):
            self._deliver(head, answer)
        elif isinstance(answer, Held):
            self._phase = REPLY
            answer.then(partial(self._deliver_later, head))
        else:
            self._spawn(self._answer_later(head, answer))

    async def _answer_later(self, head: Head, answer: Awaitable[Reply]) -> None:
        try:
            reply = await answer
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception:
            log.exception("%s %s failed", head.method, head.path)
            reply = error_page(500)
        self._deliver_later(head, reply)

    def _deliver_later(self, head: Head, reply: Reply) -> None:
        if self._phase is not CLOSED:
            self._cancel_timer()
            self._deliver(head, reply)
            if self._buffer or self.ended:
                self._advance()

    def _start_exchange(self, head: Head, route: Route) -> None:
        length = head.length
        if length is None and head.method in ("GET", "OPTIONS"):
            length = 0
        exchange = self._exchange = Exchange(self, head, length, self._exchange_complete)
        scope = exchange.scope(self._peer, self._server, route.name)
        self._spawn(exchange.run(self._service.app, scope))

    def _exchange_complete(self, exchange: Exchange) -> None:
        self._exchange = None
        self._state.total_requests += 1
        self._idle_since = monotonic_ns()
        if self._phase is CLOSED:
            return
        if exchange.remaining is None or not exchange.keep_alive or self._leaving:
            self.close(linger=exchange.remaining != 0)
        else:
            self._skip = exchange.remaining
            self._phase = HEAD
            self._advance()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Answer in a task. Until then what arrives is kept."""
        self._phase = REPLY
        task = self._work = self._loop.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Replies

    def _deliver(self, head: Head, reply: Reply) -> None:
        keep_alive = head.keep_alive and not reply.close and not self._leaving
        try:
            start = encode_reply_head(reply, head.version, keep_alive)
        except ValueError:
            log.exception("the reply to %s %s cannot be sent", head.method, head.path)
            self._refuse(500)
            return
        if reply.slices is not None:
            self._spawn(self._send_slices(start, _taken_out(reply.slices), keep_alive))
        elif len(reply.body) > SLICE:
            self._spawn(self._send_slices(start, _cut(reply.body), keep_alive))
        else:
            self._transport.write(start + reply.body)
            self._replied(keep_alive)

    async def _send_slices(self, start: bytes, slices: Iterable[bytes | memoryview], keep_alive: bool) -> None:
        try:
            await self.send(start)
            for each in slices:
                await self.send(each)
                await asyncio.sleep(0)
        except ConnectionResetError:
            return
        except Exception:
            # The head is out, and with it a promise of length: only the end of the connection says that it is broken.
            log.exception("a reply was broken off")
            self.abort()
            return
        self._replied(keep_alive)
        self._advance()

    def _replied(self, keep_alive: bool) -> None:
        self._state.total_requests += 1
        self._idle_since = monotonic_ns()
        if keep_alive:
            self._phase = HEAD
        else:
            self.close(linger=bool(self._skip or self._buffer))

    def _refuse(self, status: int) -> None:
        self._transport.write(encode_reply(error_page(status), "1.1", False))
        self.close(linger=True)

    def _check_first_head(self) -> None:
        limits = self._limits
        due = min(self._began + limits.head_total, self._heard + limits.head_idle)
        self._timer = None
        if due <= self._loop.time():
            self._refuse(408)
        else:
            self._timer = self._loop.call_at(due, self._check_first_head)

    # Connection, as exchanges and raw streams see it

    @property
    def lost(self) -> bool:
        # A failed write marks the transport at once; connection_lost() comes only when the loop runs again.
        return self._phase is CLOSED or self._transport.is_closing()

    async def arrival(self) -> None:
        self._arrived.clear()
        self._resume_reading()
        await self._arrived.wait()

    def take(self, most: int) -> bytes:
        buffer = self._buffer
        if most >= len(buffer):
            data = bytes(buffer)
            buffer.clear()
        else:
            data = bytes(memoryview(buffer)[:most])
            del buffer[:most]
        if len(buffer) <= self._limits.buffer // 2:
            self._resume_reading()
        return data

    async def send(self, *data: bytes | memoryview) -> None:
        if not self.lost:
            self._transport.writelines(data)
            if not self._writable.is_set():
                await self._writable.wait()
        if self.lost:
            raise ConnectionResetError("the client has gone")

    def half_close(self) -> None:
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self.close()

    def close(self, *, linger: bool = False) -> None:
        if self._phase is CLOSED:
            return
        self._phase = CLOSED
        self._buffer.clear()
        self._arrived.set()
        self._cancel_timer()
        if linger and not self.ended and self._transport.can_write_eof():
            self._transport.write_eof()
            self._resume_reading()
            self._timer = self._loop.call_later(self._limits.linger, self._transport.abort)
        else:
            self._transport.close()
            if self._leaving and self._peer.tls:
                self._timer = self._loop.call_later(GOODBYE, self._transport.abort)

    def abort(self) -> None:
        self._phase = CLOSED
        self._transport.abort()

    # Small things

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _bound_buffer(self) -> None:
        """Stop reading when as much has come as may be kept for later."""
        if len(self._buffer) > self._limits.buffer:
            self._pause_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()


def _taken_out(slices: deque[list[bytes]]) -> Iterator[bytes]:
    while slices:
        yield b"".join(slices.popleft())


def _cut(body: bytes) -> Iterator[memoryview]:
    whole = memoryview(body)
    return (whole[at : at + SLICE] for at in range(0, len(whole), SLICE))

"""The consoles of guests: CONNECT, or a WebSocket, joins the client with the guest's screen or serial line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from starlette.types import Receive, Scope, Send

from xapid.auth.audit import Meant
from xapid.auth.sessions import SessionState
from xapid.datamodel import VM, Host
from xapid.datamodel.console import ConsoleProtocol
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.exchange import RAW
from xapid.http.meeting import Meeting, Meetings
from xapid.http.raw import RawStream
from xapid.http.reply import error_page
from xapid.http.websocket import WebSocket
from xapid.rules.features import the_pool
from xapid.store.store import Store
from xapid.wire.rfb import ViewerSide

log = logging.getLogger(__name__)

HEAD = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n"
BLOCK = 65536
IDLE_CHECKED = 5.0
"""Seconds between two looks at how long a viewer has done nothing."""


class ByteStream(Protocol):
    """The client's end of a console."""

    async def begin(self) -> None:
        """Tell the client that it is joined."""

    async def read(self, most: int = BLOCK) -> bytes:
        """The next bytes; none at the end."""

    async def write(self, data: bytes) -> None:
        """Send, and wait for a client that is slow to read. ConnectionResetError: it is gone."""

    async def end(self) -> None:
        """Tell the client, where that can be told, that no more will come."""

    def close(self) -> None:
        """End the connection when all is sent."""


class Plain:
    """The bytes themselves, as CONNECT carries them."""

    def __init__(self, stream: RawStream) -> None:
        self._stream = stream
        self.read, self.write, self.close = stream.read, stream.write, stream.close

    async def begin(self) -> None:
        await self._stream.write(HEAD)

    async def end(self) -> None:
        """Nothing tells it but the end of the connection."""


class Viewers:
    """Who is connected to which machine by CONNECT: counted from the first on, whether or not that is limited."""

    def __init__(self) -> None:
        self._by_machine: dict[str, list[str]] = {}

    def of(self, vm: str) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._by_machine.get(vm, ()))

    @contextmanager
    def one_more(self, vm: str, name: str) -> Iterator[None]:
        self._by_machine.setdefault(vm, []).append(name)
        try:
            yield
        finally:
            self._by_machine[vm].remove(name)
            if not self._by_machine[vm]:
                del self._by_machine[vm]


class Idleness:
    """For how long a viewer has done nothing. What a program sends for as long as it is open does not count."""

    def __init__(self, limit: Callable[[], int], heard: Callable[[bytes], bool]) -> None:
        """``limit``: seconds, 0 for none; asked again and again. ``heard``: whether bytes of the client count."""
        self._limit = limit
        self._heard = heard
        self._clock = asyncio.get_running_loop().time
        self._last = self._clock()

    def heard(self, data: bytes) -> None:
        """Take note of what the client sent."""
        if self._heard(data):
            self._last = self._clock()

    async def too_long(self) -> None:
        """Return when it has been for longer than allowed."""
        while True:
            await asyncio.sleep(IDLE_CHECKED)
            limit = self._limit()
            if limit and self._clock() - self._last >= limit:
                return


class _Consoles:
    """What both ways to a console have in common: whom they let in to which."""

    ACTION: str
    """As permissions and the audit log name it."""
    OF_HOST: str
    """The part of it that is about the consoles of hosts."""

    def __init__(self, store: Store, authentication: Authentication, meetings: Meetings) -> None:
        self._store = store
        self._authentication = authentication
        self._meetings = meetings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = Parameters(scope)
        async with self._authentication.session(scope, parameters, self.ACTION) as session:
            meeting = await self._meetings.find(session, parameters, self.ACTION, self.OF_HOST)
            with self._admitted(session, meeting.vm, parameters):
                reader, writer = await meeting.opened()
                self._authentication.used(session, self.ACTION, about=(Meant("vm", meeting.vm),))
                try:
                    client = self._client(scope["extensions"][RAW](), parameters)
                    await carry(client, reader, writer, self._idleness(meeting))
                finally:
                    writer.close()

    def _admitted(self, session: SessionState, vm: VM, parameters: Parameters) -> AbstractContextManager[None]:
        """While one more watches the machine. Raises Refused."""
        raise NotImplementedError

    def _client(self, stream: RawStream, parameters: Parameters) -> ByteStream:
        """Who is joined, in the way he speaks."""
        raise NotImplementedError

    def _limited(self) -> bool:
        """Whether a machine has one viewer at most."""
        pool = the_pool(self._store)
        return pool is not None and pool.limit_console_sessions

    def _idleness(self, meeting: Meeting) -> Idleness:
        # Of a screen a viewer asks for what changed all the time; on a line all that is sent was typed.
        heard = ViewerSide().heard if meeting.console.protocol is ConsoleProtocol.rfb else bool
        return Idleness(lambda: self._idle_limit(meeting.vm), heard)

    def _idle_limit(self, vm: VM) -> int:
        """Seconds after which an idle viewer is let go, as it is set now; 0: never."""
        if vm.is_control_domain:
            host = self._store.find(Host, vm.resident_on)
            return host.console_idle_timeout if host is not None else 0
        pool = the_pool(self._store)
        return pool.vm_console_idle_timeout if pool is not None else 0


class ConsoleHandler(_Consoles):
    """``CONNECT /console?uuid=U`` or ``?ref=R``: of a console, or of a VM, whose first screen it is then."""

    ACTION = "connect_console"
    OF_HOST = "host_console"

    def __init__(self, store: Store, authentication: Authentication, meetings: Meetings) -> None:
        super().__init__(store, authentication, meetings)
        self._viewers = Viewers()

    def _admitted(self, session: SessionState, vm: VM, parameters: Parameters) -> AbstractContextManager[None]:
        others = self._viewers.of(vm.ref)
        if others and self._limited():
            raise Refused(error_page(503, detail=_taken(others)))
        return self._viewers.one_more(vm.ref, session.user or "root")

    def _client(self, stream: RawStream, parameters: Parameters) -> ByteStream:
        return Plain(stream)


class WebSocketConsoleHandler(_Consoles):
    """``GET /console`` with the headers of a WebSocket: the same, in binary messages.

    As with the original it is not counted among those connected, but refused where they are limited.
    """

    ACTION = "connect_console_ws"
    OF_HOST = "host_console_ws"

    def _admitted(self, session: SessionState, vm: VM, parameters: Parameters) -> AbstractContextManager[None]:
        if self._limited():
            raise Refused(error_page(503, detail=ONE_AT_A_TIME))
        if not _key(parameters):
            raise Refused(error_page(501))
        return nullcontext()

    def _client(self, stream: RawStream, parameters: Parameters) -> ByteStream:
        return WebSocket(stream, _key(parameters))


def _key(parameters: Parameters) -> str:
    return str(parameters.headers.get("sec-websocket-key", ""))


ONE_AT_A_TIME = (
    "The pool allows one viewer of each machine's consoles, by CONNECT (pool.limit_console_sessions); no WebSocket."
)


def _taken(by: tuple[str, ...]) -> str:
    return (
        f"Connection Limit Exceeded. Connected is: {', '.join(by)}. "
        "The pool allows one viewer of each machine's consoles (pool.limit_console_sessions)."
    )


async def carry(
    client: ByteStream,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    idleness: Idleness,
) -> None:
    """Carry bytes both ways until either side ends, or the client does nothing for too long.

    Who is slow to read holds up the other, and fills no memory. A client that ends only its sending side is let go as
    well: one that has left looks the same, and would keep a serial line, which serves one at a time, from the next.
    """
    try:
        await client.begin()
        ways = {
            asyncio.ensure_future(_to_client(client, reader)),
            asyncio.ensure_future(_to_guest(client, writer, idleness)),
            asyncio.ensure_future(idleness.too_long()),
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ways:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        for each in done:
            each.result()
        await client.end()
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        log.debug("a console viewer left: %s", error)
    finally:
        client.close()


async def _to_client(client: ByteStream, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(BLOCK):
        await client.write(data)


async def _to_guest(client: ByteStream, writer: asyncio.StreamWriter, idleness: Idleness) -> None:
    while data := await client.read(BLOCK):
        idleness.heard(data)
        writer.write(data)
        await writer.drain()

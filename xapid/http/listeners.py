"""The listeners: HTTP, HTTPS and the Unix socket, served by uvicorn as a library inside the daemon's own loop."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import uvicorn

from xapid.http.handed_over import HandedOver
from xapid.http.protocol import HttpProtocol
from xapid.http.service import Limits, Service
from xapid.http.tls import ServerTls
from xapid.http.tls_door import TlsDoor
from xapid.runtime.settings import Address

log = logging.getLogger(__name__)

ANY_IPV4 = str(IPv4Address(0))
NEAR = "127.0.0.1"
"""Where only the machine itself is heard."""

HANDSHAKE = 1.0
"""Seconds that a handshake has at least, however soon a client must begin to speak: it goes to and fro."""
KEEPALIVE_IDLE = 300
"""Seconds of silence after which the kernel asks whether the client is still there."""


class ListenError(Exception):
    """A listener cannot be opened; the text says which and why, in one line."""


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """Which listeners there are. What is empty is switched off."""

    http: tuple[Address, ...] = ()
    https: tuple[Address, ...] = ()
    certificate: Path | None = None
    """PEM file with key and certificate; needed for ``https``."""
    unix: Path | None = None
    unix_mode: int = 0o600
    backlog: int = 1024
    grace: int = 5
    """Seconds for which a stop waits for calls that run."""
    host: str | None = ""
    """Where the host is reached, and listeners follow (``heard_at``); None: by itself alone. Empty: as they say."""
    internal: Path | None = None
    """Key and certificate for the hosts of the pool."""
    authorities: Callable[[], str] = lambda: ""
    """Those by which certificates of clients are checked, as PEM; without any no client is asked for one."""


def heard_at(configured: tuple[Address, ...], host: str | None) -> tuple[Address, ...]:
    """Where listeners are once a host is reached at an address, or (None) by itself alone.

    Where that is not known (empty) they are where they were told to be. What is heard everywhere, or at the machine
    alone, stays so; what was to be heard at one address moves with it.
    """

    if host == "":
        return configured

    def moved(address: Address) -> Address:
        if address.is_everywhere:
            return address if host is not None else Address("::1" if ":" in address.host else NEAR, address.port)
        if _is_near(address.host):
            return address
        return Address(NEAR if host is None else host, address.port)

    return tuple(dict.fromkeys(moved(each) for each in configured))


def _is_near(host: str) -> bool:
    """Whether an address is the machine's own, or has a name: what that stands for others decide."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return True


class Listeners:
    """All listeners of one service, open inside ``async with``."""

    def __init__(self, config: ListenerConfig, service: Service, handed_over: HandedOver | None = None) -> None:
        """``handed_over``: sockets that are open already; a listener whose address is among them opens none."""
        if config.https and config.certificate is None:
            raise ValueError("https needs a certificate")
        self._config = config
        self._service = service
        self._handed_over = handed_over or HandedOver()
        self._configured = {"http": config.http, "https": config.https}
        self._stack = AsyncExitStack()
        self._servers: list[_Serving] = []
        self._tls: ssl.SSLContext | None = None
        self._given: list[socket.socket] = []
        """Those that were handed over."""
        self.places: dict[str, tuple[Address, ...]] = {}
        """Where each kind is heard now."""
        self._leaving: set[asyncio.Task[None]] = set()
        """Servers whose last calls are answered yet."""
        self.http: tuple[Address, ...] = ()
        """Where HTTP was heard first; port 0 of the configuration has become the one that was free."""
        self.https: tuple[Address, ...] = ()

    async def __aenter__(self) -> Self:
        config = self._config
        async with AsyncExitStack() as stack:
            places = {kind: heard_at(configured, config.host) for kind, configured in self._configured.items()}
            http = [stack.enter_context(self._tcp_socket("http", address)) for address in places["http"]]
            https = [stack.enter_context(self._tcp_socket("https", address)) for address in places["https"]]
            unix = [stack.enter_context(self._unix_socket(config.unix))] if config.unix is not None else []
            stack.push_async_callback(self._stop)
            self.http, self.https = _bound(http), _bound(https)
            self.places = places
            if https and config.certificate is not None:
                self._tls = _server_tls(config, config.certificate).context
            await self._serve("http", http)
            await self._serve("https", https)
            await self._serve("unix", unix)
            self._stack = stack.pop_all()
        return self

    async def follow(self, host: str | None) -> None:
        """Be heard where the host is reached now; None: by itself alone. Raises ListenError, and nothing has changed.

        Calls under way are answered. Sockets that were handed over stay where they are: they are not ours to move.
        """
        before = self.places
        try:
            for kind, configured in self._configured.items():
                await self._move(kind, heard_at(configured, host))
        except ListenError:
            for kind, places in before.items():
                await self._move(kind, places)
            raise

    async def _move(self, kind: str, wanted: tuple[Address, ...]) -> None:
        left = [each for each in self._servers if each.kind == kind and not each.handed_over]
        if not left or wanted == self.places[kind]:
            return
        for each in left:
            each.hush()
            self._servers.remove(each)
            task = asyncio.ensure_future(each.stop())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        try:
            opened = self._opened(kind, wanted)
        except ListenError:
            await self._serve(kind, self._opened(kind, self.places[kind]))
            raise
        await self._serve(kind, opened)
        self.places = {**self.places, kind: wanted}

    def _opened(self, kind: str, addresses: tuple[Address, ...]) -> list[socket.socket]:
        opened: list[socket.socket] = []
        try:
            for address in addresses:
                opened.append(_listen(kind, address, self._config))
        except ListenError:
            for each in opened:
                each.close()
            raise
        return opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _tcp_socket(self, kind: str, address: Address) -> socket.socket:
        given = self._handed_over.take(address)
        if given is None:
            return _listen(kind, address, self._config)
        _ask_after_clients(given)
        self._given.append(given)
        return given

    def _unix_socket(self, path: Path) -> AbstractContextManager[socket.socket]:
        given = self._handed_over.take(path)
        return _unix_socket(path, self._config) if given is None else given

    async def _serve(self, kind: str, sockets: list[socket.socket]) -> None:
        """One server per kind of listener: it counts the connections that the limit is about."""
        if not sockets:
            return
        config = uvicorn.Config(
            self._service,
            http=HttpProtocol,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=self._config.backlog,
            timeout_graceful_shutdown=self._config.grace,
        )
        config.load()
        config.ssl = self._tls if kind == "https" else None
        # Its serve() would add signal handlers and a tick ten times a second; its two halves are all we need.
        server = _Server(config, self._service.limits)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=sockets)
        given = any(each in self._given for each in sockets)
        self._servers.append(_Serving(kind, server, sockets, given))

    async def _stop(self) -> None:
        await asyncio.gather(*(each.stop() for each in self._servers), *self._leaving)
        self._servers.clear()


@dataclass(frozen=True, slots=True)
class _Serving:
    """A server of one kind of listener."""

    kind: str
    server: uvicorn.Server
    sockets: list[socket.socket]
    handed_over: bool

    def hush(self) -> None:
        """Hear nobody new."""
        for server in self.server.servers:
            server.close()
        # Closed once: afterwards their file descriptors may be others'.
        self.server.servers.clear()
        for listener in self.sockets:
            listener.close()

    async def stop(self) -> None:
        await self.server.shutdown(sockets=self.sockets)
        # What outlived the grace: readers that do not read.
        for connection in list(cast(set[HttpProtocol], self.server.server_state.connections)):
            connection.abort()


class _Server(uvicorn.Server):
    """Gives a TLS client no more time for its handshake than others have for their first word."""

    def __init__(self, config: uvicorn.Config, limits: Limits) -> None:
        super().__init__(config)
        self._limits = limits

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        config, loop = self.config, asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return HttpProtocol(config, self.server_state, self.lifespan.state)

        if config.ssl is None:
            self.servers = [
                await loop.create_server(protocol, sock=each, backlog=config.backlog) for each in sockets or ()
            ]
        else:
            patience = max(HANDSHAKE, self._limits.head_idle)
            door = TlsDoor(sockets or (), protocol, config.ssl, patience, self._limits.tcp_connections)
            door.open()
            self.servers = [cast(asyncio.Server, door)]
        self.started = True


def _listen(kind: str, address: Address, config: ListenerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _ask_after_clients(listener)
        if family == socket.AF_INET6:
            # Who listens on all of IPv6 means all, unless IPv4 has a listener of its own.
            apart = address.host != "::" or Address(ANY_IPV4, address.port) in (*config.http, *config.https)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, apart)
        listener.bind((address.host, address.port))
        # Said here if it fails: a server that is given sockets keeps that to itself.
        listener.listen(config.backlog)
    except OSError as error:
        listener.close()
        raise _cannot_listen(f"{kind} {address}", error) from error
    return listener


def _ask_after_clients(listener: socket.socket) -> None:
    """Inherited by each connection. Idle ones may stay for ever, but not those whose client has lost its power."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)


def _bound(listeners: list[socket.socket]) -> tuple[Address, ...]:
    return tuple(Address(*listener.getsockname()[:2]) for listener in listeners)


@contextmanager
def _unix_socket(path: Path, config: ListenerConfig) -> Iterator[socket.socket]:
    """A listening socket at the path, removed at the end.

    It is made beside the path and moved there with its mode set and its ears open, so that nobody finds it half made.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        unborn = path.with_name(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _refuse_if_alive(path)
            unborn.unlink(missing_ok=True)
            listener.bind(str(unborn))
            unborn.chmod(config.unix_mode)
            listener.listen(config.backlog)
            unborn.rename(path)
        except OSError as error:
            unborn.unlink(missing_ok=True)
            raise _cannot_listen(f"unix {path}", error) from error
        inode = path.stat().st_ino
        try:
            yield listener
        finally:
            if path.exists() and path.stat().st_ino == inode:
                path.unlink()


def _refuse_if_alive(path: Path) -> None:
    """A socket file that nobody listens on is left over from a crash; anything else at the path is not ours to take."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"unix {path}: a file which is no socket is in the way")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except BlockingIOError:
            log.debug("%s is so busy that it cannot even be tried", path)
    raise ListenError(f"unix {path}: another process listens there")


def _server_tls(config: ListenerConfig, certificate: Path) -> ServerTls:
    try:
        return ServerTls(certificate, config.internal, config.authorities)
    except OSError as error:
        raise ListenError(f"certificate {certificate}: {error.strerror or error}") from error


def _cannot_listen(what: str, error: OSError) -> ListenError:
    return ListenError(f"{what}: {(error.strerror or str(error)).lower()}")

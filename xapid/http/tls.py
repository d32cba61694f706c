"""TLS of the listener: the contexts, whom they ask for a certificate, and how a replaced one is picked up."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xapid.auth.certificate import stamp_of
from xapid.backends.whole_files import read_whole

log = logging.getLogger(__name__)

# What clients of the original can speak; some of them know nothing but AES-GCM with an RSA certificate.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
POOL = "pool"
"""The server's name that hosts of a pool ask for: they are shown another certificate."""


class ServerConnection(ssl.SSLObject):
    """TLS of one connection, which goes on for us when the client has ended its side.

    The transports of asyncio and of uvloop end both sides when they read of that, and lose every later reply. So they
    read that nothing has come, and the protocol is told instead.
    """

    on_end: Callable[[], None] | None = None
    """Called each time it is read that the client has ended its side."""

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        try:
            data = super().read(len, buffer) if buffer is not None else super().read(len)
        except ssl.SSLZeroReturnError:
            data = b""
        if data or not len or self.on_end is None:
            return data
        self.on_end()
        raise ssl.SSLWantReadError


class ListenerContext(ssl.SSLContext):
    """What a listener is given: each connection begins with the context that is right by then, and keeps it."""

    choose: Callable[[], ssl.SSLContext]

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return self.choose().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


class ServerTls:
    """The contexts of one listener. A new certificate file becomes a new context; a live one is never changed.

    Changing it would pull key and certificate from under connections that are shaking hands.
    """

    def __init__(
        self, certificate: Path, internal: Path | None = None, authorities: Callable[[], str] = lambda: ""
    ) -> None:
        """``internal``: what hosts of the pool are shown. ``authorities``: those by which certificates of clients are
        checked, as PEM; without any no client is asked for one."""
        self._world = _Renewed(certificate, authorities)
        self._pool = _Renewed(internal, lambda: "") if internal is not None else None
        self._world.renew()
        self.context = ListenerContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.choose = self._choose

    def _choose(self) -> ssl.SSLContext:
        context = self._world.current()
        if self._pool is not None and context.sni_callback is None:
            context.sni_callback = self._by_name
        return context

    def _by_name(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name == POOL and self._pool is not None:
            try:
                connection.context = self._pool.current()
            except OSError as error:
                log.error("the pool's certificate cannot be used: %s", error)


class _Renewed:
    """A context that is made anew when its files are others."""

    def __init__(self, certificate: Path, authorities: Callable[[], str]) -> None:
        self._certificate = certificate
        self._authorities = authorities
        self._seen: tuple[object, ...] = ()
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """The context as its files are by now; the former one while they cannot be used. Raises OSError without one."""
        try:
            self.renew()
        except OSError as error:  # ssl.SSLError is one
            if self._context is None:
                raise
            log.error("the certificate in %s cannot be used, the former one stays: %s", self._certificate, error)
        assert self._context is not None
        return self._context

    def renew(self) -> None:
        authorities = self._authorities()
        seen = (stamp_of(self._certificate), authorities)
        if seen == self._seen and self._context is not None:
            return
        if self._context is not None:
            log.info("certificates have changed: new connections are shown that in %s", self._certificate)
        self._seen = seen
        self._context = server_context(self._certificate, authorities)


def server_context(certificate: Path, authorities: str = "") -> ssl.SSLContext:
    """A context with the key and the certificate of one PEM file.

    With ``authorities`` clients are asked for a certificate and need not have one; one that these have not signed is
    refused in the handshake. They get no tickets then: in such there is no room for those by whom a certificate is in
    order. Sessions of TLS 1.2 are remembered instead; TLS 1.3 shakes hands anew.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.sslobject_class = ServerConnection
    read_whole(certificate)  # OpenSSL would wait for a pipe, and read a device without end.
    context.load_cert_chain(certificate)
    if authorities:
        context.load_verify_locations(cadata=authorities)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context

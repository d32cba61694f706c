"""TLS of the listener: the context, and how a replaced certificate is picked up."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

# What clients of the original can speak; some of them know nothing but AES-GCM with an RSA certificate.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


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


class ServerTls:
    """The contexts of one listener. A new certificate file becomes a new context; a live one is never changed.

    Changing it would pull key and certificate from under connections that are shaking hands.
    """

    def __init__(self, certificate: Path) -> None:
        self._path = certificate
        self._seen = self._stamp()
        self._current = server_context(certificate)
        self.context = server_context(certificate)
        """The listener's own. It only chooses, for each client, the one to go on with."""
        self.context.sni_callback = self._choose
        self.context.sslobject_class = ServerConnection

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # OpenSSL calls this for clients that send no name, too.
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                self._current = server_context(self._path)
                log.info("the certificate in %s has been replaced: new connections get it", self._path)
        except OSError as error:  # ssl.SSLError is one
            log.error("the certificate in %s cannot be used, the former one stays: %s", self._path, error)
        connection.context = self._current

    def _stamp(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return 0, 0, 0
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


def server_context(certificate: Path) -> ssl.SSLContext:
    """A context with the key and the certificate of one PEM file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.load_cert_chain(certificate)
    return context

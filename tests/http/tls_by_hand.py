"""A client whose TLS can end its side without waiting for the other, which that of the standard library cannot."""

from __future__ import annotations

import socket
import ssl
from types import TracebackType
from typing import Self

import pytest

from tests.http.client import PATIENCE
from tests.http.conftest import Running


class TlsByHand:
    """TLS over memory buffers, which can end its side without waiting for the other."""

    def __init__(self, server: Running) -> None:
        self._plain = socket.create_connection((server.https.host, server.https.port), timeout=PATIENCE)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(server.certificate))
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def __enter__(self) -> Self:
        while True:
            try:
                self._tls.do_handshake()
                return self
            except ssl.SSLWantReadError:
                self._exchange()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._plain.close()

    def _exchange(self) -> None:
        self._plain.sendall(self._outgoing.read())
        self._incoming.write(self._plain.recv(65536))

    def send(self, data: bytes, last: bool = False) -> None:
        self._tls.write(data)
        if last:
            with pytest.raises(ssl.SSLWantReadError):
                self._tls.unwrap()
        self._plain.sendall(self._outgoing.read())

    def receive_until(self, mark: bytes) -> bytes:
        received = b""
        while mark not in received:
            try:
                received += self._tls.read(65536)
            except ssl.SSLWantReadError:
                data = self._plain.recv(65536)
                assert data, received
                self._incoming.write(data)
        return received

    def rest(self) -> bytes:
        """All that comes until the server ends its side, as TLS has it and not by hanging up."""
        received = b""
        while True:
            try:
                received += self._tls.read(65536)
            except ssl.SSLZeroReturnError:
                return received
            except ssl.SSLWantReadError:
                data = self._plain.recv(65536)
                assert data, received[-200:]
                self._incoming.write(data)

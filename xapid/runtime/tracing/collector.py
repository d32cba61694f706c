"""Collectors of traces: spans are posted to an address, within a limit of time."""

from __future__ import annotations

import socket
import ssl
import time
from urllib.parse import urlsplit

from xapid import __version__
from xapid.runtime.tracing.exporter import Refused

MOST_OF_A_HEAD = 65536
AGAIN = (408, 425, 429)
"""Status codes of refusals that say: not now."""


def is_address(text: str) -> bool:
    """Whether spans can be posted there. An address with a password is none: everybody may read the endpoints."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        named = bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and named and "@" not in parts.netloc


class Collector:
    """Posts batches, each over a connection of its own."""

    def __init__(self, address: str, timeout: float) -> None:
        """``timeout``: seconds for all of one batch but the look-up of the name."""
        self._parts = parts = urlsplit(address)
        self._timeout = timeout
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"
        """The address without its query, which may hold a secret."""

    def __call__(self, batch: bytes) -> None:
        """Raises OSError, and Refused if it would be in vain to try again."""
        deadline = time.monotonic() + self._timeout
        with self._connected() as connection:
            connection.settimeout(_left(deadline))
            connection.sendall(self._head(len(batch)) + batch)
            status = _status(connection, deadline)
        if 200 <= status < 300:
            return
        if 300 <= status < 500 and status not in AGAIN:
            raise Refused(f"HTTP {status}")
        raise OSError(f"HTTP {status}")

    def _connected(self) -> socket.socket:
        plain = socket.create_connection((self._host, self._port), self._timeout)
        if self._parts.scheme == "http":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise

    def _head(self, length: int) -> bytes:
        lines = (
            f"POST {self._path} HTTP/1.1",
            f"Host: {self._parts.netloc}",
            f"User-Agent: xapid/{__version__}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
            "Connection: close",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def _status(connection: socket.socket, deadline: float) -> int:
    """The status of an answer, once its head is there. One that comes in drops has no more time than another."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MOST_OF_A_HEAD:
        connection.settimeout(_left(deadline))
        got = connection.recv(8192)
        if not got:
            break
        head += got
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if not words[0].startswith(b"HTTP/") or len(words) < 2 or not words[1].isdigit():
        raise OSError("what answers does not speak HTTP")
    return int(words[1])


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it takes too long")
    return left

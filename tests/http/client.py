"""A client that sends bytes as they are and reads replies one by one, over TCP, TLS or the Unix socket."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

PATIENCE = 10.0
"""Seconds after which a silent server has failed the test."""


PAGE = {"content-type": "text/html", "connection": "close", "cache-control": "no-cache, no-store"}
"""Headers of a page that refuses."""


def call(body: bytes, *headers: str, version: str = "1.1", path: str = "/") -> bytes:
    """A call, whole."""
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def get(path: str, *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    """A head without a body."""
    return "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/{version}", *headers)).encode() + b"\r\n"


class Hangup(Exception):
    """The server has ended the connection."""


@dataclass(frozen=True)
class Response:
    """One reply: what its status line and its headers say, and its body."""

    version: str
    status: int
    names: tuple[str, ...]
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all; a server that hung up has perhaps said why, which is still to be read."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLEOFError):
            return

    def end(self) -> None:
        """End our side of the connection."""
        self.socket.shutdown(socket.SHUT_WR)

    def response(self) -> Response:
        """The next reply."""
        head = self.read_until(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        protocol, status, _ = status_line.split(" ", 2)
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        names = tuple(name for name, _ in pairs)
        return Response(protocol.removeprefix("HTTP/"), int(status), names, headers, self._body(headers))

    def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return self.read(int(headers["content-length"]))
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while part := self.read(int(self.read_until(b"\r\n"), 16)):
                body += part
                self.read(2)
            self.read(2)
            return body
        return self.rest()

    def read(self, size: int) -> bytes:
        """So many bytes, exactly."""
        while len(self._received) < size:
            self._receive()
        return self._taken(size)

    def read_until(self, mark: bytes) -> bytes:
        """All before the mark, which is taken away."""
        while mark not in self._received:
            self._receive()
        return self._taken(self._received.index(mark) + len(mark)).removesuffix(mark)

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        try:
            while True:
                self._receive()
        except Hangup:
            return self._taken(len(self._received))

    def _taken(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes, not even an end, for so long."""
        self.socket.settimeout(seconds)
        try:
            self._receive()
        except TimeoutError:
            return not self._received
        except Hangup:
            return False
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def _receive(self) -> None:
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError as error:
            raise Hangup(str(error)) from error
        if not data:
            raise Hangup
        self._received += data

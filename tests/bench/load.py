"""A client that is quicker than the server: some connections, each asking again as soon as it was answered."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LENGTH = re.compile(rb"content-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass
class Rate:
    """Answers a second, and how long one took."""

    count: int
    per_second: float
    median: float
    """seconds"""
    p99: float


def request_bytes(path: str, body: bytes, content_type: str) -> bytes:
    head = (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}", f"Content-Length: {len(body)}")
    return "\r\n".join((*head, "", "")).encode() + body


def free_port() -> int:
    """A TCP port that nobody listens on, outside the range from which connections get their own.

    One from that range may be taken again, by any connection, before the server that it is meant for has started.
    """
    while True:
        port = random.randrange(10_000, 32_768)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def connect(target: tuple[str, int] | Path) -> socket.socket:
    if isinstance(target, Path):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(target))
    else:
        sock = socket.create_connection(target)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def drive(
    target: tuple[str, int] | Path, requests: list[bytes], seconds: float, connections: int = 8, depth: int = 1
) -> Rate:
    """Send the requests in turn over so many connections for so long, ``depth`` of them at a time on each.

    With a depth of one the client itself may be what is measured: a server answers a call in 20 us. Where nobody is
    answered in time, as it happens with logins, no answer is counted, and each took as long as was waited for it.
    """
    selector = selectors.DefaultSelector()
    turns = itertools.cycle(requests)
    lines = [Line(connect(target), depth) for _ in range(connections)]
    for line in lines:
        selector.register(line.sock, selectors.EVENT_READ, line)
        line.send(turns)
    times: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for key, _ in selector.select(1):
            line = key.data
            if line.receive():
                times.append((time.perf_counter() - line.sent) / depth)
                line.send(turns)
    elapsed = time.perf_counter() - began
    for line in lines:
        line.sock.close()
    count = len(times) * depth
    times = sorted(times) or [elapsed]
    return Rate(count, count / elapsed, times[len(times) // 2], times[int(len(times) * 0.99)])


class Line:
    """One connection, and what it waits for."""

    def __init__(self, sock: socket.socket, depth: int) -> None:
        self.sock = sock
        self.sent = 0.0
        self._depth = depth
        self._missing = 0
        self._buffer = b""

    def send(self, turns: Iterator[bytes]) -> None:
        self._missing = self._depth
        self.sent = time.perf_counter()
        self.sock.sendall(b"".join(itertools.islice(turns, self._depth)))

    def receive(self) -> bool:
        """Take what came; whether every answer is there. Raises ValueError for one that is no success."""
        self._buffer += self.sock.recv(1 << 20)
        at = 0
        while self._missing and (length := answer_length(self._buffer, at)):
            at += length
            self._missing -= 1
        self._buffer = self._buffer[at:]
        return not self._missing


def answer_length(buffer: bytes, at: int) -> int:
    """Bytes of the answer that begins there; 0: not all of it has come."""
    end = buffer.find(b"\r\n\r\n", at)
    if end < 0:
        return 0
    found = LENGTH.search(buffer, at, end + 2)
    if found is None or buffer[at + 9 : at + 12] != b"200":
        raise ValueError(buffer[at : at + 200])
    length = end + 4 - at + int(found[1])
    return length if len(buffer) >= at + length else 0

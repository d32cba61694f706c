"""A client that is quicker than the server: some connections, each asking again as soon as it was answered."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Rate:
    """Answers a second, and how long one took."""

    per_second: float
    median: float
    """seconds"""
    p99: float


def request_bytes(path: str, body: bytes, content_type: str) -> bytes:
    head = (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}", f"Content-Length: {len(body)}")
    return "\r\n".join((*head, "", "")).encode() + body


def connect(target: tuple[str, int] | Path) -> socket.socket:
    if isinstance(target, Path):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(target))
    else:
        sock = socket.create_connection(target)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def drive(target: tuple[str, int] | Path, requests: list[bytes], seconds: float, connections: int = 8) -> Rate:
    """Send the requests in turn over so many connections for so long."""
    selector = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}
    pending: dict[socket.socket, bytearray] = {}
    times: list[float] = []
    turn = 0
    for _ in range(connections):
        sock = connect(target)
        selector.register(sock, selectors.EVENT_READ)
        pending[sock] = bytearray()
        sent[sock] = time.perf_counter()
        sock.sendall(requests[turn % len(requests)])
        turn += 1
    began = time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        for key, _ in selector.select(1):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            buffer = pending[sock]
            buffer += sock.recv(262144)
            if not complete(buffer):
                continue
            now = time.perf_counter()
            times.append(now - sent[sock])
            buffer.clear()
            sent[sock] = now
            sock.sendall(requests[turn % len(requests)])
            turn += 1
    elapsed = time.perf_counter() - began
    for sock in pending:
        sock.close()
    times.sort()
    return Rate(len(times) / elapsed, times[len(times) // 2], times[int(len(times) * 0.99)])


def complete(buffer: bytearray) -> bool:
    """Whether a whole answer is there. Raises ValueError for one that is no success."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(buffer[:end]).lower()
    if b" 200 " not in head[:16]:
        raise ValueError(head[:200])
    at = head.index(b"content-length:") + 15
    length = int(head[at:].split(b"\r\n", 1)[0])
    return len(buffer) >= end + 4 + length

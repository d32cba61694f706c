"""Clients whose next call depends on the last answer: many at a time, each on a connection of its own."""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import orjson

from tests.bench.load import answer_length, connect, request_bytes

Steps = Generator[tuple[Any, ...], Any, None]
"""Yields calls, ``("VM.clone", template, "name")``, and is sent their results."""


class CallFailed(Exception):
    """A call that was to succeed did not."""


def walk(target: tuple[str, int] | Path, session: str, walkers: Iterable[Steps]) -> None:
    """Let every walker go its way to its end, all at the same time. Raises CallFailed."""
    selector = selectors.DefaultSelector()
    for steps in walkers:
        walker = Walker(connect(target), session, steps)
        if walker.go_on(None):
            selector.register(walker.sock, selectors.EVENT_READ, walker)
    while selector.get_map():
        for key, _ in selector.select():
            walker = key.data
            if not walker.receive():
                selector.unregister(walker.sock)
                walker.sock.close()


class Walker:
    """One client."""

    def __init__(self, sock: socket.socket, session: str, steps: Steps) -> None:
        self.sock = sock
        self._session = session
        self._steps = steps
        self._buffer = b""

    def go_on(self, result: Any) -> bool:
        """Send the next call; False: that was the last one."""
        try:
            method, *params = self._steps.send(result)
        except StopIteration:
            return False
        call = {"jsonrpc": "2.0", "method": method, "params": [self._session, *params], "id": 1}
        self.sock.sendall(request_bytes("/jsonrpc", orjson.dumps(call), "application/json"))
        return True

    def receive(self) -> bool:
        """Take what came; False when all is over."""
        self._buffer += self.sock.recv(1 << 20)
        length = answer_length(self._buffer, 0)
        if not length:
            return True
        answer = json.loads(self._buffer[self._buffer.index(b"\r\n\r\n") + 4 : length])
        self._buffer = self._buffer[length:]
        if "error" in answer:
            raise CallFailed(answer["error"])
        return self.go_on(answer["result"])

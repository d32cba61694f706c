"""The bridge between one line of text and those who look at it: a line has room for one, and it reads it for all."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable

from xapid.backends.terminal.connections import OUTGOING, Connection, Gone, Out, read
from xapid.backends.terminal.glyphs import Glyphs
from xapid.backends.terminal.keys import FUNCTION_KEYS
from xapid.backends.terminal.screen import Terminal

MOST_VIEWERS = 1024
FRAME = 0.04
"""Seconds between two updates of the screen at least."""
REST = 3
"""Times as long as an update took until the next one."""
PORTION = 512
"""Bytes of what was printed that are done at once. The slowest that there are take some 10 ms."""
SLICE = 0.02
"""Seconds in which what was printed is done before somebody else has a turn."""
SHARE, SAVED = 0.25, 2.0
"""Of a processor, for what is printed; and seconds of it that a line may have left over from when it was silent."""
FAREWELL = 2.0
"""Seconds in which viewers may read the last words of a line that ended."""


class Allowance:
    """A share of a processor. A line that has used its own up is read later, and whoever prints there waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._at = SAVED, clock()

    def spend(self, seconds: float) -> None:
        self._earn()
        self._left -= seconds

    def pause(self) -> float:
        """Seconds until there is some."""
        self._earn()
        return max(0.0, -self._left / SHARE)

    def _earn(self) -> None:
        now = self._clock()
        self._left, self._at = min(SAVED, self._left + SHARE * (now - self._at)), now


class Bridge:
    """One line and all who look at it."""

    def __init__(self, line: int, name: str = "", function_keys: tuple[str, ...] = FUNCTION_KEYS) -> None:
        self.name = name
        self.function_keys = function_keys
        self.terminal = Terminal(Glyphs(), self._answer)
        self._line = Out(line)
        self._connections: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._allowance = Allowance()
        self._printed = bytearray()
        """What is yet to be done of what was read."""
        self._not_before = 0.0
        """When the screen may be looked at again."""
        self._look_at: float | None = None
        self._remembering = False
        self._until = -1
        os.set_blocking(line, False)

    @property
    def is_full(self) -> bool:
        return len(self._line.waiting) > OUTGOING

    def remember(self, printed: bytes) -> None:
        """What the line printed before."""
        self._remembering = True
        self.terminal.feed(printed)
        self._remembering = False

    def _answer(self, said: str) -> None:
        # What was asked long ago was answered then, or nobody waits for it.
        if not self._remembering:
            self.typed(said.encode())

    def typed(self, data: bytes) -> None:
        # What one viewer says at once goes in whole; a line that takes nothing is not piled up before.
        if not self.is_full:
            self._line.waiting += data

    def look_soon(self) -> None:
        if self._look_at is None:
            self._look_at = max(time.monotonic(), self._not_before)

    def listen(self, listener: socket.socket, kind: type[Connection]) -> None:
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, (listener, kind))

    def end_with(self, pipe: int) -> None:
        """End once nobody holds the other end."""
        self._until = pipe
        self._selector.register(pipe, selectors.EVENT_READ, None)

    def serve(self) -> None:
        """Until the line has ended. Then let everybody go."""
        try:
            while True:
                self._turn(self._pause())
        except Gone:
            self._bid_farewell()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the line, and of all who are connected."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, tuple):
                key.data[0].close()
        for each in self._connections.values():
            each.socket.close()
        self._selector.close()
        os.close(self._line.fd)

    def _pause(self) -> float | None:
        """Seconds until there is something to do though nothing comes; None: there is not."""
        rest = self._allowance.pause()
        reading = selectors.EVENT_READ if not rest and not self._printed else 0
        self._arm(self._line.fd, reading | _writing(self._line), None)
        due = [] if self._look_at is None else [max(0.0, self._look_at - time.monotonic())]
        if not reading:
            due.append(rest)
        return min(due) if due else None

    def _turn(self, timeout: float | None) -> None:
        was_full = self.is_full
        for key, events in self._selector.select(timeout):
            if key.fd == self._until:
                raise Gone
            if key.data is None:
                if events & selectors.EVENT_READ:
                    self._printed += read(self._line.fd)
            elif isinstance(key.data, Connection):
                if self._connections.get(key.data.fd) is key.data:
                    self._serve(key.data, events)
            else:
                self._accept(*key.data)
        if self._printed and not self._allowance.pause():
            self._work()
        if self._look_at is not None and time.monotonic() >= self._look_at:
            self._look()
        self._line.send()
        if self.is_full is not was_full:
            for each in self._connections.values():
                self._arm(each.fd, each.events(), each)

    def _work(self) -> None:
        """Do some of what was printed."""
        began, end = time.thread_time(), time.monotonic() + SLICE
        while self._printed and time.monotonic() < end:
            portion = bytes(self._printed[:PORTION])
            del self._printed[:PORTION]
            self.terminal.feed(portion)
            for each in self._connections.values():
                each.printed(portion)
        for each in list(self._connections.values()):
            self._flush(each)
        self._allowance.spend(time.thread_time() - began)
        self.look_soon()

    def _accept(self, listener: socket.socket, kind: type[Connection]) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            # It went, or there are no more files: then it waits.
            return
        if len(self._connections) >= MOST_VIEWERS:
            client.close()
            return
        client.setblocking(False)
        connection = self._connections[client.fileno()] = kind(self, client)
        self._flush(connection)

    def _serve(self, connection: Connection, events: int) -> None:
        try:
            # Not of one who may say nothing more, since he spoke in this very turn.
            if events & connection.events() & selectors.EVENT_READ:
                connection.receive()
        except BlockingIOError:
            pass
        except Gone:
            self._forget(connection)
            return
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        try:
            connection.out.send(connection.more)
        except Gone:
            self._forget(connection)
        else:
            self._arm(connection.fd, connection.events(), connection)

    def _arm(self, fd: int, events: int, data: Connection | None) -> None:
        """Have the selector tell of these events; of a descriptor of which there are none to wait for, nothing."""
        known = self._selector.get_map().get(fd)
        if known is None:
            if events:
                self._selector.register(fd, events, data)
        elif not events:
            self._selector.unregister(fd)
        elif known.events != events:
            self._selector.modify(fd, events, data)

    def _look(self) -> None:
        began, self._look_at = time.monotonic(), None
        self.terminal.look()
        for each in list(self._connections.values()):
            each.looked()
            self._flush(each)
        now = time.monotonic()
        self._not_before = now + max(FRAME, REST * (now - began))

    def _forget(self, connection: Connection) -> None:
        self._arm(connection.fd, 0, None)
        self._connections.pop(connection.fd, None)
        connection.socket.close()

    def _bid_farewell(self) -> None:
        """Let everybody read the last words."""
        self._arm(self._line.fd, 0, None)
        end = time.monotonic() + FAREWELL
        while self._printed and time.monotonic() < end:
            self._work()
        self._look()
        while any(each.out.waiting for each in self._connections.values()) and (left := end - time.monotonic()) > 0:
            for key, events in self._selector.select(left):
                if isinstance(key.data, Connection) and events & selectors.EVENT_WRITE:
                    self._flush(key.data)
                elif isinstance(key.data, Connection):
                    # What is typed now has nowhere to go.
                    self._arm(key.data.fd, _writing(key.data.out), key.data)


def _writing(out: Out) -> int:
    return selectors.EVENT_WRITE if out.waiting else 0

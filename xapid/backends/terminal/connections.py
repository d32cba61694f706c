"""Those who are connected to a bridge, each with what is on its way to them."""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable
from typing import Protocol

from xapid.backends.terminal.keys import Keyboard
from xapid.backends.terminal.screen import Terminal
from xapid.backends.terminal.viewer import Viewer
from xapid.wire.rfb import Unknown

BLOCK = 16384
"""Bytes read at once: of a line as much as is shown before somebody else has a turn."""
OUTGOING = 65536
"""Bytes that wait for somebody before nothing more is read for him."""


class Gone(Exception):
    """A viewer, or the line, has closed."""


class Out:
    """Bytes on their way into a descriptor that may be slow."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.waiting = bytearray()

    def send(self, more: Callable[[], bytes] = bytes) -> None:
        """Write as much as goes; what is next comes from ``more`` once all before it went. Raises Gone."""
        try:
            while self.waiting or self._add(more()):
                del self.waiting[: os.write(self.fd, self.waiting)]
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone from error

    def _add(self, data: bytes) -> bool:
        self.waiting += data
        return bool(data)


def read(fd: int) -> bytes:
    """What came, of a descriptor that does not block. Raises BlockingIOError, and Gone at the end."""
    try:
        data = os.read(fd, BLOCK)
    except BlockingIOError:
        raise
    except OSError as error:
        # A terminal whose other end is closed says so by an error.
        raise Gone from error
    if not data:
        raise Gone
    return data


class Line(Protocol):
    """What those who are connected know of a bridge."""

    name: str
    function_keys: tuple[str, ...]
    terminal: Terminal

    @property
    def is_full(self) -> bool:
        """Whether the line takes nothing of what was typed."""

    def typed(self, data: bytes) -> None:
        """Somebody typed this."""

    def look_soon(self) -> None:
        """Look at the screen anew, once it is time."""


class Connection:
    """Somebody at the other end of an accepted socket."""

    def __init__(self, line: Line, client: socket.socket) -> None:
        self.line = line
        self.socket = client
        self.fd = client.fileno()
        self.out = Out(self.fd)

    def receive(self) -> None:
        """Take what came. Raises BlockingIOError, Gone."""
        self.heard(read(self.fd))

    def heard(self, data: bytes) -> None:
        raise NotImplementedError

    def more(self) -> bytes:
        """What is to be sent next."""
        return b""

    def printed(self, data: bytes) -> None:
        """The line printed this."""

    def looked(self) -> None:
        """The screen was looked at anew."""

    @property
    def is_full(self) -> bool:
        return len(self.out.waiting) > OUTGOING

    def events(self) -> int:
        """What to wait for. Who types is held up by a line that takes nothing, and who does not read by himself."""
        held_up = self.is_full or self.line.is_full
        return (0 if held_up else selectors.EVENT_READ) | (selectors.EVENT_WRITE if self.out.waiting else 0)


class Watcher(Connection):
    """A viewer of RFB."""

    def __init__(self, line: Line, client: socket.socket) -> None:
        super().__init__(line, client)
        self._viewer = Viewer(line.terminal, line.name, Keyboard(line.function_keys), line.typed)
        self._telling = False

    def heard(self, data: bytes) -> None:
        try:
            self._viewer.heard(data)
        except Unknown as error:
            self.out.send(self.more)
            raise Gone from error
        if self._viewer.waits:
            self.line.look_soon()

    def more(self) -> bytes:
        told, self._telling = self._telling, False
        if data := self._viewer.next():
            self._telling = True
        elif told and self._viewer.waits:
            # What it asked for while it was told something else.
            self.line.look_soon()
        return data

    def looked(self) -> None:
        if self._viewer.waits:
            self._viewer.begin_update()

    @property
    def is_full(self) -> bool:
        return super().is_full or self._viewer.is_full


class Reader(Connection):
    """A viewer of the text. Who is too slow for it misses some, and then is shown what the screen has."""

    def __init__(self, line: Line, client: socket.socket) -> None:
        super().__init__(line, client)
        self._behind = False
        self.out.waiting += line.terminal.redrawn()

    def heard(self, data: bytes) -> None:
        self.line.typed(data)

    def printed(self, data: bytes) -> None:
        if len(self.out.waiting) + len(data) > OUTGOING:
            self._behind = True
        elif not self._behind:
            self.out.waiting += data

    def more(self) -> bytes:
        if not self._behind:
            return b""
        self._behind = False
        return self.line.terminal.redrawn()

"""Lines of guests that are terminals of this host: each is read all the time into a log, and served on a socket."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import selectors
import socket
import threading
import tty
from pathlib import Path

log = logging.getLogger(__name__)

BLOCK = 65536
MOST_UNREAD = 1 << 20
"""Bytes that wait for a viewer at most; one who is slower is let go, and finds what he missed in the log."""


class GuestLine:
    """One line, from now on until it is closed. Its terminal may end and another take its place, as at a reboot."""

    def __init__(self, terminal: str, socket_path: Path, log_path: Path) -> None:
        """Raises OSError."""
        self.terminal = terminal
        self._line: int | None = _opened(terminal)
        self._log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        socket_path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(socket_path))
        self._listener.listen()
        self._unsent: dict[socket.socket, bytearray] = {}
        self._next: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        """What the line goes on with; None: it ends."""
        self._woken, self._wake = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for each in (self._line, self._listener, self._woken):
            self._selector.register(each, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="xapid-guest-line", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        return self._thread.is_alive()

    def carry(self, terminal: str) -> None:
        """Go on with another terminal; who looks at the line sees what comes from there. Raises OSError."""
        # The next one may have the path that the last one had.
        opened = _opened(terminal)
        self.terminal = terminal
        self._go_on(opened)

    def close(self) -> None:
        """Returns when nobody is served any more."""
        self._go_on(None)
        self._thread.join()

    def _go_on(self, line: int | None) -> None:
        self._next.put(line)
        with contextlib.suppress(OSError):
            self._wake.send(b".")

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except OSError as error:
            log.warning("the line %s is served no more: %s", self.terminal, error)
        finally:
            for each in (*self._unsent, self._listener, self._woken, self._wake):
                each.close()
            self._selector.close()
            if self._line is not None:
                os.close(self._line)
            os.close(self._log)

    def _step(self) -> bool:
        """Serve whoever wants something; False: that was all."""
        for key, events in self._selector.select():
            if key.fileobj is self._woken:
                self._woken.recv(1)
                return self._changed(self._next.get())
            if key.fileobj is self._listener:
                self._admit()
            elif key.fileobj == self._line:
                self._printed(self._line)
            elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._unsent:
                self._serve(key.fileobj, events)
        return True

    def _admit(self) -> None:
        viewer, _ = self._listener.accept()
        viewer.setblocking(False)
        self._unsent[viewer] = bytearray()
        self._selector.register(viewer, selectors.EVENT_READ)

    def _changed(self, line: int | None) -> bool:
        """Another terminal carries the line now; False: none does any more."""
        while self._line is not None and self._printed(self._line):
            pass  # The last words of the one before.
        self._let_go()
        if line is None:
            return False
        self._line = line
        self._selector.register(line, selectors.EVENT_READ)
        return True

    def _let_go(self) -> None:
        if self._line is not None:
            self._selector.unregister(self._line)
            os.close(self._line)
            self._line = None

    def _printed(self, line: int) -> bool:
        """Hand on what the guest printed; False: that was nothing."""
        try:
            data = os.read(line, BLOCK)
        except BlockingIOError:
            return False
        except OSError:
            # So a terminal says that its other end is closed.
            data = b""
        if not data:
            self._let_go()
            return False
        os.write(self._log, data)
        for viewer in list(self._unsent):
            self._unsent[viewer] += data
            self._send(viewer)
        return True

    def _serve(self, viewer: socket.socket, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._send(viewer)
        if events & selectors.EVENT_READ and viewer in self._unsent:
            try:
                keys = viewer.recv(BLOCK)
            except BlockingIOError:
                return
            except OSError:
                keys = b""
            if not keys:
                self._dismiss(viewer)
                return
            # A guest that takes no keys loses them, as on a line without flow control.
            if self._line is not None:
                with contextlib.suppress(OSError):
                    os.write(self._line, keys)

    def _send(self, viewer: socket.socket) -> None:
        waiting = self._unsent[viewer]
        try:
            del waiting[: viewer.send(waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self._dismiss(viewer)
            return
        if len(waiting) > MOST_UNREAD:
            self._dismiss(viewer)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0)
        self._selector.modify(viewer, events)

    def _dismiss(self, viewer: socket.socket) -> None:
        del self._unsent[viewer]
        self._selector.unregister(viewer)
        viewer.close()


def _opened(terminal: str) -> int:
    line = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    tty.setraw(line)
    return line

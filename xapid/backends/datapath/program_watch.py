"""Learns at once when a storage program ends, whoever started it."""

from __future__ import annotations

import logging
import os
import queue
import selectors
import threading
from collections.abc import Callable
from functools import partial

log = logging.getLogger(__name__)


class ProgramWatch:
    """A thread, in which ``ended`` is called with the owner of each program that has ended."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._new: queue.SimpleQueue[tuple[str, int] | Callable[[], None] | None] = queue.SimpleQueue()
        """Programs to watch, things to do, or that there is to be an end."""
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="xapid-storage-programs", daemon=True)
        self._thread.start()

    def add(self, owner: str, process: int) -> None:
        """Watch the program of a process handle, which is closed in the end."""
        self._tell((owner, process))

    def do(self, what: Callable[[], None]) -> None:
        """In this thread."""
        self._tell(what)

    def stop(self) -> None:
        """Nothing that is told afterwards is heard."""
        self._tell(None)
        self._thread.join()

    def _tell(self, what: tuple[str, int] | Callable[[], None] | None) -> None:
        self._new.put(what)
        os.eventfd_write(self._bell, 1)

    def __del__(self) -> None:
        # Not sooner: somebody else's file would have its number.
        os.close(self._bell)
        while not self._new.empty():
            match self._new.get():
                case (_, process):
                    os.close(process)

    def _run(self) -> None:
        with selectors.DefaultSelector() as watched:
            watched.register(self._bell, selectors.EVENT_READ)
            going = True
            while going:
                for key, _ in watched.select():
                    if key.fd == self._bell:
                        going = self._listen(watched)
                    else:
                        watched.unregister(key.fd)
                        os.close(key.fd)
                        _done(partial(self._ended, key.data))
            for key in list(watched.get_map().values()):
                if key.fd != self._bell:
                    os.close(key.fd)

    def _listen(self, watched: selectors.BaseSelector) -> bool:
        os.eventfd_read(self._bell)
        while not self._new.empty():
            match self._new.get():
                case None:
                    return False
                case (owner, process):
                    watched.register(process, selectors.EVENT_READ, owner)
                case what:
                    _done(what)
        return True


def _done(what: Callable[[], None]) -> None:
    try:
        what()
    except Exception:
        # The thread is there for all.
        log.exception("the disks of a guest cannot be looked after")

"""The way of spans out of the event loop: a bounded queue, and a thread that sends batches of them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from xapid.runtime.tracing.zipkin import Finished, batch, encoded

log = logging.getLogger(__name__)

BATCH = 500
"""Spans that are sent at a time: some 400 KB, mostly."""
LARGEST = 1 << 20
"""Bytes after which a batch is complete: an Observer may give every span as much as one call can hold."""
LONGEST_PAUSE = 60.0
"""Seconds after which it is tried again, at most."""

Send = Callable[[bytes], None]
"""Takes a batch away. Raises OSError if it may be tried again, Refused if that would be in vain."""


class Refused(Exception):
    """Who takes spans does not want these."""


class Exporter:
    """Takes spans from the event loop and costs it nothing more, whatever becomes of them."""

    def __init__(self, name: str, send: Send, interval: float, most: int) -> None:
        """``interval``: seconds in which spans are gathered; ``most``: how many may wait, the oldest go first."""
        self.name = name
        self.lost = 0
        """Spans that never got there."""
        self._send = send
        self._interval = interval
        self._most = most
        self._waiting: deque[Finished] = deque(maxlen=most)
        self._unsent: list[bytes] = []
        self._said = ""
        """What is wrong, and stands in the log already."""
        self._some, self._many, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"traces to {name}", daemon=True)
        self._thread.start()

    def put(self, finished: Finished) -> None:
        """Have a span sent soon."""
        waiting = self._waiting
        if len(waiting) == self._most:
            self.lost += 1
        waiting.append(finished)
        count = len(waiting)
        # The thread sleeps as long as there is nothing, and while a few gather: to wake it takes longer than a call.
        if count == 1:
            self._some.set()
        elif count == BATCH:
            self._many.set()

    def close(self) -> None:
        """Send what there is, if that is possible at the first try; nobody has to wait for it."""
        self._ended.set()
        self._some.set()
        self._many.set()

    def join(self, seconds: float) -> None:
        """Wait for what ``close`` asked for."""
        self._thread.join(seconds)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        pause = self._interval
        while not self._ended.is_set():
            self._some.wait()
            (self._ended if self._unsent else self._many).wait(pause)
            self._some.clear()
            self._many.clear()
            if self._send_all():
                pause = self._interval
            else:
                pause = min(2 * max(pause, 0.1), LONGEST_PAUSE)
                self._some.set()
        self.lost += len(self._unsent) + len(self._waiting)

    def _send_all(self) -> bool:
        """Send what waits. False: it has to be tried again."""
        while spans := self._unsent or self._taken():
            self._unsent = []
            try:
                self._send(batch(spans))
            except OSError as error:
                self._unsent = spans
                self._say(f"cannot be sent, the latest {self._most} wait: {error}")
                return False
            except Refused as error:
                self.lost += len(spans)
                self._say(f"are refused: {error}")
            except Exception:
                # Whatever is odd about these, the next are sent.
                self.lost += len(spans)
                log.exception("%d spans for %s cannot be sent", len(spans), self.name)
            else:
                self._well()
        return True

    def _taken(self) -> list[bytes]:
        taken: list[bytes] = []
        size = 0
        while self._waiting and len(taken) < BATCH and size < LARGEST:
            taken.append(encoded(self._waiting.popleft()))
            size += len(taken[-1])
        return taken

    def _say(self, trouble: str) -> None:
        if not self._said:
            log.warning("traces for %s %s", self.name, trouble)
        self._said = trouble

    def _well(self) -> None:
        if self._said:
            log.info("traces for %s are sent again; %d spans are lost", self.name, self.lost)
        self._said = ""

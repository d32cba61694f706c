"""Time, as an object, so that tests can hold it."""

from __future__ import annotations

import asyncio
import time

from xapid.datamodel.types import DateTime


class Clock:
    """The clocks of this machine."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps. Timeouts and schedules run on it."""
        return time.monotonic()

    def date(self) -> DateTime:
        return DateTime.of(self.now())

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, by the clock that never jumps."""
        await asyncio.sleep(seconds)


class Turn:
    """When it is time for something again whose owner is asked more often. By the clock that never jumps."""

    def __init__(self, clock: Clock, every: float, *, at_once: bool) -> None:
        """``at_once``: the first time is now, and not after as many seconds."""
        self._clock = clock
        self._every = every
        self._next = clock.monotonic() + (0.0 if at_once else every)

    def has_come(self) -> bool:
        """Whether it is time. If so, the next time is ``every`` seconds from now."""
        moment = self._clock.monotonic()
        if moment < self._next:
            return False
        self._next = moment + self._every
        return True

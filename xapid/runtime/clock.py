"""Time, as an object, so that tests can hold it."""

from __future__ import annotations

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

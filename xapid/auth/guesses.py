"""Guessing passwords is slow: who was wrong waits, and who was wrong again waits longer. Others do not."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from xapid.runtime.clock import Clock

LONGEST = 30.0
"""Seconds that one wrong password costs at most."""
FORGIVEN = 900.0
"""Seconds after which wrong passwords from a source do not count any more."""
SOURCES = 10_000
"""Sources that are remembered; of more, the one that was wrong longest ago is forgotten."""
WAITING = 16
"""Logins from one source that wait for each other. One more is refused without a look."""


@dataclass
class _Source:
    wrong: int = 0
    last: float = 0.0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class TooMany(Exception):
    """So many logins from this source wait that none more is looked at."""


class Guesses:
    """What is known of sources from which wrong passwords came: addresses of clients."""

    def __init__(self, clock: Clock, delay: float) -> None:
        """``delay``: seconds that the first wrong password costs; each further one twice as much."""
        self._clock = clock
        self._delay = delay
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    @asynccontextmanager
    async def turn(self, source: str) -> AsyncIterator[None]:
        """Within the block a password is checked. Sources that were wrong check one after the other. Raises TooMany."""
        known = self._known(source)
        if known is None:
            yield
            return
        if known.waiting >= WAITING:
            raise TooMany
        known.waiting += 1
        try:
            async with known.turn:
                yield
        finally:
            known.waiting -= 1

    def wrong(self, source: str) -> float:
        """A password was wrong. Returns the seconds after which the client may hear of it."""
        known = self._known(source) or _Source()
        self._sources[source] = known
        self._sources.move_to_end(source)
        known.wrong += 1
        known.last = self._clock.monotonic()
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        return min(self._delay * 2.0 ** min(known.wrong - 1, 20), max(LONGEST, self._delay))

    def right(self, source: str) -> None:
        """A password was right."""
        known = self._sources.get(source)
        if known is not None and not known.waiting:
            del self._sources[source]
        elif known is not None:
            known.wrong = 0

    def _known(self, source: str) -> _Source | None:
        known = self._sources.get(source)
        if known is None or (self._clock.monotonic() - known.last > FORGIVEN and not known.waiting):
            self._sources.pop(source, None)
            return None
        return known

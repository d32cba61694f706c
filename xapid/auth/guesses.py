"""Guessing passwords is slow: who was wrong waits, and who was wrong again waits longer. Others do not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Network, ip_address

from xapid.auth.slots import Slots
from xapid.runtime.clock import Clock

LONGEST = 30.0
"""Seconds that one wrong password costs at most."""
FORGIVEN = 900.0
"""Seconds after which wrong passwords from a source do not count any more."""
SOURCES = 10_000
"""Sources that are remembered; of more, the one that was wrong longest ago is forgotten."""
WAITING = 16
"""Logins from one source that wait for each other. One more is refused without a look."""
TOGETHER = 4
"""Passwords from one source that are checked at the same time while none was wrong."""
NEIGHBOURS = 64
"""Bits that the IPv6 addresses of one client have in common: it may have all that begin so."""


@dataclass(eq=False)
class _Source:
    wrong: int = 0
    last: float = 0.0
    waiting: int = 0
    turn: Slots = field(init=False)

    def __post_init__(self) -> None:
        self.turn = Slots(lambda: 1 if self.wrong else TOGETHER)


class TooMany(Exception):
    """So many logins from this source wait that none more is looked at."""


class Guesses:
    """What is known of sources from which passwords come: addresses of clients."""

    def __init__(self, clock: Clock, delay: float) -> None:
        """``delay``: seconds that the first wrong password costs; each further one twice as much."""
        self._clock = clock
        self._delay = delay
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Within the block a password is checked. A source checks a few at a time, one that was wrong one after the
        other; others do not wait for it. Raises TooMany."""
        source = source_of(address)
        known = self._known(source)
        if known.wrong and known.waiting >= WAITING:
            raise TooMany
        known.waiting += 1
        try:
            async with known.turn.taken():
                # Those that came while none was wrong yet do not wait each for the delay of all before it.
                if known.wrong and known.waiting > WAITING:
                    raise TooMany
                yield
        finally:
            known.waiting -= 1
            if not known.waiting and not known.wrong and self._sources.get(source) is known:
                del self._sources[source]

    def wrong(self, address: str) -> float:
        """A password was wrong. Returns the seconds after which the client may hear of it."""
        source = source_of(address)
        known = self._known(source)
        self._sources.move_to_end(source)
        known.wrong += 1
        known.last = self._clock.monotonic()
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        return min(self._delay * 2.0 ** min(known.wrong - 1, 20), max(LONGEST, self._delay))

    def right(self, address: str) -> None:
        """A password was right."""
        known = self._sources.get(source_of(address))
        if known is not None:
            known.wrong = 0

    def _known(self, source: str) -> _Source:
        known = self._sources.get(source)
        if known is None or (self._clock.monotonic() - known.last > FORGIVEN and not known.waiting):
            known = self._sources[source] = _Source()
        return known


def source_of(address: str) -> str:
    """Whom an address counts against: itself, or in IPv6 the network that one client has for itself."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address) or found.is_link_local:
        return address
    return str(found.ipv4_mapped or IPv6Network((int(found), NEIGHBOURS), strict=False))

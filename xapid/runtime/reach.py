"""Where this host is reached: its listeners follow, and who comes to an address is seen while a change is on trial."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from xapid.runtime.clock import Clock

Follow = Callable[[str | None], Awaitable[None]]
"""Lets a listener be heard at an address of the host; None: by the machine itself alone."""


class Reach:
    """The listeners, once they are there, and the change that is on trial, if one is."""

    def __init__(self) -> None:
        self.listeners: list[Follow] = []
        self._awaited = ""
        self._came: asyncio.Event | None = None

    async def follow(self, address: str | None) -> None:
        """Let all listeners be heard at an address; None: by the machine itself alone. Raises what they raise."""
        for each in self.listeners:
            await each(address)

    def came(self, here: str, near: bool) -> None:
        """A client has come to an address of this machine; ``near``: from this machine itself."""
        if self._came is not None and not near and here == self._awaited:
            self._came.set()

    async def reached(self, address: str, clock: Clock, seconds: float) -> bool:
        """Whether a client of another machine comes to an address within the time. One is awaited at a time."""
        self._awaited, self._came = address, asyncio.Event()
        ends = [asyncio.ensure_future(self._came.wait()), asyncio.ensure_future(clock.sleep(seconds))]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return self._came.is_set()
        finally:
            for each in ends:
                each.cancel()
            self._awaited, self._came = "", None

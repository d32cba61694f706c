"""Clocks for tests, which let time pass without waiting for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from xapid.runtime.clock import Clock


async def _some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class PassingClock(Clock):
    """The clocks of this machine, ahead by the time that a test lets pass."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._sleepers: set[asyncio.Future[None]] = set()
        self._news = asyncio.Event()

    @property
    def passed(self) -> float:
        """Seconds that never were."""
        return self._passed

    @passed.setter
    def passed(self, seconds: float) -> None:
        self._passed = seconds
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
        self._sleepers.clear()  # Who has not slept enough falls asleep again.

    def now(self) -> float:
        return super().now() + self._passed

    def monotonic(self) -> float:
        return super().monotonic() + self._passed

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            sleeper = asyncio.get_running_loop().create_future()
            self._sleepers.add(sleeper)
            self._news.set()
            try:
                await asyncio.wait({sleeper}, timeout=left)
            finally:
                self._sleepers.discard(sleeper)

    async def let_pass(self, seconds: float) -> None:
        """Let time pass for all who wait for it or are about to, and let them act whose time has come."""
        await _some_turns()
        self.passed += seconds
        await _some_turns()

    async def asleep(self, sleepers: int = 1) -> None:
        """Return once so many wait for time to pass."""
        async with asyncio.timeout(5):
            while len(self._sleepers) < sleepers:
                self._news.clear()
                await self._news.wait()


@dataclass
class HeldClock(Clock):
    """Stands still until a test sets it on."""

    wall: float = 1_700_000_000.0
    steady: float = 1000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def set_on(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

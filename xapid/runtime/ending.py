"""How a daemon is asked from within to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Ending:
    """Asked for by an operation, heard by who runs the daemon."""

    def __init__(self) -> None:
        self.again = False
        """Whether it is to be started again."""
        self._stop: Callable[[], None] | None = None

    def heard_by(self, stop: Callable[[], None]) -> None:
        """``stop`` is called when it is time."""
        self._stop = stop

    def ask(self, after: float, *, again: bool) -> None:
        """End the daemon after so many seconds, in which the answer to who asked for it gets out."""
        asyncio.get_running_loop().call_later(after, self._end, again)

    def _end(self, again: bool) -> None:
        self.again = again
        if self._stop is not None:
            self._stop()

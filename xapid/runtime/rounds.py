"""Work that is looked after again and again, for each object apart: one that hangs holds up no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

log = logging.getLogger(__name__)


class Rounds:
    """What is under way, at most one piece of work for each object."""

    def __init__(self, what: str) -> None:
        """``what``: of the work, for the log."""
        self._what = what
        self._work: dict[str, asyncio.Task[None]] = {}

    def __contains__(self, ref: str) -> bool:
        return ref in self._work

    def begin(self, ref: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin the work for an object, unless there is some under way for it."""
        if ref in self._work:
            work.close()
            return
        self._work[ref] = task = asyncio.ensure_future(work)
        task.add_done_callback(partial(self._ended, ref))

    def _ended(self, ref: str, task: asyncio.Task[None]) -> None:
        del self._work[ref]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s of %s failed", self._what, ref, exc_info=error)

    async def over(self) -> None:
        """Wait until nothing is under way."""
        while self._work:
            await asyncio.wait(list(self._work.values()))
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Leave off what is under way."""
        work = list(self._work.values())
        for each in work:
            each.cancel()
        if work:
            await asyncio.wait(work)

"""A script that the agent in a guest runs, and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from xapid.backends import process
from xapid.backends.interface import Failed

LONGEST_OUTPUT = 1024
"""Characters of each stream that are told."""
CUT = " (truncated)"
LONGEST_SECONDS = 24 * 3600.0
LOOK_AGAIN = 0.25
SELDOM = 2.0
"""Seconds between two looks whether a script ended: at first, and at last."""


@dataclass(frozen=True)
class ScriptResult:
    """How a script ended."""

    status: int
    output: str = ""
    errors: str = ""

    def shortened(self) -> ScriptResult:
        """With no more of its output than is told."""
        return ScriptResult(self.status, _shortened(self.output), _shortened(self.errors))


def _shortened(text: str) -> str:
    return text if len(text) < LONGEST_OUTPUT else text[: LONGEST_OUTPUT - len(CUT)] + CUT


class Waiting:
    """For a script to end, of which nothing tells. Raises Failed once nobody waits any more, or too long."""

    def __init__(self) -> None:
        self._cancellation = process.current.get(None)
        self._until = time.monotonic() + LONGEST_SECONDS
        self._pause = LOOK_AGAIN

    def once_more(self) -> None:
        if self._cancellation is not None and self._cancellation.cancelled:
            raise Failed("nobody waits for the script any more; it may go on in the guest")
        if time.monotonic() > self._until:
            raise Failed("the script does not end")
        time.sleep(self._pause)
        self._pause = min(SELDOM, 2 * self._pause)

"""Delays and faults that a test asks of a simulator; the agent applies them in front of the driver."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from xapid.backends.interface import BackendError

DELAYS = "XAPID_SIM_DELAYS"
"""Delays from the first call on, for tests of a whole daemon: ``start=3600 suspend=5``."""


def asked_for() -> dict[str, float]:
    """Seconds by the name of the method, as the environment says."""
    words = (word.partition("=") for word in os.environ.get(DELAYS, "").split())
    return {method: float(seconds) for method, _, seconds in words}


@dataclass
class SimFaults:
    """What shall go wrong in a simulator, by the name of the method. A driver offers it as ``faults``."""

    delays: dict[str, float] = field(default_factory=asked_for)
    """Seconds that each call of a method takes."""
    errors: dict[str, list[BackendError | None]] = field(default_factory=dict)
    """What the next calls of a method raise, one each, first to last; None: that call succeeds."""
    followers: dict[str, list[Callable[[], None]]] = field(default_factory=dict)
    """What is called after the next calls of a method that were done, one each, first to last."""

    def fail(self, method: str, error: BackendError, times: int = 1, *, skip: int = 0, done: bool = False) -> None:
        """Let calls of a method raise an error, after ``skip`` that succeed; ``done``: although the work is done."""
        coming = [None] * skip + [error] * times
        if done:
            self.followers.setdefault(method, []).extend(partial(_raise, each) for each in coming)
        else:
            self.errors.setdefault(method, []).extend(coming)

    def delay(self, method: str, seconds: float) -> None:
        """Let calls of a method take this long; 0: no longer."""
        if seconds:
            self.delays[method] = seconds
        else:
            self.delays.pop(method, None)

    def afterwards(self, method: str, function: Callable[[], None]) -> None:
        """Once the next call of a method is done, and before its caller hears of it, call this; it may raise too."""
        self.followers.setdefault(method, []).append(function)

    def follow(self, method: str) -> None:
        """Call what is due once a method is done, and strike it off."""
        due = self.followers.get(method)
        if due:
            due.pop(0)()

    def strike(self, method: str) -> None:
        """Raise what is due for a method, and strike it off."""
        due = self.errors.get(method)
        if due:
            _raise(due.pop(0))


def _raise(error: BackendError | None) -> None:
    if error is not None:
        raise error

"""Counts of calls and requests, and how long calls took, since the daemon started."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 100.0)
"""Seconds up to which calls are counted together."""


@dataclass(slots=True)
class Times:
    """Of the calls of one method."""

    failed: int = 0
    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """How many took up to each bound and longer than the one before; the last: longer than all."""


class CallFigures:
    """Of all methods that were called."""

    def __init__(self) -> None:
        self.methods: dict[str, Times] = {}

    def note(self, method: str, seconds: float, *, failed: bool = False) -> None:
        """A call ended."""
        times = self.methods.get(method)
        if times is None:
            times = self.methods[method] = Times()
        times.counts[bisect_left(BOUNDS, seconds)] += 1
        times.seconds += seconds
        times.failed += failed


@dataclass(slots=True)
class Requests:
    """Of one HTTP handler."""

    requests: int = 0
    connections: int = 0
    """That began with a request for it."""


class RequestFigures:
    """Of all HTTP handlers that had a request, by method and by the beginning of the path."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], Requests] = {}

    def note(self, method: str, path: str, *, first: bool) -> None:
        """A request came; ``first``: it is the first one of its connection."""
        counts = self.handlers.get((method, path))
        if counts is None:
            counts = self.handlers[method, path] = Requests()
        counts.requests += 1
        counts.connections += first

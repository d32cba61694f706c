"""The threads on which the calls of a back end run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


@dataclass
class _Group:
    pool: ThreadPoolExecutor
    calls: int = 0
    """Under way, or waiting for a thread."""


class Threads:
    """At most so many for calls about one thing: a server of files that is dead takes none from another.

    Those for one thing are there as long as calls are; those for calls about nothing special stay.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._groups: dict[str, _Group] = {"": self._group()}

    def _group(self) -> _Group:
        return _Group(ThreadPoolExecutor(self._most, self._name))

    def submit(self, about: str, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have a call made, once there is a thread for it."""
        with self._lock:
            group = self._groups.get(about)
            if group is None:
                group = self._groups[about] = self._group()
            group.calls += 1
            outcome = group.pool.submit(call, *args)
        outcome.add_done_callback(lambda _: self._ended(about, group))
        return outcome

    def _ended(self, about: str, group: _Group) -> None:
        with self._lock:
            group.calls -= 1
            if group.calls or not about:
                return
            del self._groups[about]
        group.pool.shutdown(wait=False)

    def close(self) -> None:
        """Begin nothing more; what has begun is left to itself."""
        with self._lock:
            groups = list(self._groups.values())
        for group in groups:
            group.pool.shutdown(wait=False, cancel_futures=True)

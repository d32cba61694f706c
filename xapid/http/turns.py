"""Whose call is answered next, when more come at a time than can be answered at once.

The event loop reads every socket that has something to say before it reads any of them again. Were all calls answered
as they are read, one client with a hundred connections would have a hundred answered for each of another's. So a few
are answered in each turn of the loop; the others wait in a queue for each caller, and the callers take turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from time import perf_counter

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Calls that are answered in one turn of the loop. Fewer: the loop looks at its sockets more often than it works."""

LONG = 0.001
"""Seconds of such a turn after which no further call is begun in it, however few there were: calls that search
thousands of objects take several milliseconds each.
"""

Work = Callable[[], None]


class Caller:
    """Who calls over a connection: known by its session, once it has one."""

    __slots__ = ("group", "session")

    def __init__(self, group: str) -> None:
        self.group = group
        """Whom its calls count against: before a login the address or the process, then the session's group."""
        self.session = ""

    def known(self, group: str, session: str) -> None:
        self.group, self.session = group, session


class Turns:
    """Lets groups take turns, and within a group its sessions. One for all listeners of a loop."""

    def __init__(self) -> None:
        self._left = AT_ONCE
        """How many more may be answered in this turn of the loop."""
        self._began = 0.0
        """When the first of them was."""
        self._queues: OrderedDict[str, OrderedDict[str, deque[Work]]] = OrderedDict()
        self._coming = False
        """Whether the loop will call us before it looks at its sockets again."""
        self.waiting = 0
        """Calls that wait now."""

    def free(self) -> bool:
        """Whether a call that has just been read may be answered at once; it counts as answered then."""
        if self._left <= 0 or self._queues:
            return False
        if self._left == AT_ONCE:
            self._began = perf_counter()
        elif perf_counter() - self._began > LONG:
            return False
        self._left -= 1
        if not self._coming:
            self._come()
        return True

    def wait(self, caller: Caller, work: Work) -> None:
        """Do the work when it is the caller's turn."""
        self._queues.setdefault(caller.group, OrderedDict()).setdefault(caller.session, deque()).append(work)
        self.waiting += 1
        if not self._coming:
            self._come()

    def _come(self) -> None:
        self._coming = True
        asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        """Another turn of the loop: those who wait come first."""
        self._coming = False
        self._left, self._began = AT_ONCE, perf_counter()
        while self._queues and self._left > 0:
            self._left -= 1
            try:
                self._next()()
            except Exception:
                log.exception("a call that waited for its turn failed")
            if perf_counter() - self._began > LONG:
                self._left = 0
        if self._left < AT_ONCE:
            # What is read now finds a part of this turn used, or a queue. The next one makes it whole again.
            self._come()

    def _next(self) -> Work:
        """The first call of the session that waited longest, of the group that did."""
        group, sessions = self._queues.popitem(last=False)
        session, calls = sessions.popitem(last=False)
        work = calls.popleft()
        if calls:
            sessions[session] = calls
        if sessions:
            self._queues[group] = sessions
        self.waiting -= 1
        return work

"""Every notification in order, for event.next: a bounded queue that sessions read at their own pace."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from xapid.auth.sessions import Sessions, SessionState
from xapid.datamodel import Pool
from xapid.datamodel.errors import INVALID_VALUE
from xapid.ops.event.subscription import Subscription, matches_something
from xapid.runtime.clock import Clock
from xapid.store.feed import Change
from xapid.store.store import Store
from xapid.wire.records import EventOut

KEPT = 10_000
"""Notifications; who is further behind is told EVENTS_LOST."""
REGISTRATIONS = 1000
"""Classes and single objects that a session may have registered."""


class _Entry(NamedTuple):
    number: int
    time: float
    change: Change


class EventLog:
    """Notifications that some registered session wants."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self.last = 0
        """Number of the latest notification."""
        self._sessions = sessions
        self._clock = clock
        self._entries: deque[_Entry] = deque(maxlen=KEPT)
        self._dropped = 0
        self._registered: dict[str, tuple[SessionState, Subscription]] = {}

    def __call__(self, changes: list[Change]) -> None:
        """Take what the feed published."""
        if not self._registered:
            self.last += len(changes)
            return
        self._registered = {ref: each for ref, each in self._registered.items() if self._sessions.find(ref) is not None}
        now = self._clock.now()
        for change in changes:
            self.last += 1
            if not any(wanted.wants(change.cls, change.ref) for _, wanted in self._registered.values()):
                continue
            if len(self._entries) == KEPT:
                self._dropped = self._entries[0].number
            self._entries.append(_Entry(self.last, now, change))

    def heeds(self, name: str) -> bool:
        """Whether a registered session wants to hear of objects of a class."""
        return any(wanted.names is None or name in wanted.names for _, wanted in self._registered.values())

    def register(self, session: SessionState, classes: tuple[str, ...]) -> None:
        """From now on; a session that registers more goes on where it was."""
        if session.registrations is None or session.ref not in self._registered:
            session.position = self.last
        names = dict(session.registrations or {})
        for name in filter(matches_something, classes):
            names[name] = names.get(name, 0) + 1
        if len(names) > REGISTRATIONS:
            raise INVALID_VALUE("classes", f"more than {REGISTRATIONS} are registered")
        self._remember(session, names)

    def unregister(self, session: SessionState, classes: tuple[str, ...]) -> None:
        names = {name: count for name, count in (session.registrations or {}).items() if name not in classes}
        self._remember(session, names)

    def _remember(self, session: SessionState, names: dict[str, int]) -> None:
        session.registrations = names
        self._registered[session.ref] = (session, Subscription(tuple(names)))

    def lost(self, session: SessionState) -> bool:
        """Whether notifications were dropped that the session has not read. It is told once, and goes on from now."""
        behind = session.position < self._dropped
        if behind:
            session.position = self.last
        return behind

    def take(self, session: SessionState) -> list[EventOut]:
        """What the session has not read yet and wants."""
        wanted = Subscription(tuple(session.registrations or ()))
        found: list[Any] = []
        for entry in reversed(self._entries):
            if entry.number <= session.position:
                break
            if wanted.wants(entry.change.cls, entry.change.ref):
                found.append(entry)
        session.position = self.last
        return [_shown(entry) for entry in reversed(found)]


def _shown(entry: _Entry) -> EventOut:
    change = entry.change
    return EventOut(entry.number, f"{entry.time:.0f}.", change.cls.lower(), change.operation, change.ref, change.row)


def heartbeat(store: Store) -> None:
    """Tell those who registered for the pool that it changed, which it did not: so they and we notice who is gone."""
    for pool in store.all(Pool):
        store.feed.published([Change(store.generation, Pool.spec.name, "mod", pool.ref, pool)])

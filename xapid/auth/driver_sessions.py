"""Briefings of storage plug-ins: each of their calls has a session of its own, which ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xapid.auth.sessions import Sessions
from xapid.backends.briefing import Briefed, Briefing
from xapid.backends.interface import Unavailable
from xapid.backends.storage.interface import Branch, Sr, Volume
from xapid.datamodel import SR
from xapid.runtime import tasks
from xapid.runtime.context import Runtime


class DriverSessions:
    """Briefs the drivers of this host that call back."""

    def __init__(self, runtime: Runtime, sessions: Sessions, sockets: tuple[Path, ...]) -> None:
        """``sockets``: at which this daemon answers."""
        self._runtime = runtime
        self._sessions = sessions
        self._sockets = sockets

    def brief(self, args: tuple[Any, ...]) -> Briefed:
        """For a call of a storage driver with these arguments. Raises Unavailable where it could call nobody."""
        if not self._sockets:
            raise Unavailable("storage plug-ins need a Unix socket at which they can call back")
        rows = (self._runtime.store.find_uuid(SR, uuid) for uuid in set(_repositories(args)))
        session = self._sessions.start_for_driver(frozenset(row.ref for row in rows if row is not None))
        briefing = Briefing(session.ref, str(self._sockets[0]), self._runtime.localhost, tasks.current.get())
        return Briefed(briefing, lambda: self._sessions.end(session.ref))


def _repositories(args: tuple[Any, ...]) -> Iterator[str]:
    """uuids of those on which a call works."""
    for each in args:
        match each:
            case Sr():
                yield each.uuid
            case Volume():
                yield each.sr.uuid
            case Branch():
                yield each.active.sr.uuid

"""Logins that were refused: the administrator is told of them once an hour."""

from __future__ import annotations

from xapid.auth.admission import Admission
from xapid.datamodel import Pool
from xapid.datamodel.message import Cls
from xapid.runtime import messages
from xapid.runtime.clock import Turn
from xapid.runtime.context import Runtime

EVERY = 3600.0
"""Seconds between two messages."""
PRIORITY = 3
NAME = "FAILED_LOGIN_ATTEMPTS"


class FailedLoginWatch:
    """Leaves the messages."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turn = Turn(runtime.clock, EVERY, at_once=False)

    def look(self) -> None:
        """To be called often."""
        if not self._turn.has_come():
            return
        admission: Admission = self._runtime.services["admission"]
        body = admission.failed.report()
        if body:
            with self._runtime.store.write() as tx:
                pool = self._runtime.store.one(Pool)
                messages.leave(tx, self._runtime.clock, NAME, PRIORITY, Cls.Pool, pool.uuid, body)

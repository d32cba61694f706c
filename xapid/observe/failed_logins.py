"""Logins that were refused: the administrator is told of them once an hour."""

from __future__ import annotations

from xapid.auth.admission import Admission
from xapid.datamodel import Message, Pool
from xapid.datamodel.message import Cls
from xapid.runtime.context import Runtime
from xapid.wire.decode import xml_illegal

EVERY = 3600.0
"""Seconds between two messages."""
PRIORITY = 3
NAME = "FAILED_LOGIN_ATTEMPTS"


class FailedLoginWatch:
    """Leaves the messages."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._next = runtime.clock.monotonic() + EVERY

    def look(self) -> None:
        """To be called often."""
        moment = self._runtime.clock.monotonic()
        if moment < self._next:
            return
        self._next = moment + EVERY
        admission: Admission = self._runtime.services["admission"]
        body = admission.failed.report()
        if body:
            with self._runtime.store.write() as tx:
                tx.create(
                    Message,
                    name=NAME,
                    priority=PRIORITY,
                    cls=Cls.Pool,
                    obj_uuid=self._runtime.store.one(Pool).uuid,
                    timestamp=self._runtime.clock.date(),
                    body="".join("\N{REPLACEMENT CHARACTER}" if xml_illegal(each) else each for each in body),
                )

"""Repositories that do not answer: the administrator is told, once each time."""

from __future__ import annotations

import logging

from xapid.datamodel import PBD, SR
from xapid.datamodel.errors import SR_UNKNOWN_DRIVER
from xapid.datamodel.message import Cls
from xapid.runtime import messages
from xapid.runtime.context import Runtime

log = logging.getLogger(__name__)

NAME = "SR_NOT_RESPONDING"
PRIORITY = 2
LATE = 15.0
"""Seconds that a call may take of those that do not depend on how much there is to do."""


class StorageWatch:
    """Sees which calls of storage drivers hang."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._told: set[str] = set()
        """References of repositories that do not answer."""

    def look(self) -> None:
        """To be called often."""
        store = self._runtime.store
        silent = {sr.ref: sr for sr in self._seen() if self._hangs(sr)}
        for ref in self._told - silent.keys():
            log.info("the repository %s answers again", ref)
        for ref in silent.keys() - self._told:
            sr = silent[ref]
            log.error("SR %s does not answer", sr.uuid)
            body = f"SR '{sr.name_label}' (uuid: {sr.uuid}) has not answered for {LATE:.0f} s; what needs it waits."
            with store.write() as tx:
                messages.leave(tx, self._runtime.clock, NAME, PRIORITY, Cls.SR, sr.uuid, body)
        self._told = set(silent)

    def _seen(self) -> list[SR]:
        """Those that this host works with."""
        store = self._runtime.store
        found = (store.find(SR, pbd.SR) for pbd in store.where(PBD, host=self._runtime.localhost))
        return [sr for sr in found if sr is not None]

    def _hangs(self, sr: SR) -> bool:
        try:
            agent = self._runtime.backends.agent(self._runtime.localhost, f"storage:{sr.type}")
        except SR_UNKNOWN_DRIVER:
            return False
        return sr.uuid in agent.held_up(LATE)

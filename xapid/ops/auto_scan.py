"""Repositories that are scanned by themselves: those that are set so, and those of which a scan is still owed."""

from __future__ import annotations

import logging

from xapid.datamodel import SR, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.map_keys import AUTO_SCAN, AUTO_SCAN_INTERVAL, DIRTY
from xapid.ops import sr as srs
from xapid.rules import volume_spec
from xapid.runtime.context import Context, Runtime
from xapid.runtime.rounds import Rounds

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at what is due."""


class AutoScan:
    """One look after another. Each repository is scanned apart: one that hangs holds up no other."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._scanned: dict[str, float] = {}
        """When each was last, by its reference and the clock that never jumps."""
        self.rounds = Rounds("the scan")

    def look(self) -> None:
        """Begin what is due; to be called often."""
        store, now = self._runtime.store, self._runtime.clock.monotonic()
        interval = AUTO_SCAN_INTERVAL.of(store.get(Host, self._runtime.localhost))
        wanted = {sr.ref: sr for sr in store.all(SR) if self._is_ours(sr) and (AUTO_SCAN.of(sr) or DIRTY.of(sr))}
        self._scanned = {ref: when for ref, when in self._scanned.items() if ref in wanted}
        for ref, sr in wanted.items():
            # What goes on with it shows soon; a scan that waits for it would only be late.
            if ref in self.rounds or sr.current_operations or now - self._scanned.get(ref, now - interval) < interval:
                continue
            self._scanned[ref] = now
            self.rounds.begin(ref, self._scan(sr))

    def _is_ours(self, sr: SR) -> bool:
        return volume_spec.works_on(self._runtime.store, self._runtime.localhost, sr)

    async def _scan(self, sr: SR) -> None:
        ctx = Context(self._runtime, self._runtime.tasks.dummy("SR.scan"))
        try:
            await srs.scan(ctx, sr)
        except ApiError as error:
            log.warning("SR %s, which is scanned by itself, cannot be: %s", sr.uuid, error)

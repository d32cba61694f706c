"""The timetable: sees when schedules of snapshots are due, and has them carried out, whatever is done to the clock."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xapid.datamodel import VMSS, Host, Pool
from xapid.ops.vmss.taking import ScheduleAlert, is_busy, take_all, tell
from xapid.rules.vmss import Timing, as_text, is_another, latest_due, next_due
from xapid.runtime.context import Context, Runtime
from xapid.runtime.local_settings import SCHEDULES_DUE, LocalSettings

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks."""
LATE = 900.0
"""Seconds by which a schedule may be late after a start of the daemon; what is later was missed, and that is told."""
SET = 30.0
"""Seconds by which the clock of the host differs from what passed when somebody set it."""


@dataclass
class Entry:
    """A schedule that is in force."""

    timing: Timing
    due: float
    """The next time, in seconds since 1970 by the clock of the host."""
    honoured: float | None = None
    """When it was carried out last because it was due, by the clock that never jumps."""
    busy_with: float | None = None
    """The time that it is being carried out for."""
    resumed: bool = False
    """Whether the time is from before a start of the daemon, and may be half done."""


class Timetable:
    """One look after another."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._entries: dict[str, Entry] = {}
        """By references of schedules."""
        self._looked: tuple[float, float] | None = None
        """When it looked last: by the clock of the host, and by the one that never jumps."""
        self._kept = ""
        self._work: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        """Begin what is due; to be called often. What becomes of it is told, and not waited for."""
        store = self._runtime.store
        if store.one(Pool).master != self._runtime.localhost:
            return
        now, moment = self._runtime.clock.now(), self._runtime.clock.monotonic()
        self._see_clock(now, moment)
        zone = zone_of(store.get(Host, self._runtime.localhost))
        self._entries = {
            vmss.ref: self._entry(vmss, Timing.of(vmss, zone), now) for vmss in store.all(VMSS) if vmss.enabled
        }
        self._looked = now, moment
        for ref, entry in self._entries.items():
            if entry.due <= now:
                self._honour(store.get(VMSS, ref), entry, now, moment)
        await self._keep()

    def _see_clock(self, now: float, moment: float) -> None:
        """A clock that was set back shows times once more; those that are another for sure are not to be lost."""
        if self._looked is None or now - self._looked[0] - (moment - self._looked[1]) > -SET:
            return
        log.warning("the clock of the host was set back; times of schedules are looked up anew")
        for entry in self._entries.values():
            entry.due = next_due(entry.timing, now)

    def _entry(self, vmss: VMSS, timing: Timing, now: float) -> Entry:
        entry = self._entries.get(vmss.ref)
        if entry is not None and entry.timing == timing:
            return entry
        if entry is not None and replace(entry.timing, zone=timing.zone) == timing:
            # Clocks of another zone may show again what was honoured.
            return Entry(timing, next_due(timing, now), entry.honoured)
        if self._looked is None:
            return self._found(vmss, timing, now) or Entry(timing, next_due(timing, now))
        # One that was made since the last look may have been due since.
        return Entry(timing, next_due(timing, min(self._looked[0], now)))

    # --- Carrying out ---------------------------------------------------------------------------

    def _honour(self, vmss: VMSS, entry: Entry, now: float, moment: float) -> None:
        due, resumed = entry.due, entry.resumed
        entry.due, entry.resumed = next_due(entry.timing, now), False
        if entry.honoured is not None and not is_another(entry.timing, due, moment - entry.honoured):
            log.info("schedule %s has had its snapshots of %s: the clock was set", vmss.uuid, as_text(due))
            return
        entry.honoured = moment
        if not self._runtime.store.has_any(vmss, "VMs"):
            return
        ctx = self._context()
        if entry.busy_with is not None or is_busy(ctx, vmss):
            what = f"takes no snapshots for {as_text(due)}: it is still busy with the time before"
            tell(ctx, vmss, ScheduleAlert.VMSS_SNAPSHOT_LOCK_FAILED, what)
            return
        entry.busy_with = due
        with ctx.write() as tx:
            tx.set(vmss, last_run_time=self._runtime.clock.date())
        task = asyncio.ensure_future(self._carry_out(vmss, entry, due if resumed else None))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _carry_out(self, vmss: VMSS, entry: Entry, since: float | None) -> None:
        ctx = self._context()
        try:
            await take_all(ctx, vmss, since)
        except Exception:
            log.exception("schedule %s failed", vmss.uuid)
            tell(ctx, vmss, ScheduleAlert.VMSS_SNAPSHOT_FAILED, "failed: the log of the toolstack says why")
        # Not if the daemon ends: then it is for the next one to go on.
        entry.busy_with = None

    def _context(self) -> Context:
        return Context(self._runtime, self._runtime.tasks.dummy("timetable"))

    async def settled(self) -> None:
        """Wait until all that has begun is over."""
        while self._work:
            await asyncio.wait(self._work)

    async def close(self) -> None:
        """Take back what is under way; the next start of the daemon goes on with it."""
        work = list(self._work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    # --- Over a restart -------------------------------------------------------------------------

    async def _keep(self) -> None:
        """On disk for the next start: when each schedule is due, or what it is being carried out for."""
        store = self._runtime.store
        text = json.dumps(
            {
                store.get(VMSS, ref).uuid: [
                    entry.due if entry.busy_with is None else entry.busy_with,
                    str(entry.timing),
                ]
                for ref, entry in self._entries.items()
                if store.find(VMSS, ref) is not None
            },
            sort_keys=True,
        )
        text = text if self._entries else ""
        if text == self._kept:
            return
        settings: LocalSettings = self._runtime.services["local_settings"]
        try:
            await asyncio.to_thread(settings.put, SCHEDULES_DUE, text)
        except OSError as error:
            log.warning("a start of the daemon will not know which snapshots it missed: %s", error)
        else:
            self._kept = text

    def _found(self, vmss: VMSS, timing: Timing, now: float) -> Entry | None:
        """What an earlier run of the daemon left to do, if the schedule is still the same."""
        settings: LocalSettings = self._runtime.services["local_settings"]
        try:
            due, said = json.loads(settings.get(SCHEDULES_DUE) or "{}").get(vmss.uuid, (0.0, ""))
            due = float(due)
        except (ValueError, TypeError, AttributeError):
            return None
        # Beyond the next but one it is from a time when the clock was wrong.
        if said != str(timing) or not 0 <= due <= next_due(timing, next_due(timing, now)):
            return None
        if due > now:
            return Entry(timing, due)
        if now - due <= LATE:
            return Entry(timing, due, resumed=True)
        self._tell_missed(vmss, timing, due, now)
        return None

    def _tell_missed(self, vmss: VMSS, timing: Timing, due: float, now: float) -> None:
        if not self._runtime.store.has_any(vmss, "VMs"):
            return
        last, times = latest_due(timing, due, now)
        when = as_text(due) if times == 1 else f"{times} times, from {as_text(due)} to {as_text(last)}"
        what = f"was due while the toolstack did not run: {when}. The next time is {as_text(next_due(timing, now))}"
        log.warning("schedule %s %s", vmss.uuid, what)
        tell(self._context(), vmss, ScheduleAlert.VMSS_SNAPSHOT_MISSED_EVENT, what)


def zone_of(host: Host) -> tzinfo:
    """The time zone of a host; UTC if nobody here knows it."""
    try:
        return ZoneInfo(host.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC

"""The clock of this machine: its zone, setting it, and whom it asks for the time."""

from __future__ import annotations

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from xapid.backends.host.interface import Moment, TimeSource
from xapid.backends.host.time_servers import Chrony, TimeDaemon, Timesyncd
from xapid.backends.host.tree import Tree
from xapid.backends.interface import BadConfig, NotSupported
from xapid.backends.process import Run

ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


def moment(seconds: float, zone: str) -> Moment:
    """A moment, and what a clock on the wall of a zone shows then."""
    return Moment(seconds, datetime.fromtimestamp(seconds, ZoneInfo(zone)).strftime("%Y%m%dT%H:%M:%S"))


def zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def zone_of(tree: Tree) -> str:
    """The link is what the C library goes by; Debian's file may be older."""
    _, _, linked = tree.link("etc/localtime").rpartition("/zoneinfo/")
    return next((zone for zone in (linked, tree.line("etc/timezone")) if ZONE.fullmatch(zone)), "UTC")


class Clock:
    """The clock of the machine whose files are below a root."""

    def __init__(self, tree: Tree, run: Run) -> None:
        self._tree = tree
        self._run = run

    def now(self) -> Moment:
        seconds, zone = time.time(), zone_of(self._tree)
        # A zone may be set that this Python has no rules for.
        return moment(seconds, zone if zone in available_timezones() else "UTC")

    def set_time(self, seconds: float) -> None:
        self._run(["timedatectl", "set-time", f"@{seconds:.0f}"])

    def set_timezone(self, name: str) -> None:
        if name not in available_timezones():
            raise BadConfig(f"there is no time zone {name!r}", key="timezone")
        self._run(["timedatectl", "set-timezone", name])

    def source(self) -> tuple[TimeSource, tuple[str, ...]]:
        """Where the time comes from, and the servers if they are of its own."""
        daemon = self._daemon()
        if daemon is None or not daemon.enabled():
            return TimeSource.Disabled, ()
        return daemon.source()

    def set_source(self, source: TimeSource, servers: tuple[str, ...]) -> None:
        daemon = self._daemon()
        if daemon is None:
            if source is TimeSource.Disabled:
                return
            raise NotSupported("this host has neither chrony nor systemd-timesyncd")
        if source is TimeSource.Disabled:
            self._run(["timedatectl", "set-ntp", "false"])
            return
        daemon.configure(source, servers)
        self._run(["timedatectl", "set-ntp", "true"])
        self._run(["systemctl", "restart", daemon.unit])

    def servers(self) -> dict[str, str]:
        daemon = self._daemon()
        return daemon.states(self._run) if daemon is not None else {}

    def synchronized(self) -> bool:
        return self._run(["timedatectl", "show", "--property=NTPSynchronized", "--value"]).strip() == "yes"

    def _daemon(self) -> TimeDaemon | None:
        """The program that keeps the time. One that was installed beside the system's own is wanted."""
        for unit in Chrony.UNITS:
            if self._tree.has_unit(unit):
                return Chrony(self._tree, unit)
        return Timesyncd(self._tree) if self._tree.has_unit(Timesyncd.unit) else None

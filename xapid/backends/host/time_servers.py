"""The programs that keep the time by NTP, and the files that tell them whom to ask: chrony and systemd-timesyncd.

What the system came with is left in place, so that there is a way back to it.
"""

from __future__ import annotations

import re
from typing import Protocol

from xapid.backends.host.interface import TimeSource
from xapid.backends.host.tree import Tree
from xapid.backends.interface import BadConfig
from xapid.backends.process import Run


class TimeDaemon(Protocol):
    """One of them."""

    unit: str

    def enabled(self) -> bool:
        """Whether it runs from the start of the machine."""

    def source(self) -> tuple[TimeSource, tuple[str, ...]]:
        """Where it is told to take the time from, and the servers if they are of the machine's own."""

    def configure(self, source: TimeSource, servers: tuple[str, ...]) -> None:
        """Tell it. Raises BadConfig."""

    def states(self, run: Run) -> dict[str, str]:
        """What it thinks of each server."""


# --- chrony ------------------------------------------------------------------------------------------

SOURCE = re.compile(r"\s*(server|pool|peer|sourcedir)\b")
"""A line that says whom to ask. Clocks that are built into the machine are always welcome."""
BY_DHCP = re.compile(r"\s*sourcedir\b.*dhcp")
"""A directory into which clients of DHCP write."""
OFF = "#xapid: "
"""In front of such a line that does not count for now."""
BEGIN, END = "#xapid begin: host.set_ntp_mode writes what is between these lines", "#xapid end"
DHCP_DIRECTORY = "sourcedir /run/chrony-dhcp"

STATES = {
    "*": "synced",
    "+": "combined",
    "-": "uncombined",
    "x": "error",
    "~": "variable",
    "?": "unreachable",
}


def as_it_came(text: str) -> list[str]:
    """The lines of chrony.conf without what we did to them."""
    lines, ours = [], False
    for line in text.splitlines():
        if line == BEGIN:
            ours = True
        if not ours:
            lines.append(line.removeprefix(OFF))
        if line == END:
            ours = False
    return lines


def chrony_with(text: str, source: TimeSource, servers: tuple[str, ...]) -> str:
    """The text of chrony.conf with another source of the time. Raises BadConfig if the system came with no server."""
    lines = as_it_came(text)
    if source is TimeSource.Factory:
        if not any(SOURCE.match(line) and not BY_DHCP.match(line) for line in lines):
            raise BadConfig("the chrony of this host came without servers", key="source")
        return _joined(lines)
    by_dhcp = source is TimeSource.DHCP
    lines = [OFF + line if SOURCE.match(line) and not (by_dhcp and BY_DHCP.match(line)) else line for line in lines]
    own = [DHCP_DIRECTORY] if by_dhcp else [f"server {server} iburst" for server in servers]
    if by_dhcp and any(BY_DHCP.match(line) for line in lines):
        own = []
    return _joined([*lines, BEGIN, *own, END])


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


class Chrony:
    """chrony, by its one file."""

    UNITS = ("chrony.service", "chronyd.service")
    """As Debian calls it, and as others do."""
    PATHS = ("etc/chrony/chrony.conf", "etc/chrony.conf")

    def __init__(self, tree: Tree, unit: str) -> None:
        self._tree = tree
        self.unit = unit
        self._path = self.PATHS[0] if tree.is_directory("etc/chrony") else self.PATHS[1]

    def enabled(self) -> bool:
        return self._tree.unit_enabled(self.unit)

    def source(self) -> tuple[TimeSource, tuple[str, ...]]:
        _, begin, ours = self._tree.text(self._path).partition(BEGIN)
        if not begin:
            return TimeSource.Factory, ()
        lines = (line.split() for line in ours.partition(END)[0].splitlines())
        servers = tuple(line[1] for line in lines if len(line) > 1 and line[0] == "server")
        return (TimeSource.Custom, servers) if servers else (TimeSource.DHCP, ())

    def configure(self, source: TimeSource, servers: tuple[str, ...]) -> None:
        self._tree.write(self._path, chrony_with(self._tree.text(self._path), source, servers))

    def states(self, run: Run) -> dict[str, str]:
        """By its table with commas: what it is (``^``: a server), its state, its name."""
        rows = (line.strip().split(",") for line in run(["chronyc", "-c", "sources"]).splitlines())
        return {row[2]: STATES.get(row[1], "unknown") for row in rows if len(row) > 2 and row[0] == "^"}


# --- systemd-timesyncd -------------------------------------------------------------------------------


class Timesyncd:
    """systemd-timesyncd, by a file of ours beside its own. Servers from DHCP it learns of by itself."""

    unit = "systemd-timesyncd.service"
    PATH = "etc/systemd/timesyncd.conf.d/xapid.conf"

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def enabled(self) -> bool:
        return self._tree.unit_enabled(self.unit)

    def source(self) -> tuple[TimeSource, tuple[str, ...]]:
        found = re.findall(r"^NTP=(.*)$", self._tree.text(self.PATH), re.MULTILINE)
        if not found:
            return TimeSource.Factory, ()
        servers = tuple(found[-1].split())
        return (TimeSource.Custom, servers) if servers else (TimeSource.DHCP, ())

    def configure(self, source: TimeSource, servers: tuple[str, ...]) -> None:
        if source is TimeSource.Factory:
            self._tree.remove(self.PATH)
            return
        # Lists grow from file to file; an empty one takes back what came before.
        own = f"NTP={' '.join(servers)}\n" if source is TimeSource.Custom else ""
        self._tree.write(self.PATH, f"# host.set_ntp_mode writes this file.\n[Time]\nNTP=\n{own}FallbackNTP=\n")

    def states(self, run: Run) -> dict[str, str]:
        """It asks one server at a time, and has an address of it only while it can be reached."""
        asked = dict(line.split("=", 1) for line in run(["timedatectl", "show-timesync"]).splitlines() if "=" in line)
        keys = ("LinkNTPServers", "SystemNTPServers", "FallbackNTPServers")
        states = {server: "unknown" for key in keys for server in asked.get(key, "").split()}
        if asked.get("ServerName"):
            states[asked["ServerName"]] = "synced" if asked.get("ServerAddress") else "unreachable"
        return states

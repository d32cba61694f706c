"""The lines of guests under Xen, which are terminals: each is read and served, and a screen made of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from xapid.backends.domain.domain_facts import Description
from xapid.backends.domain.guest_folders import GuestFolders
from xapid.backends.domain.guest_lines import GuestLine
from xapid.backends.domain.interface import Endpoint
from xapid.backends.domain.terminals import Terminals

log = logging.getLogger(__name__)


class XenLines:
    """Of the guests that run."""

    def __init__(self, folders: GuestFolders, screens: Path) -> None:
        """``folders``: where lines are served; ``screens``: where what is seen of them is."""
        self._folders = folders
        self._terminals = Terminals(screens)
        self._lines: dict[str, GuestLine] = {}
        self._changing = threading.Lock()

    def close(self) -> None:
        self._terminals.close()
        with self._changing:
            for line in self._lines.values():
                line.close()
            self._lines.clear()

    def sweep(self, runs: Callable[[str], bool]) -> None:
        """Let go of the screens of machines that run no more."""
        self._terminals.sweep(runs)

    def consoles(self, uuid: str, description: Description) -> tuple[Endpoint, ...]:
        """Where those of a guest are."""
        return self._terminals.consoles(uuid, description.label, self._own(uuid))

    def serve(self, uuid: str, description: Description | None) -> None:
        """Serve the line that a machine has now. ``description``: None once it has stopped."""
        terminal = "" if description is None else _terminal(description)
        with self._changing:
            line = self._lines.get(uuid)
            try:
                if not terminal:
                    self._end(uuid)
                elif line is not None and line.open:
                    line.carry(terminal)
                else:
                    folder = self._folders.of(uuid)
                    self._lines[uuid] = GuestLine(terminal, folder.serial, folder.serial_log)
            except OSError as error:
                log.warning("the line of %s cannot be served: %s", uuid, error)
        if description is None:
            self._terminals.end(uuid)
        else:
            self._terminals.begin(uuid, description.label, self._own(uuid), description.title)

    def _own(self, uuid: str) -> tuple[Endpoint, ...]:
        """What the hypervisor serves."""
        folder = self._folders.of(uuid)
        line = self._lines.get(uuid)
        found = []
        if folder.vnc.exists():
            found.append(Endpoint("rfb", str(folder.vnc)))
        if line is not None and line.open:
            found.append(Endpoint("vt100", str(folder.serial), str(folder.serial_log)))
        return tuple(found)

    def _end(self, uuid: str) -> None:
        line = self._lines.pop(uuid, None)
        if line is not None:
            line.close()


def _terminal(description: Description) -> str:
    """Path of the terminal that carries a guest's line; empty: it has none."""
    for path in ("devices/console/source", "devices/serial/source"):
        source = description.root.find(path)
        if source is not None and (terminal := source.get("path")):
            return terminal
    return ""

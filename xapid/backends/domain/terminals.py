"""The terminals of guests that have a line and no screen: who looks at such a guest sees its line as a screen."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from xapid.backends.domain.domain_facts import Label
from xapid.backends.domain.interface import DomainKind, Endpoint
from xapid.backends.interface import BackendError, Failed, NotSupported
from xapid.backends.terminal import glyphs
from xapid.backends.terminal.bridges import Bridges, Line

log = logging.getLogger(__name__)


class Terminals:
    """One bridge for each guest that needs it. Where there can be none, guests have their line as it is."""

    def __init__(self, folder: Path) -> None:
        self._bridges = Bridges(folder)
        self._lacking = ""
        try:
            glyphs.require()
        except NotSupported as error:
            self._lacking = error.message
            log.warning("guests without a screen have none by VNC either: %s", error.message)

    def consoles(self, uuid: str, label: Label | None, own: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """Where those of a guest are. ``own``: those that its hypervisor serves."""
        line = self._line(label, own)
        if line is None:
            return own
        bridges = self._bridges
        return Endpoint("rfb", str(bridges.rfb(uuid))), Endpoint("vt100", str(bridges.vt100(uuid)), line.log)

    def begin(self, uuid: str, label: Label | None, own: tuple[Endpoint, ...], name: str) -> None:
        """Of a guest that runs: have its bridge, if it needs one."""
        line = self._line(label, own)
        if line is None:
            return
        try:
            self._bridges.begin(uuid, partial(_open, line, name or uuid))
        except BackendError as error:
            # It runs all the same, and may have ended just now.
            log.warning("nobody can look at %s: %s", uuid, error.message)

    def end(self, uuid: str) -> None:
        """The guest has stopped."""
        self._bridges.end(uuid)

    def sweep(self, runs: Callable[[str], bool]) -> None:
        self._bridges.sweep(runs)

    def close(self) -> None:
        self._bridges.close()

    def _line(self, label: Label | None, own: tuple[Endpoint, ...]) -> Endpoint | None:
        """What a bridge is for; None: this guest needs none."""
        if self._lacking or label is None or label.kind is DomainKind.hvm or not label.line_as_screen:
            return None
        by_protocol = {each.protocol: each for each in own}
        return None if "rfb" in by_protocol else by_protocol.get("vt100")


def _open(line: Endpoint, name: str) -> Line:
    """Raises Failed where nobody is at the other end."""
    try:
        if Path(line.path).is_char_device():
            return Line(os.open(line.path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC), name, line.log)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(line.path)
            return Line(connection.detach(), name, line.log)
    except OSError as error:
        raise Failed(f"its line {line.path} does not open: {error.strerror}") from error

"""Lines that libvirt writes to the standard error output of its process, in a form of its own."""

from __future__ import annotations

import logging
import re

LEVELS = {"debug": logging.DEBUG, "info": logging.DEBUG, "warning": logging.WARNING, "error": logging.ERROR}
"""By libvirt's words. What it calls info is about itself, before its first warning."""
_LINE = re.compile(r"\S+ \S+: \d+: (\w+) : (?:\w+:\d+ : )?(.*)")
"""``2026-11-28 11:11:18.626+0000: 14017: warning : qemuDomainObjTaintMsg:6603 : text``."""


def read(line: str) -> tuple[int, str] | None:
    """The level and text of a line; None if it is none of libvirt's."""
    found = _LINE.fullmatch(line)
    return (LEVELS[found[1]], found[2]) if found is not None and found[1] in LEVELS else None

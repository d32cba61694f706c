"""Which storage plug-ins of third parties there are: looked for in folders, and asked to describe themselves."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from xapid.backends.interface import BackendError, DriverInfo, Failed
from xapid.backends.storage.interface import Feature
from xapid.backends.storage.plugin_interface import Dialect, Plugin
from xapid.backends.storage.smapiv1_program import Program
from xapid.backends.storage.smapiv3_scripts import Scripts

log = logging.getLogger(__name__)

ENDING = "SR"
"""Of the name of a plug-in of the first kind."""
BEGINNING = "org.xen.xapi.storage."
"""Of the folder of one of the third kind; others are named by the type alone."""
KNOWN = frozenset(map(str, frozenset(Feature) - {Feature.MERGE})) | {
    "SR_CREATE", "SR_DELETE", "SR_MULTIPATH", "SR_STATS", "VDI_MIRROR_IN", "VDI_ACTIVATE_READONLY", "VDI_COMPOSE",
    "VDI_REVERT", "LARGE_VDI",
}  # fmt: skip
"""Features that mean something; others of a plug-in are dropped."""
TYPE = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,63}")
"""Names that a type can have."""
AGAIN = 300.0
"""Seconds after which one that could not describe itself is asked again, although its files are the same."""
AT_ONCE = 8


@dataclass(frozen=True)
class _Asked:
    """What came of asking."""

    version: tuple[int, ...]
    """Of its files."""
    plugin: Plugin | None
    when: float


class Plugins:
    """The storage plug-ins of this machine. Whoever can write to their folders runs code as the daemon does."""

    info = DriverInfo("local", "Storage plug-ins of this host")

    def __init__(self, smapiv1: Path, smapiv3: Path, allowed: list[str]) -> None:
        """``allowed``: the types that may be served; none: all."""
        self._smapiv1 = smapiv1
        self._smapiv3 = smapiv3
        self._allowed = frozenset(allowed)
        self._asked: dict[Path, _Asked] = {}

    def find(self) -> tuple[Plugin, ...]:
        there = {path: (kind, dialect) for kind, dialect, path in self._candidates() if self._is_allowed(kind)}
        self._asked = {path: asked for path, asked in self._asked.items() if path in there}
        due = [path for path in there if self._is_due(path)]
        if due:
            # One that hangs holds up no other.
            with ThreadPoolExecutor(AT_ONCE, "plugins") as threads:
                for path, plugin in zip(due, threads.map(lambda path: _ask(path, *there[path]), due), strict=True):
                    self._asked[path] = _Asked(_version(path), plugin, monotonic())
        found: dict[str, Plugin] = {}
        for path in sorted(there):
            plugin = self._asked[path].plugin
            if plugin is not None:
                found.setdefault(plugin.type, plugin)
        return tuple(found.values())

    def _is_allowed(self, kind: str) -> bool:
        return TYPE.fullmatch(kind) is not None and (not self._allowed or kind in self._allowed)

    def _is_due(self, path: Path) -> bool:
        asked = self._asked.get(path)
        if asked is None or asked.version != _version(path):
            return True
        return asked.plugin is None and monotonic() - asked.when > AGAIN

    def _candidates(self) -> Iterator[tuple[str, Dialect, Path]]:
        for path in _entries(self._smapiv1):
            if path.name.endswith(ENDING) and path.name != ENDING and path.is_file() and os.access(path, os.X_OK):
                yield path.name.removesuffix(ENDING).lower(), Dialect.smapiv1, path
        for path in _entries(self._smapiv3 / "volume"):
            if path.is_dir() and not path.name.startswith("."):
                yield path.name.removeprefix(BEGINNING).lower(), Dialect.smapiv3, path


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _version(path: Path) -> tuple[int, ...]:
    """Changes with each change of a program, or of a folder and what is in it."""
    try:
        found = path.stat()
        inner = [each.stat() for each in _entries(path)] if stat.S_ISDIR(found.st_mode) else []
    except OSError:
        return ()
    return tuple(number for each in (found, *inner) for number in (each.st_ino, each.st_mtime_ns, each.st_size))


def _ask(path: Path, kind: str, dialect: Dialect) -> Plugin | None:
    """The plug-in; None if it cannot be used, and the log says why."""
    try:
        _assert_safe(path)
        source: Program | Scripts = Program(path) if dialect is Dialect.smapiv1 else Scripts(path)
        info = source.describe()
    except BackendError as error:
        log.error("the storage plug-in %s cannot be used: %s", path, error.message)
        return None
    unknown = sorted(each for each in info.features if each.partition("/")[0] not in KNOWN)
    if unknown:
        log.info("features of the storage plug-in %s that mean nothing here: %s", path, " ".join(unknown))
    log.info("the storage plug-in %s serves repositories of type %s", path, kind)
    return Plugin(kind, dialect, str(path), replace(info, features=info.features - frozenset(unknown)))


def _assert_safe(path: Path) -> None:
    for each in (path, path.parent):
        if each.stat().st_mode & stat.S_IWOTH:
            raise Failed(f"anybody may write to {each}")

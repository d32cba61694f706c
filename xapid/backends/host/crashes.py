"""What was kept when this machine crashed: a folder for each time, made by the kernel that runs then."""

from __future__ import annotations

import calendar
import re
import shutil
import time
from pathlib import Path

from xapid.backends.host.interface import CrashDump
from xapid.backends.host.tree import Tree
from xapid.backends.interface import Failed, NotFound

FOLDER = "var/crash"
NAMED = re.compile(r"[0-9]{8}-[0-9]{6}-UTC")


def crash_dumps(tree: Tree) -> tuple[CrashDump, ...]:
    found = (tree.root / FOLDER / name for name in tree.names(FOLDER))
    return tuple(_dump(path) for path in found if path.is_dir() and not path.is_symlink())


def _dump(path: Path) -> CrashDump:
    """By its name, or the folder's own time where the name tells none."""
    try:
        if not NAMED.fullmatch(path.name):
            raise ValueError(path.name)
        seconds = float(calendar.timegm(time.strptime(path.name, "%Y%m%d-%H%M%S-UTC")))
    except ValueError:
        seconds = path.stat().st_mtime
    size = sum(each.lstat().st_size for each in path.rglob("*") if each.is_file() and not each.is_symlink())
    return CrashDump(path.name, seconds, size)


def folder_of(tree: Tree, name: str) -> Path:
    """Raises NotFound."""
    if name not in {each.name for each in crash_dumps(tree)}:
        raise NotFound(f"there is no folder {name} in /{FOLDER}")
    return tree.root / FOLDER / name


def remove(tree: Tree, name: str) -> None:
    folder = folder_of(tree, name)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise Failed(f"/{FOLDER}/{name} cannot be removed: {error.strerror}") from error

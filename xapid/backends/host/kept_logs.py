"""All logs that this machine keeps, in one file."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from xapid.backends.host.report import OWNER_ONLY
from xapid.backends.host.tree import Tree
from xapid.backends.interface import Failed

FOLDER = "var/log"
MOST = 1 << 30
"""Bytes of all logs together. Beyond it the oldest are left out: whoever packs them must not fill the disk."""


def write(tree: Tree, path: str) -> None:
    """Pack the logs, the newest first, into a new file that only its owner reads. Raises Failed."""
    left = MOST
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY)
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w|gz") as tar:
            for log in sorted(_logs(tree.root / FOLDER), key=_age):
                left -= _add(tar, log, str(log.relative_to(tree.root)), left)
    except OSError as error:
        raise Failed(f"the logs cannot be packed: {error.strerror}") from error


def _logs(folder: Path) -> Iterator[Path]:
    """Files below a folder; links are left alone, for they may lead anywhere."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _age(log: Path) -> float:
    try:
        return -log.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _add(tar: tarfile.TarFile, log: Path, name: str, left: int) -> int:
    """Add a log if there is room for it; returns its size. One that was taken away meanwhile is none."""
    try:
        file = log.open("rb")
    except OSError:
        return 0
    with file:
        found = os.fstat(file.fileno())
        if found.st_size > left:
            return 0
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = found.st_size, int(found.st_mtime), 0o640
        tar.addfile(member, Exactly(file, found.st_size))
    return found.st_size


class Exactly(io.RawIOBase):
    """As many bytes of a file as it had when it was opened: a log grows meanwhile, or is cut and begun anew."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted).ljust(wanted, b"\0")
        self._left -= wanted
        return data

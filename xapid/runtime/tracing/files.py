"""Files of traces for bug reports: a line a batch, bounded in size and in age."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from xapid.store.database import free

PREFIX, SUFFIX = "xapi-", ".ndjson"
DAY = 86400.0


class Bounds(NamedTuple):
    """How much is kept."""

    file: int
    """Bytes after which the next file is begun."""
    all: int
    """Bytes of all files; the oldest one goes."""
    days: float
    """After which a file goes."""
    spared: int = 64 << 20
    """Bytes of the disk that are left to others: what is kept in the database is worth more."""


class TraceFiles:
    """Writes batches into ``xapi-HOST-TIME.ndjson`` of a folder, newest last."""

    def __init__(self, folder: Path, host: str, bounds: Bounds) -> None:
        """``host``: its uuid, so that files of several hosts can be put together."""
        self._folder = folder
        self._host = host
        self._bounds = bounds
        self._file: Path | None = None

    def __call__(self, batch: bytes) -> None:
        """Raises OSError."""
        path, self._file = self._file or self._next(), None
        if free(self._folder) < self._bounds.spared:
            raise OSError(errno.ENOSPC, "the disk is nearly full")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(batch + b"\n")
            size = file.tell()
        # After half a line, as a full disk leaves it, nothing more is to come in that file.
        self._file = path if size < self._bounds.file else None

    def _next(self) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tidy(self._folder, self._bounds)
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        return self._folder / f"{PREFIX}{self._host}-{stamp}.{int(now % 1 * 1e6):06d}Z{SUFFIX}"


def tidy(folder: Path, bounds: Bounds) -> None:
    """Remove what is too old, and the oldest of what is too much. Raises OSError."""
    left, oldest = bounds.all, time.time() - bounds.days * DAY
    for path, size, changed in sorted(_files(folder), key=lambda each: each[2], reverse=True):
        left -= size
        if left < 0 or changed < oldest:
            path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Our files, each with its size and when it was last written."""
    try:
        found = list(folder.glob(f"{PREFIX}*{SUFFIX}"))
    except FileNotFoundError:
        return
    for path in found:
        try:
            facts = path.lstat()
        except FileNotFoundError:
            continue
        yield path, facts.st_size, facts.st_mtime

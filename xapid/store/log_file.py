"""The file of SQLite's write-ahead log, brought to its size before it is needed.

A sync after a write beyond the end of a file makes the file system write down the new size as well, and takes twice as
long. SQLite begins the log anew every thousand pages, over what is there: only the first thousand are dear, after each
start, since the log goes when the daemon stops.
"""

from __future__ import annotations

import os
from pathlib import Path

from xapid.store.database import free

SIZE = 32 + 1000 * (24 + 4096)
"""Bytes of a log at its checkpoint: a header, and a thousand pages of 4 KiB with a header each."""
SPARE = 8 * SIZE
"""Bytes that must be free for it to be made: on a disk with less, changes need them more."""


def lay_out(database: Path) -> None:
    """Fill the log's file with zeros beyond its end, which SQLite takes for the end of the log. Nothing fails by it.

    Zeros that are written: of what is only allocated, a later write would change the metadata too.
    """
    try:
        if free(database.parent) < SPARE:
            return
        handle = os.open(database.with_name(f"{database.name}-wal"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(handle).st_size
            if size < SIZE:
                _fill(handle, size)
        finally:
            os.close(handle)
    except OSError:
        # Commits are slower then, and say themselves what the disk has.
        return


def _fill(handle: int, size: int) -> None:
    try:
        while (at := os.fstat(handle).st_size) < SIZE:
            os.pwrite(handle, bytes(SIZE - at), at)
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise

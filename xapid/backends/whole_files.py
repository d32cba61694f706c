"""Small files that are there as a whole or not at all, and are read as a whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

SHOWN = 64
"""Characters of its name that stand in that of the unfinished file, which would be too long beside a long one."""

UNFINISHED = ".unfinished"
"""How the name of a file ends that is being written."""
LARGEST = 16 << 20
"""Bytes of a file that is read."""


def read_whole(path: Path) -> bytes:
    """What stands in a file. Raises OSError, also for pipes and devices, which may have no end, and for long files."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "It is no file", str(path))
        if found.st_size > LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(LARGEST)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Make or replace a file; a directory that is missing is made for its owner alone.

    Nobody ever sees half of it, not even after a crash. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:SHOWN]}.", suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def forget_unfinished(folder: Path) -> None:
    """Remove what a crash has left of files that were being written, here and one level below: some are secret."""
    for pattern in (f".*{UNFINISHED}", f"*/.*{UNFINISHED}"):
        for each in folder.glob(pattern):
            each.unlink(missing_ok=True)

"""What reaches the disk itself, and what goes wrong there."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from xapid.backends.interface import Failed, InUse, NoSpace


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Errors of the file system as those of a driver."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(f"the device is full: {error}") from error
        raise Failed(f"{error.strerror}: {error.filename}", path=str(error.filename)) from error


@contextlib.contextmanager
def locks_told() -> Iterator[None]:
    """QEMU's own locks of images are the last thing that keeps one from being written that somebody reads."""
    try:
        yield
    except Failed as error:
        if "lock" in error.message:
            raise InUse(error.message) from error
        raise


def sync_path(path: Path) -> None:
    """Have what a file holds, or which names a directory has, on the disk itself."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

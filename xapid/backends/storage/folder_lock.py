"""The lock of a repository's directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from xapid.backends.interface import NotFound


class Lock:
    """A lock between threads and processes, which the kernel frees when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> Lock:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(self._path, flags, 0o600)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"{self._path.parent} is not there", path=str(self._path.parent), code="47") from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def shared(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_SH)

    def exclusive(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def alone(self) -> bool:
        """Take it if nobody has it."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

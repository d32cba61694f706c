"""What another process tells by a pipe or by its end: waited for, for a while."""

from __future__ import annotations

import os
import select
from pathlib import Path

PATIENCE = 20.0


def told(pipe: Path) -> str:
    """What somebody writes into a named pipe."""
    handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert _is_ready(handle), f"nobody writes into {pipe}"
        return os.read(handle, 65536).decode()
    finally:
        os.close(handle)


def ended(pid: int, patience: float = PATIENCE) -> bool:
    """Whether a process comes to its end, within so many seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return _is_ready(handle, patience)
    finally:
        os.close(handle)


def lives(pid: int) -> bool:
    """Whether a process runs. A zombie does not: an orphan stays one where no init buries it."""
    return not ended(pid, 0)


def _is_ready(handle: int, patience: float = PATIENCE) -> bool:
    return bool(select.select([handle], [], [], patience)[0])

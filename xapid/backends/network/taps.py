"""Which of the kernel's devices for guests processes have open."""

from __future__ import annotations

import contextlib
from pathlib import Path

DEVICE = "/dev/net/tun"
NAME = "iff:"
"""The line of an open file that says by which name its device goes."""


def opened(proc: Path = Path("/proc")) -> set[str]:
    """Names of the taps that some process has open; what belongs to others is seen by root alone."""
    return {name for process in proc.glob("[0-9]*") for name in _of(process)}


def _of(process: Path) -> set[str]:
    found = set()
    # It may end meanwhile, and so may its files.
    with contextlib.suppress(OSError):
        for file in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                if str(file.readlink()) == DEVICE:
                    found |= _names((process / "fdinfo" / file.name).read_text())
    return found


def _names(text: str) -> set[str]:
    return {line.removeprefix(NAME).strip() for line in text.splitlines() if line.startswith(NAME)}

"""Block devices that are files. Needs root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def loop_device(file: Path, size: int) -> Iterator[Path]:
    """A device of so many bytes, behind a new file."""
    with file.open("xb") as made:
        made.truncate(size)
    command = ["losetup", "--find", "--show", str(file)]
    device = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    try:
        yield Path(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)

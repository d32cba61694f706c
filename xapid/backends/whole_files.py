"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

SHOWN = 64
"""Characters of its name that stand in that of the unfinished file, which would be too long beside a long one."""


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Make or replace a file; a directory that is missing is made for its owner alone.

    Nobody ever sees half of it, not even after a crash. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:SHOWN]}.")
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

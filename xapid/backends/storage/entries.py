"""What is in a directory."""

from __future__ import annotations

import os
from pathlib import Path


def names_in(directory: Path) -> list[str]:
    """Raises OSError."""
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries]


def remove_tree(directory: Path) -> None:
    """Remove a directory of plain files and directories; never follows a link."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remove_tree(Path(entry.path))
            else:
                Path(entry.path).unlink()
    directory.rmdir()

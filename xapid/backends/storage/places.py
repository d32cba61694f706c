"""Where on this host the files of a repository lie, as its configuration names it."""

from __future__ import annotations

import os
from pathlib import Path

from xapid.backends.interface import BadConfig

LONGEST = 3500
"""Bytes of a path: the kernel takes 4096, and names of files follow."""
LONGEST_NAME = 255
"""Bytes of each of its parts."""


def directory(location: str) -> Path:
    """The directory of ``device_config:location``. Raises BadConfig for what cannot be one."""
    path = Path(location)
    if not path.is_absolute() or ".." in path.parts or not location.isprintable():
        raise BadConfig(
            f"location must be the full path of a directory, not {location[:LONGEST_NAME]!r}", key="location"
        )
    sizes = [len(os.fsencode(part)) for part in path.parts]
    if sum(sizes) + len(sizes) > LONGEST or max(sizes) > LONGEST_NAME:
        raise BadConfig(f"location is too long: {sum(sizes)} bytes", key="location")
    return path

"""A flash for variables of UEFI firmware as it comes, small enough to be looked at."""

from __future__ import annotations

import struct
import uuid

HEADER = 72
AUTHENTICATED = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le


def fresh_flash(room: int = 4096) -> bytes:
    """A volume whose store of variables has so many bytes, its head included, with something behind it."""
    behind = b"what is written with care" * 4
    volume = struct.pack("<16x16sQ4sIHHH", bytes(16), HEADER + room + len(behind), b"_FVH", 0, HEADER, 0, 0)
    store = struct.pack("<16sIBB6x", AUTHENTICATED, room, 0x5A, 0xFE)
    return volume.ljust(HEADER, b"\0") + store.ljust(room, b"\xff") + behind

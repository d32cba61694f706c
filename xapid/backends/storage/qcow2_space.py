"""How much room a qcow2 image needs where it cannot grow by itself, and how much of that it has come to use."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from xapid.backends.interface import Failed
from xapid.backends.storage.qcow2 import CLUSTER, HEADER, MAGIC, pristine_size

PER_TABLE = CLUSTER // 8
"""What a cluster of a table speaks of: clusters, or blocks of reference counts."""
PER_BLOCK = CLUSTER // 2
"""Clusters that a block of reference counts of 16 bits speaks of."""
SPARE = 16 * CLUSTER
"""Bytes for what is there twice while a table grows."""
MOST_TABLES = 1 << 26
"""Bytes of a table that are read: more than those of the largest image."""


def whole_size(size: int) -> int:
    """Bytes that an image of this virtual size takes at most, every byte of it having been written to."""
    data = -(-size // CLUSTER)
    fixed = pristine_size(size) // CLUSTER - 2
    used = blocks = 0
    wanted = data + -(-data // PER_TABLE) + fixed
    while used != wanted + blocks:
        used = wanted + blocks
        blocks = -(-used // PER_BLOCK)
        # A table of blocks that grew is written anew, and only then the old one is free.
        blocks += 2 * -(-blocks // PER_TABLE)
    return used * CLUSTER + SPARE


def end(path: Path) -> int:
    """Where the last cluster ends that an image uses. Raises Failed for one whose tables are not where they can be."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size or head[:4] != MAGIC:
            raise Failed(f"{path} is not a qcow2 image", path=str(path))
        (bits,) = struct.unpack_from(">I", head, 20)
        place, clusters = struct.unpack_from(">QI", head, 48)
        (order,) = struct.unpack_from(">I", head, 96)
        if bits != CLUSTER.bit_length() - 1 or order != 4 or clusters * CLUSTER > MOST_TABLES:
            raise Failed(f"{path} is not an image as we make them", path=str(path))
        blocks = struct.unpack(f">{clusters * PER_TABLE}Q", table(file.fileno(), clusters * CLUSTER, place, path))
        for number in reversed(range(len(blocks))):
            if not blocks[number]:
                continue
            counts = table(file.fileno(), CLUSTER, blocks[number] & ~511, path).rstrip(b"\0")
            if counts:
                return (number * PER_BLOCK + -(-len(counts) // 2)) * CLUSTER
    raise Failed(f"{path} is damaged: it has no reference counts", path=str(path))


def is_empty(path: Path) -> bool:
    """Whether nothing was ever written to an image: its first table has no entries. Raises Failed as ``end``."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size or head[:4] != MAGIC:
            raise Failed(f"{path} is not a qcow2 image", path=str(path))
        entries, place = struct.unpack_from(">IQ", head, 36)
        if entries * 8 > MOST_TABLES:
            raise Failed(f"{path} is damaged: its first table has {entries} entries", path=str(path))
        return not any(table(file.fileno(), entries * 8, place, path))


def table(fd: int, length: int, place: int, path: Path) -> bytes:
    """What stands there in an image that is open; all of it. Raises Failed."""
    try:
        found = os.pread(fd, length, place)
    except (OSError, OverflowError) as error:
        raise Failed(f"{path} cannot be read: {error}", path=str(path)) from error
    if len(found) < length:
        raise Failed(f"{path} is damaged: a table ends behind its end", path=str(path))
    return found

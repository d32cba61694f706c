"""Which blocks of an image were written, as its own tables say: a bit for each ``TRACKED_BLOCK`` bytes, in order.

An overlay begins empty, so what its tables speak of is what was written since. That holds whoever wrote, and whatever
was killed meanwhile: what the tables do not know of nobody will ever read.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from xapid.backends.interface import Failed
from xapid.backends.storage import qcow2
from xapid.backends.storage.interface import TRACKED_BLOCK
from xapid.backends.storage.qcow2_space import MOST_TABLES, table
from xapid.backends.storage.sizes import LARGEST

PLACE = 0x00FFFFFFFFFFFE00
"""The bits of an entry of the first table that say where the second one is."""
COPIED = 1 << 63
"""The bit of an entry that says nothing of whether it was written."""
FINER_CLUSTERS = 16
"""Among the features: entries have twice the length, the second half of it for the parts of a cluster."""
LONGEST = -(-LARGEST // TRACKED_BLOCK // 8)
"""Bytes of a bitmap."""


def written(path: Path) -> bytes:
    """The blocks of a qcow2 image that were written, or made zero, without those that it only continues. The first is
    in the highest bit of the first byte. Raises Failed.
    """
    qcow2.read(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        head = os.pread(fd, qcow2.HEADER.size, 0)
        (bits, size) = struct.unpack_from(">IQ", head, 20)
        (entries, place) = struct.unpack_from(">IQ", head, 36)
        (version,) = struct.unpack_from(">I", head, 4)
        (features,) = struct.unpack_from(">Q", head, 72) if version > 2 else (0,)
        if entries * 8 > MOST_TABLES:
            raise Failed(f"{path} is damaged: its first table has {entries} entries", path=str(path))
        first = table(fd, entries * 8, place, path)
        width = 2 if features & FINER_CLUSTERS else 1
        found = bytearray(_length(size))
        span = (1 << bits) // 8 // width  # clusters that a second table speaks of
        for number, entry in enumerate(struct.unpack(f">{entries}Q", first)):
            if entry & PLACE and number * span << bits < size:
                second = table(fd, 1 << bits, entry & PLACE, path)
                for cluster in _spoken_of(second, width):
                    _mark(found, (number * span + cluster) << bits, 1 << bits)
        return bytes(found)
    finally:
        os.close(fd)


def union(*parts: bytes) -> bytes:
    """What is in any of them; the shorter ones say nothing of what comes behind."""
    length = max(map(len, parts), default=0)
    number = 0
    for part in parts:
        number |= int.from_bytes(part.ljust(length, b"\0"), "big")
    return number.to_bytes(length, "big")


def fitted(found: bytes, size: int, before: int) -> bytes:
    """The same for a disk of this size, which had another before: what it grew by has changed."""
    length, all_, known = _length(size), -(-size // TRACKED_BLOCK), before // TRACKED_BLOCK
    number = int.from_bytes(found[:length].ljust(length, b"\0"), "big")
    spare = 8 * length - all_
    if all_ > known:
        number |= ((1 << (all_ - known)) - 1) << spare
    return (number >> spare << spare).to_bytes(length, "big")


def text_of(found: bytes) -> str:
    """As it is written down: a disk is large, and what changes little."""
    return base64.b64encode(zlib.compress(found)).decode()


def of_text(text: bytes) -> bytes:
    """Raises ValueError for what is none."""
    try:
        unpacker = zlib.decompressobj()
        found = unpacker.decompress(base64.b64decode(text, validate=True), LONGEST)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(str(error)) from error
    if not unpacker.eof:
        raise ValueError("it is cut off, or too long")
    return found


def _length(size: int) -> int:
    return -(-size // TRACKED_BLOCK // 8)


def _spoken_of(second: bytes, width: int) -> Iterator[int]:
    if not second.strip(b"\0"):
        return
    entries = struct.unpack(f">{len(second) // 8}Q", second)
    if width == 1:
        yield from (number for number, entry in enumerate(entries) if entry & ~COPIED)
        return
    for number in range(len(entries) // 2):
        if entries[2 * number] & ~COPIED or entries[2 * number + 1]:
            yield number


def _mark(found: bytearray, place: int, length: int) -> None:
    for block in range(place // TRACKED_BLOCK, -(-(place + length) // TRACKED_BLOCK)):
        if block // 8 < len(found):
            found[block // 8] |= 0x80 >> block % 8

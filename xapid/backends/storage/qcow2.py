"""Headers of qcow2 images: read for the size, written for a new image or an overlay without running a program."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.interface import Failed

MAGIC = b"QFI\xfb"
VERSION = 3
CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
BACKING_FORMAT = 0xE2792ACA
"""The header extension with the format of the backing file."""
HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
"""Fields of version 3, 104 bytes."""
OLD_HEADER = 72
"""Bytes of that of version 2."""
DATA_ELSEWHERE = 4
"""Among the features that a reader must know."""
PER_L1_ENTRY = CLUSTER * (CLUSTER // 8)
"""Guest bytes that one entry of the first table stands for: 512 MiB."""


@dataclass(frozen=True)
class Backing:
    """The image that an overlay continues."""

    file: str
    """As written in the header: relative to the overlay's own directory."""
    format: str


def pristine_size(size: int) -> int:
    """Bytes of the file of a new image of this virtual size; one that was written to is longer."""
    return (3 + _l1_clusters(size)) * CLUSTER


def _l1_entries(size: int) -> int:
    return max(1, -(-size // PER_L1_ENTRY))


def _l1_clusters(size: int) -> int:
    return -(-_l1_entries(size) * 8 // CLUSTER)


def create(path: Path, size: int, backing: Backing | None = None) -> None:
    """Make an empty image: a header, one block of reference counts, and a first table without entries.

    What qemu-img would make of ``create -o compat=1.1``, but 20 ms sooner. Raises FileExistsError.
    """
    extensions = struct.pack(">II", 0, 0)
    name = b""
    if backing:
        kind = backing.format.encode()
        extensions = (
            struct.pack(">II", BACKING_FORMAT, len(kind)) + kind.ljust(-(-len(kind) // 8) * 8, b"\0") + extensions
        )
        name = backing.file.encode()
    header = HEADER.pack(
        MAGIC,
        VERSION,
        HEADER.size + len(extensions) if name else 0,
        len(name),
        CLUSTER_BITS,
        size,
        0,  # encryption
        _l1_entries(size),
        3 * CLUSTER,  # the first table
        1 * CLUSTER,  # the table of reference counts
        1,
        0,  # snapshots inside
        0,
        0,  # features
        0,
        0,
        4,  # 16 bits a reference count
        HEADER.size,
    )
    used = 3 + _l1_clusters(size)
    with path.open("xb") as file:
        file.truncate(used * CLUSTER)
        file.write(header + extensions + name)
        file.seek(1 * CLUSTER)
        file.write(struct.pack(">Q", 2 * CLUSTER))
        file.seek(2 * CLUSTER)
        file.write(struct.pack(f">{used}H", *[1] * used))
        file.flush()
        os.fsync(file.fileno())


def virtual_size(path: Path) -> int:
    """The size a guest sees. Raises Failed if this is no qcow2 image, FileNotFoundError; never follows a link."""
    (size,) = struct.unpack_from(">Q", _head(path, 32), 24)
    return int(size)


def backing(path: Path) -> Backing | None:
    """What an image continues. Raises Failed where its format is not said, or its bytes lie in a file of their own."""
    head = _head(path, CLUSTER)
    version, place, length = struct.unpack_from(">IQI", head, 4)
    if version >= VERSION and struct.unpack_from(">Q", head, 72)[0] & DATA_ELSEWHERE:
        raise Failed(f"{path} keeps its bytes in another file", path=str(path))
    if not place:
        return None
    name = head[place : place + length]
    if not name or len(name) < length:
        raise Failed(f"{path} is damaged: the name of what it continues is not there", path=str(path))
    kind = _extensions(head, version).get(BACKING_FORMAT)
    if not kind:
        raise Failed(f"{path} does not say the format of what it continues", path=str(path))
    return Backing(os.fsdecode(name), kind.decode(errors="replace"))


def _extensions(head: bytes, version: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = struct.unpack_from(">I", head, 100)[0] if version >= VERSION else OLD_HEADER
    while at + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, at)
        if not kind:
            break
        found[kind] = head[at + 8 : at + 8 + length]
        at += 8 + -(-length // 8) * 8
    return found


def _head(path: Path, length: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        head = os.read(fd, length)
    finally:
        os.close(fd)
    if len(head) < min(length, HEADER.size) or head[:4] != MAGIC:
        raise Failed(f"{path} is not a qcow2 image", path=str(path))
    return head

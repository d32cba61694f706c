"""What is written down of the volumes in a volume group, in a small logical volume of its own.

It has two halves, each of which holds all of it or is being written: who reads takes the younger one that is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from xapid.backends.interface import Failed, NoSpace, NotFound, NotSupported
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.volume_store import KEY, Record

FORMAT = 1
"""Of what is written. A newer one is refused rather than misread."""
MAGIC = b"xapid-volumes\n\0\0"
HEAD = struct.Struct(">16sQQ32s")
"""Magic, number of the change, length, digest of number and content."""
BLOCK = 4096
"""The content begins behind so many bytes: a head is written by the device wholly or not at all."""
SIZE = 16 << 20
"""Bytes of that logical volume: room for some 30,000 volumes."""
HALF = SIZE // 2
IMAGE = re.compile(rf"(NEW-)?(QCOW2|LV)-{KEY.pattern}")
"""Names of logical volumes that a change may have: it may be another's, who has the disk it lies on in hand."""


@dataclass(frozen=True)
class Pending:
    """What a change still has to do to logical volumes, by their names. It can be done again and again."""

    moves: list[tuple[str, str]] = field(default_factory=list)
    """What is called the one is to take the place of the other."""
    removes: list[str] = field(default_factory=list)
    backings: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Images whose headers come to name another image, with its format."""
    grows: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes that raw ones have had, and are to have; what comes between is zero."""


@dataclass(frozen=True)
class Kept:
    """A volume, and the size of its logical volume in bytes."""

    record: Record
    room: int


@dataclass(frozen=True)
class Contents:
    """All that is written down of a repository."""

    format: int
    uuid: str
    volumes: dict[str, Kept] = field(default_factory=dict)
    leases: dict[str, str] = field(default_factory=dict)
    """Who may write which volume."""
    pending: Pending | None = None
    logs: dict[str, str] = field(default_factory=dict)
    """What is known of changes of images that are gone (``blocks``), by the names that records give it."""


class GroupRecords:
    """What lies at a path. Only one may write, which is for its caller to see to."""

    def __init__(self, path: Path, before_step: Callable[[], None] = nothing) -> None:
        self._path = path
        self._before_step = before_step

    def read(self) -> Contents:
        """Raises NotFound where there is nothing of that kind, Failed for what cannot be read, NotSupported."""
        return self._newest()[1]

    def write(self, contents: Contents) -> None:
        """Have this on the disk instead of what is there. Raises NoSpace, OSError."""
        try:
            number = self._newest()[0] + 1
        except NotFound:
            number = 1
        text = msgspec.json.encode(contents)
        if len(text) > HALF - BLOCK:
            raise NoSpace(f"{self._path} is full: there are too many volumes")
        place = (number % 2) * HALF
        fd = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._before_step()
            os.pwrite(fd, text, place + BLOCK)
            os.fsync(fd)
            self._before_step()
            head = HEAD.pack(MAGIC, number, len(text), _digest(number, text))
            os.pwrite(fd, head.ljust(BLOCK, b"\0"), place)
            os.fsync(fd)
            self._before_step()
        finally:
            os.close(fd)

    def erase(self) -> None:
        """Let nothing of that kind be there, whatever lay there before."""
        fd = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for place in (0, HALF):
                os.pwrite(fd, bytes(BLOCK), place)
            os.fsync(fd)
        finally:
            os.close(fd)

    def _newest(self) -> tuple[int, Contents]:
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # Another host may have written since.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            halves = [half for place in (0, HALF) if (half := _half(fd, place)) is not None]
        finally:
            os.close(fd)
        if not halves:
            raise NotFound(f"{self._path} holds no records of volumes", path=str(self._path), code="47")
        number, text = max(halves)
        try:
            contents = msgspec.json.decode(text, type=Contents)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Failed(f"{self._path} cannot be read: {error}", path=str(self._path)) from error
        if contents.format > FORMAT:
            raise NotSupported(f"{self._path} was made by a later version (format {contents.format})", code="47")
        for key, kept in contents.volumes.items():
            if not all(map(KEY.fullmatch, (key, kept.record.uuid, kept.record.parent or key))):
                raise Failed(f"{self._path} has a record that is none: {key[:40]!r}", path=str(self._path))
        todo = contents.pending or Pending()
        moved = (name for move in todo.moves for name in move)
        named = (name for name, _ in todo.backings.values())
        for name in (*moved, *named, *todo.backings, *todo.removes, *todo.grows):
            if not IMAGE.fullmatch(name):
                raise Failed(f"{self._path} would change {name[:60]!r}, which is no volume", path=str(self._path))
        return number, contents


def _half(fd: int, place: int) -> tuple[int, bytes] | None:
    """Number and content of a half, if it is whole."""
    head = os.pread(fd, HEAD.size, place)
    if len(head) < HEAD.size:
        return None
    magic, number, length, digest = HEAD.unpack(head)
    if magic != MAGIC or length > HALF - BLOCK:
        return None
    text = os.pread(fd, length, place + BLOCK)
    return (number, text) if _digest(number, text) == digest else None


def _digest(number: int, text: bytes) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big") + text).digest()

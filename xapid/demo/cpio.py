"""Archives in the "newc" form of cpio, which Linux unpacks as its first file system."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One file, folder or device node; root's, and dated 0, so that equal input gives equal bytes."""

    name: str
    mode: int
    data: bytes = b""
    """What a file holds."""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a node."""


def folder(name: str) -> Entry:
    return Entry(name, stat.S_IFDIR | 0o755)


def file(name: str, data: bytes, executable: bool = False) -> Entry:
    return Entry(name, stat.S_IFREG | (0o755 if executable else 0o644), data)


def character_device(name: str, major: int, minor: int) -> Entry:
    return Entry(name, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The whole archive. A folder must come before what lies in it."""
    parts = [_member(entry, number) for number, entry in enumerate(entries, start=1)]
    return b"".join([*parts, _member(Entry("TRAILER!!!", 0), 0)])


def _member(entry: Entry, number: int) -> bytes:
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device of the file (2), number of the node (2), length of name, check
    numbers = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in numbers)
    return _padded(head + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)

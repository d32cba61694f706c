"""The head of libvirt's save images, as far as a copy of a suspended machine needs it changed."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

from xapid.backends.interface import Failed

MAGIC = b"LibvirtQemudSave"
"""An image that was not finished has another one."""
HEAD = struct.Struct("=16sII68x")
"""Magic, version, length of the XML that follows; the rest is not ours to know."""
LONGEST_XML = 16 << 20


def rename(path: Path, old: str, new: str) -> None:
    """Let a machine be resumed under another uuid: what names the old one in its XML now names the new.

    libvirt refuses another uuid as it restores. One is as long as any other, so it can be changed in place.
    """
    with path.open("r+b") as image:
        magic, _, length = HEAD.unpack(image.read(HEAD.size))
        if magic != MAGIC or length > LONGEST_XML:
            raise Failed(f"{path} is no finished image of a suspended machine")
        xml = image.read(length)
        image.seek(HEAD.size)
        image.write(xml.replace(old.encode(), new.encode()))
        image.flush()
        os.fsync(image.fileno())


class ImageFile:
    """What holds an image: a file or a block device, with the size that its volume has."""

    def __init__(self, path: Path) -> None:
        self._path = path
        status = path.stat()
        self._size = status.st_size if stat.S_ISREG(status.st_mode) else None

    def settle(self) -> None:
        """After libvirt wrote it: bring it to the disk, and a file back to the size of its volume."""
        with self._path.open("r+b") as image:
            if self._size is not None and os.fstat(image.fileno()).st_size < self._size:
                image.truncate(self._size)
            os.fsync(image.fileno())

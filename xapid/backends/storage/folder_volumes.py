"""What a volume in the directory of a repository consists of."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from xapid.backends.storage import qcow2, sizes
from xapid.backends.storage.folder import Folder, Record
from xapid.backends.storage.interface import NewVolume, VolumeFormat
from xapid.backends.storage.survey import virtual_size

STEP = sizes.MIB
"""Sizes are multiples of this, the block in which archives carry a disk; not those of raw files, which have the size
that was asked for."""
SUSPEND_IMAGE = "suspend"


def format_of(new: NewVolume) -> VolumeFormat:
    if new.format is not None:
        return new.format
    return VolumeFormat.raw if new.purpose == SUSPEND_IMAGE else VolumeFormat.qcow2


def step_of(record: Record) -> int:
    return sizes.SECTOR if record.format is VolumeFormat.raw else STEP


def text_of(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def files_of(key: str, record: Record) -> list[str]:
    """Everything that a volume consists of; its record first, since without that there is no volume."""
    found = [f"{key}.json", f"{key}.{record.format}", f"{key}.lease"]
    return [*found, f"children/{record.parent}/{key}"] if record.parent else found


def make_empty(image: Path, kind: VolumeFormat, size: int) -> None:
    if kind is VolumeFormat.qcow2:
        qcow2.create(image, size)
        return
    with image.open("xb") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def unwritten(folder: Folder, key: str, record: Record) -> bool:
    """Whether an overlay still has nothing but what its parent has."""
    path = folder.image(key, record)
    if record.format is not VolumeFormat.qcow2:
        return False
    return path.stat().st_size <= qcow2.pristine_size(virtual_size(path, record))


def depth(folder: Folder, key: str) -> int:
    """How many files a volume is read through."""
    depth = 0
    while key:
        depth += 1
        key = folder.record(key).parent
    return depth

"""Disks for tests: what they hold, files of them, and what comes out when those are read."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from pathlib import Path

from xapid.formats.vhd.reading import Data, Facts, Stream, read_file
from xapid.formats.vhd.structures import Parent
from xapid.formats.vhd.writing import Extent, FixedPlan, Plan, SparsePlan, stream

MIB = 1024 * 1024
SECTOR = 512
UUID = "0fe1b0c5-6c0a-4ba4-9e0f-8c50e2f8d6a1"
CREATED = 1_700_000_000
PARENT = Parent("6f1d1b2e-11f3-4d8e-9d8e-9c3a5c1f0b7d", "früher 冊.vhd", 1_600_000_000)


class Disk:
    """Bytes in memory that remember which of them were read."""

    def __init__(self, size: int, extents: Iterable[Extent] = (), seed: int = 1, everywhere: bool = False) -> None:
        """There are random bytes in the extents, or everywhere."""
        self.size = size
        self.extents = list(extents)
        self.reads: list[Extent] = []
        chance = random.Random(seed)
        self.bytes = bytearray(chance.randbytes(size)) if everywhere else bytearray(size)
        for offset, length in self.extents:
            self.bytes[offset : offset + length] = chance.randbytes(length)

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return bytes(self.bytes[offset : offset + length])

    def dynamic(self, whole_blocks: bool = True) -> SparsePlan:
        return SparsePlan(self.size, self.extents, uuid=UUID, created=CREATED, whole_blocks=whole_blocks)

    def differencing(self, whole_blocks: bool = True, parent: Parent = PARENT) -> SparsePlan:
        return SparsePlan(self.size, self.extents, uuid=UUID, created=CREATED, parent=parent, whole_blocks=whole_blocks)

    def fixed(self) -> FixedPlan:
        return FixedPlan(self.size, self.extents, uuid=UUID, created=CREATED)

    def file(self, plan: Plan) -> bytes:
        return b"".join(stream(plan, self.read))


def arrived(content: bytes, part: int = 65536, fixed_size: int | None = None) -> tuple[Facts, list[Data]]:
    """What a stream of a file tells, which arrives in parts of so many bytes."""
    reader = Stream(fixed_size)
    found: list[Data] = []
    for at in range(0, len(content), part):
        found += reader.feed(content[at : at + part])
    reader.end()
    assert reader.facts
    return reader.facts, found


def lying(content: bytes, directory: Path) -> tuple[Facts, list[Data]]:
    """What a file tells that lies in a directory."""
    path = directory / "disk.vhd"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        facts, data = read_file(fd, len(content))
        return facts, list(data)
    finally:
        os.close(fd)


def laid_on(below: bytes, data: Iterable[Data]) -> bytes:
    """The disk with what was told written over it."""
    content = bytearray(below)
    for each in data:
        assert len(each.content) % SECTOR == 0 and each.offset % SECTOR == 0
        assert each.offset + len(each.content) <= len(content)
        content[each.offset : each.offset + len(each.content)] = each.content
    return bytes(content)

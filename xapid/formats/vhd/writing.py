"""Writes VHD files: plans of what comes when, whose length is known before the first byte, and which never go back.

A plan tells constant bytes and the runs of the disk between them; who sends it reads those runs and nothing else.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from xapid.formats.vhd.structures import (
    BLOCK,
    FOOTER,
    HEADER,
    LARGEST,
    LONGEST_LOCATOR,
    LONGEST_NAME,
    SECTOR,
    UNUSED,
    Footer,
    Header,
    Kind,
    Locator,
    Parent,
    Place,
    bitmap_bytes,
    locator_bytes,
    locators_beside,
)

BITMAP = bitmap_bytes(BLOCK)
IN_BLOCK = BLOCK // SECTOR
"""Sectors of a block."""
TABLE = FOOTER.size + HEADER.size
"""Where in the file the table begins."""


@dataclass(frozen=True)
class Run:
    """Bytes of the disk that belong here: whole sectors, at most a block."""

    offset: int
    length: int


Piece = bytes | Run
Extent = tuple[int, int]
"""Offset and length in bytes of a part of the disk that has data."""


class Plan(Protocol):
    """A file to be sent."""

    length: int
    """In bytes: the Content-Length."""

    def pieces(self) -> Iterator[Piece]:
        """What it consists of, each piece at most a block long."""


def stream(plan: Plan, read: Callable[[int, int], bytes]) -> Iterator[bytes]:
    """The file. ``read``: gets offset and length of a run, and returns all of its bytes. Raises EOFError if not."""
    for piece in plan.pieces():
        if isinstance(piece, bytes):
            yield piece
            continue
        content = read(piece.offset, piece.length)
        if len(content) != piece.length:
            raise EOFError(f"{len(content)} instead of {piece.length} bytes at {piece.offset} of the disk")
        yield content


class FixedPlan:
    """The whole disk, and a footer behind it. Where it has no data zeros are sent, and nothing is read."""

    def __init__(self, size: int, extents: Iterable[Extent], *, uuid: str, created: float) -> None:
        """``size`` in bytes, ``extents`` in ascending order, ``created`` in Unix time. Raises ValueError."""
        self._runs = _Runs(size, extents)
        self._footer = Footer(Kind.fixed, size, uuid, int(created))
        self.length = size + FOOTER.size

    def pieces(self) -> Iterator[Piece]:
        size = self._footer.size
        for offset in range(0, size, BLOCK):
            yield from self._runs.with_zeros(offset, min(BLOCK, size - offset))
        yield self._footer.pack()


class SparsePlan:
    """A dynamic disk, or a differencing one if it has a parent: only blocks with data are in the file.

    ``whole_blocks``: each block in the file says that all of it is valid. Who merges files block by block relies on
    that. Of a differencing disk the rest of such blocks is read as well; that of a dynamic one is zero. Without
    ``whole_blocks`` what has no data is neither read nor valid.
    """

    def __init__(
        self,
        size: int,
        extents: Iterable[Extent],
        *,
        uuid: str,
        created: float,
        parent: Parent | None = None,
        whole_blocks: bool = True,
    ) -> None:
        """``size`` in bytes, ``extents`` in ascending order, ``created`` in Unix time. A parent without locators
        gets those of a file beside this one. Raises ValueError."""
        self._runs = _Runs(size, extents)
        self._whole = whole_blocks
        kind = Kind.differencing if parent else Kind.dynamic
        self._footer = Footer(kind, size, uuid, int(created))
        self._indices = array("I", self._runs.blocks())
        header = Header(TABLE, -(-size // BLOCK))
        self._locators: list[bytes] = []
        at = TABLE + _sectors(header.table_bytes)
        if parent:
            _check_name(parent.name)
            places = []
            for number, locator in enumerate(parent.locators or locators_beside(parent.name)):
                content = _checked(number, locator)
                places.append(Place(number, locator.platform.encode("latin-1"), at, len(content)))
                self._locators.append(content.ljust(_sectors(len(content)), b"\0"))
                at += _sectors(len(content))
            header = replace(header, parent=parent, places=tuple(places))
        self._header = header
        self._first = at
        self.length = at + len(self._indices) * (BITMAP + BLOCK) + FOOTER.size

    def pieces(self) -> Iterator[Piece]:
        footer = self._footer.pack()
        yield footer + self._header.pack()
        table = self._table()
        for at in range(0, len(table), BLOCK):
            yield table[at : at + BLOCK]
        yield from self._locators
        for index in self._indices:
            yield from self._block(index * BLOCK)
        yield footer

    def _table(self) -> bytes:
        entries = array("I", [UNUSED]) * self._header.entries
        for number, index in enumerate(self._indices):
            entries[index] = (self._first + number * (BITMAP + BLOCK)) // SECTOR
        if sys.byteorder == "little":
            entries.byteswap()
        return entries.tobytes().ljust(_sectors(self._header.table_bytes), b"\xff")

    def _block(self, offset: int) -> Iterator[Piece]:
        size = min(BLOCK, self._footer.size - offset)
        yield b"\xff" * BITMAP if self._whole else self._bitmap(offset, size)
        if self._whole and self._footer.kind is Kind.differencing:
            yield Run(offset, size)
        else:
            yield from self._runs.with_zeros(offset, size)
        if size < BLOCK:
            yield bytes(BLOCK - size)

    def _bitmap(self, offset: int, size: int) -> bytes:
        bits = 0
        for run in self._runs.within(offset, size):
            first, sectors = (run.offset - offset) // SECTOR, run.length // SECTOR
            bits |= ((1 << sectors) - 1) << (IN_BLOCK - first - sectors)
        return bits.to_bytes(IN_BLOCK // 8).ljust(BITMAP, b"\0")


class _Runs:
    """The parts of a disk that have data, in whole sectors."""

    def __init__(self, size: int, extents: Iterable[Extent]) -> None:
        if not SECTOR <= size <= LARGEST or size % SECTOR:
            raise ValueError(f"a VHD cannot have {size} bytes")
        self._starts, self._ends = array("Q"), array("Q")
        before = 0
        for offset, length in extents:
            if length <= 0 or offset < before or offset + length > size:
                raise ValueError(f"{length} bytes at {offset} are out of order, or not within {size}")
            before = offset + length
            start, end = offset // SECTOR * SECTOR, _sectors(before)
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = end
            else:
                self._starts.append(start)
                self._ends.append(end)

    def blocks(self) -> Iterator[int]:
        """Indices of those that have data."""
        done = 0
        for start, end in zip(self._starts, self._ends, strict=True):
            first = max(done, start // BLOCK)
            done = max(done, -(-end // BLOCK))
            yield from range(first, done)

    def within(self, offset: int, length: int) -> Iterator[Run]:
        """Those, or their parts, in a part of the disk."""
        end = offset + length
        number = bisect_right(self._ends, offset)
        while number < len(self._starts) and self._starts[number] < end:
            first = max(offset, self._starts[number])
            yield Run(first, min(end, self._ends[number]) - first)
            number += 1

    def with_zeros(self, offset: int, length: int) -> Iterator[Piece]:
        """The same, with what lies between."""
        at = offset
        for run in self.within(offset, length):
            if run.offset > at:
                yield bytes(run.offset - at)
            yield run
            at = run.offset + run.length
        if at < offset + length:
            yield bytes(offset + length - at)


def _sectors(length: int) -> int:
    """The length in whole sectors."""
    return -(-length // SECTOR) * SECTOR


def _check_name(name: str) -> None:
    units = len(name.encode("utf-16-be")) // 2
    if units > LONGEST_NAME or "\0" in name:
        raise ValueError(f"the name of the parent is too long, or no name: {units} units of UTF-16")


def _checked(number: int, locator: Locator) -> bytes:
    content = locator_bytes(locator)
    if number > 7 or len(locator.platform) != 4 or not 0 < len(content) <= LONGEST_LOCATOR:
        raise ValueError(f"the parent cannot have {locator} as its locator {number}")
    return content

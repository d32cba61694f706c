"""Reads VHD files: what the disk is, then the bytes that it has, a piece at a time.

The order of reading is written down once, as a generator that says which bytes of the file it wants next. ``Stream``
gives it those that arrive, and passes over what is not wanted; ``read_file`` takes them from where they lie.

Whatever is not told of has no data: it is the parent's where the disk has one, else it is zero.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from xapid.formats.vhd.places import allocated, by_place, check_blocks, index_of, place_of, regions_of
from xapid.formats.vhd.structures import (
    FOOTER,
    HEADER,
    SECTOR,
    BadVhd,
    Footer,
    Header,
    Kind,
    Locator,
    Parent,
    bitmap_bytes,
    locator_of,
)

PIECE = 2 * 1024 * 1024
"""Bytes of data that are held at most."""
SLACK = 16 * 1024 * 1024
"""Bytes that a file may have beyond tables and blocks: others leave room to grow, and align."""
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
RUN = re.compile("1+")


@dataclass(frozen=True)
class Facts:
    """What a file says of its disk."""

    kind: Kind
    size: int
    """bytes that a guest sees"""
    uuid: str
    created: int
    """Unix time"""
    creator: str
    """Of the program that made it, four characters."""
    allocated: int
    """Bytes of the blocks in the file; of data there may be less."""
    parent: Parent | None = None
    """Of a differencing disk."""


@dataclass(frozen=True)
class Data:
    """Bytes of the disk: whole sectors, at most ``PIECE``."""

    offset: int
    content: bytes


@dataclass(frozen=True)
class Want:
    """Bytes of the file that are to come next."""

    at: int
    length: int
    field: str
    """What is wrong if they are not there."""
    to_the_end: bool = False
    """As many as there are; none any more is an answer, too."""


Step = Want | Facts | Data
Story = Generator[Step, bytes, None]


# --- From streams and files ---------------------------------------------------------------------------------


class Stream:
    """A file whose bytes arrive in order. Data come in the order of the file, which need not be that of the disk.

    Of a fixed disk nothing is known until its end. So it is taken only where the caller knows its size from elsewhere,
    and what was written of a file that turns out to be none has to be thrown away.
    """

    def __init__(self, fixed_size: int | None = None) -> None:
        """``fixed_size``: bytes that the disk has if it is a fixed one; None: none is taken."""
        self.facts: Facts | None = None
        """Known before the first data; those of a fixed disk at its end."""
        self._story = _story(None, fixed_size)
        self._at = 0
        self._part = bytearray()
        self._want: Want | None = None
        self._go_on(None)

    def feed(self, arrived: bytes) -> list[Data]:
        """The data that are complete with these bytes. Raises BadVhd."""
        rest = memoryview(arrived)
        found: list[Data] = []
        while rest and (want := self._want):
            if not self._part and self._at < want.at:
                passed = min(len(rest), want.at - self._at)
                self._at += passed
                rest = rest[passed:]
                continue
            taken = rest if want.to_the_end else rest[: want.length - len(self._part)]
            self._part += taken
            rest = rest[len(taken) :]
            if want.to_the_end or len(self._part) == want.length:
                found += self._give()
        if rest:
            raise BadVhd("length", "the file goes on behind its end")
        return found

    def end(self) -> None:
        """No more will arrive. Raises BadVhd if the file is not complete."""
        if self._want and not self._want.to_the_end:
            raise BadVhd(self._want.field, f"the file is cut short at {self._at + len(self._part)}")
        if self._want:
            self._give()

    def _give(self) -> list[Data]:
        given = bytes(self._part)
        self._at += len(given)
        self._part.clear()
        return self._go_on(given)

    def _go_on(self, given: bytes | None) -> list[Data]:
        self._want = None
        found = []
        for step in _until_it_wants(self._story, given):
            if isinstance(step, Want):
                if step.at < self._at:
                    raise BadVhd(step.field, f"it lies at {step.at}, before what has to be known first")
                self._want = step
            elif isinstance(step, Facts):
                self.facts = step
            else:
                found.append(step)
        return found


def read_file(fd: int, length: int) -> tuple[Facts, Iterator[Data]]:
    """What an open file or device of this length has, in the order of the disk. Raises BadVhd, OSError."""
    steps = _steps_of(fd, length)
    facts = next(steps)
    assert isinstance(facts, Facts)
    return facts, (step for step in steps if isinstance(step, Data))


def _steps_of(fd: int, length: int) -> Iterator[Facts | Data]:
    story = _story(length, None)
    given: bytes | None = None
    wants = True
    while wants:
        wants = False
        for step in _until_it_wants(story, given):
            if isinstance(step, Want):
                given, wants = _read(fd, step), True
            else:
                yield step


def _until_it_wants(story: Story, given: bytes | None) -> Iterator[Step]:
    """What it tells next, up to and with what it wants; without a wish it is over."""
    try:
        step = story.send(given) if given is not None else next(story)
        while not isinstance(step, Want):
            yield step
            step = next(story)
    except StopIteration:
        return
    yield step


def _read(fd: int, want: Want) -> bytes:
    found = b""
    while len(found) < want.length:
        part = os.pread(fd, want.length - len(found), want.at + len(found))
        if not part:
            raise BadVhd(want.field, f"the file is cut short at {want.at + len(found)}")
        found += part
    return found


# --- The order of reading -----------------------------------------------------------------------------------


def _story(length: int | None, fixed_size: int | None) -> Story:
    """``length``: of a file, in which anything can be read at any time; None: a stream."""
    if length is not None:
        if length < SECTOR:
            raise BadVhd("length", f"{length} bytes are too few")
        footer = Footer.parse((yield Want(length - SECTOR, FOOTER.size, "footer")))
        if footer.kind is Kind.fixed:
            yield from _fixed_file(footer, length)
            return
    else:
        first = yield Want(0, FOOTER.size, "footer")
        if fixed_size is not None and first[:8] != b"conectix":
            yield from _fixed_stream(first, fixed_size)
            return
        footer = Footer.parse(first)
        if footer.kind is Kind.fixed:
            raise BadVhd("footer.type", "the footer of a fixed disk does not come first")
    yield from _sparse(footer, length)


def _fixed_file(footer: Footer, length: int) -> Story:
    if footer.size != length - SECTOR:
        raise BadVhd("footer.size", f"{length - SECTOR} bytes are not a disk of {footer.size}")
    yield _facts(footer, footer.size)
    for at in range(0, footer.size, PIECE):
        yield Data(at, (yield Want(at, min(PIECE, footer.size - at), "data")))


def _fixed_stream(first: bytes, size: int) -> Story:
    if size < SECTOR:
        raise BadVhd("length", "the disk has no room for it")
    yield Data(0, first)
    for at in range(SECTOR, size, PIECE):
        yield Data(at, (yield Want(at, min(PIECE, size - at), "data")))
    footer = Footer.parse((yield Want(size, FOOTER.size, "footer")))
    if footer.kind is not Kind.fixed:
        raise BadVhd("footer.type", "no copy of the footer comes first, so the disk must be a fixed one")
    if footer.size != size:
        raise BadVhd("footer.size", f"{size} bytes are not a disk of {footer.size}")
    yield _facts(footer, size)


def _sparse(footer: Footer, length: int | None) -> Story:
    header = Header.parse((yield Want(footer.header_at, HEADER.size, "header")), footer)
    span = bitmap_bytes(header.block_size) + header.block_size
    room = -(-footer.size // header.block_size) * span + header.table_bytes + SLACK
    limit = room if length is None else length - SECTOR
    regions = regions_of(footer, header, limit)
    blocks = ordered = array("Q")
    found: list[Locator] = []
    for region in regions:
        if region.place is None:
            blocks = allocated((yield Want(region.at, header.table_bytes, region.field)), footer, header)
            ordered = by_place(blocks)
            check_blocks(ordered, footer, header, regions, limit)
        elif length is None and ordered and region.at > place_of(ordered[0]):
            found.append(locator_of(region.place.platform, b""))
        else:
            content = yield Want(region.at, region.place.length, region.field)
            found.append(locator_of(region.place.platform, content))
    parent = replace(header.parent, locators=tuple(found)) if header.parent else None
    yield _facts(footer, len(blocks) * header.block_size, parent)

    if length is not None:
        for block in blocks:
            yield from _block(footer, header, block, limit)
        return
    end = max(region.end for region in regions)
    for block in ordered:
        end = yield from _block(footer, header, block, limit)
    yield from _last_footer(footer, end, limit)


def _block(footer: Footer, header: Header, block: int, limit: int) -> Generator[Step, bytes, int]:
    """What one block has; returns where in the file its last data end."""
    field, at, index = f"table[{index_of(block)}]", place_of(block), index_of(block)
    bitmap = yield Want(at, bitmap_bytes(header.block_size), field)
    if footer.lowest_bit_first:
        bitmap = bitmap.translate(REVERSED)
    at += len(bitmap)
    end = at
    offset = index * header.block_size
    sectors = min(header.block_size, footer.size - offset) // SECTOR
    for first, last in _runs(bitmap, sectors):
        end = at + last * SECTOR
        if end > limit:
            raise BadVhd(field, f"the block lies behind the end of the file: its data end at {end}")
        for start in range(first * SECTOR, last * SECTOR, PIECE):
            size = min(PIECE, last * SECTOR - start)
            yield Data(offset + start, (yield Want(at + start, size, field)))
    return end


def _runs(bitmap: bytes, sectors: int) -> Iterator[tuple[int, int]]:
    """The first sector of each run of ones, and that behind it."""
    bits = f"{int.from_bytes(bitmap):0{len(bitmap) * 8}b}"[:sectors]
    for run in RUN.finditer(bits):
        yield run.span()


def _last_footer(first: Footer, at: int, limit: int) -> Story:
    """All that is left of a stream: its last sector is the footer."""
    tail = b""
    while part := (yield Want(at, PIECE, "length", to_the_end=True)):
        at += len(part)
        tail = (tail + part)[-SECTOR:]
        if at > limit:
            raise BadVhd("length", f"a disk of {first.size} bytes does not take {at}")
    if len(tail) < SECTOR:
        raise BadVhd("length", f"the file is cut short at {at}")
    last = Footer.parse(tail, "last_footer")
    for name in ("kind", "size", "uuid"):
        if getattr(last, name) != getattr(first, name):
            raise BadVhd(f"last_footer.{name}", "it is not that of the first")


def _facts(footer: Footer, allocated: int, parent: Parent | None = None) -> Facts:
    return Facts(footer.kind, footer.size, footer.uuid, footer.created, footer.creator, allocated, parent)

"""Where in a VHD file its parts lie, and that none lies within another: blocks by the table, table and locators."""

from __future__ import annotations

import heapq
import itertools
import sys
from array import array
from bisect import bisect_left
from dataclasses import dataclass

from xapid.formats.vhd.structures import HEADER, SECTOR, UNUSED, BadVhd, Footer, Header, Place, bitmap_bytes

AT_ONCE = 65536
"""Entries that are sorted at a time: as Python's integers they take six times the memory."""


@dataclass(frozen=True)
class Region:
    """Bytes of the file that are no data."""

    at: int
    end: int
    field: str
    place: Place | None = None
    """Of the locator; None: the table."""


def regions_of(footer: Footer, header: Header, limit: int) -> list[Region]:
    """Table and locators in the order of the file. Raises BadVhd if they do not fit into it."""
    table = Region(header.table_at, header.table_at + header.table_bytes, "header.table_offset")
    locators = (
        Region(place.at, place.at + place.length, f"locator[{place.number}].offset", place) for place in header.places
    )
    regions = sorted((table, *locators), key=lambda region: region.at)
    end, before = footer.header_at + HEADER.size, "the header"
    for region in regions:
        if region.at < end:
            raise BadVhd(region.field, f"it lies within {before}")
        if region.end > limit:
            raise BadVhd(region.field, f"it lies behind the end of the file: at {region.at}")
        end, before = region.end, region.field
    return regions


def allocated(table: bytes, footer: Footer, header: Header) -> array[int]:
    """The blocks that are in the file, in the order of the disk: first sector and index, each in 32 bits."""
    entries = array("I", table)
    if sys.byteorder == "little":
        entries.byteswap()
    blocks = array("Q", (sector << 32 | index for index, sector in enumerate(entries) if sector != UNUSED))
    if blocks and index_of(blocks[-1]) * header.block_size >= footer.size:
        raise BadVhd(f"table[{index_of(blocks[-1])}]", "the block lies behind the end of the disk")
    return blocks


def check_blocks(blocks: array[int], footer: Footer, header: Header, regions: list[Region], limit: int) -> None:
    """Raises BadVhd for blocks that lie within something else, or behind the end of the file."""
    free = footer.header_at + HEADER.size
    for block in blocks:
        if place_of(block) < free:
            raise BadVhd(
                f"table[{index_of(block)}]", f"the block lies within another, or the header: at {place_of(block)}"
            )
        free = _end(block, footer, header)
    if blocks and place_of(blocks[-1]) + bitmap_bytes(header.block_size) > limit:
        raise BadVhd(
            f"table[{index_of(blocks[-1])}]", f"the block lies behind the end of the file: at {place_of(blocks[-1])}"
        )
    for region in regions:
        before = bisect_left(blocks, -(-region.end // SECTOR) << 32) - 1
        if before >= 0 and _end(blocks[before], footer, header) > region.at:
            raise BadVhd(f"table[{index_of(blocks[before])}]", f"the block lies within {region.field}")


def _end(block: int, footer: Footer, header: Header) -> int:
    """Where a block ends: the last one of the disk may be cut off with it."""
    size = min(header.block_size, footer.size - index_of(block) * header.block_size)
    return place_of(block) + bitmap_bytes(header.block_size) + size


def by_place(blocks: array[int]) -> array[int]:
    """The same blocks in the order of the file."""
    parts = [array("Q", sorted(blocks[at : at + AT_ONCE])) for at in range(0, len(blocks), AT_ONCE)]
    if all(one[-1] <= other[0] for one, other in itertools.pairwise(parts)):
        return array("Q", b"".join(part.tobytes() for part in parts))
    return array("Q", heapq.merge(*parts))


def place_of(block: int) -> int:
    """Byte of the file."""
    return (block >> 32) * SECTOR


def index_of(block: int) -> int:
    """Which of the table it is."""
    return block & 0xFFFFFFFF

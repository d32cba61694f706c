"""What a VHD file consists of besides data: footer, header, parent locators. All numbers in it are big-endian."""

from __future__ import annotations

import enum
import struct
import uuid as uuids
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

SECTOR = 512
BLOCK = 2 * 1024 * 1024
"""Bytes that an entry of the table stands for in files that are written; those that are read may have others."""
LARGEST = 2040 * 1024**3
"""Bytes of the largest disk: where the geometry of sectors in 32 bits ends for all readers."""
MOST_ENTRIES = 1 << 21
"""Of a table: twice what the largest disk takes. Small disks may have large tables, made for them to grow."""
UNUSED = 0xFFFFFFFF
"""Entry of the table for a block that is not in the file."""
NOWHERE = 0xFFFFFFFFFFFFFFFF
VERSION = 0x00010000
EPOCH = 946684800
"""1 January 2000 in Unix time: times in the file are seconds since then."""
LONGEST_LOCATOR = 65536

FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427x")
HEADER = struct.Struct(">8sQQIIII16sII512s192s256x")
LOCATOR = struct.Struct(">4sIIIQ")
CHECKSUM_OF_FOOTER, CHECKSUM_OF_HEADER = 64, 36
"""Where in them the checksum lies."""

CREATOR, CREATOR_VERSION, CREATOR_SYSTEM = b"win ", 0x000A0000, b"Wi2k"
"""Readers go by these. QEMU takes the size from the geometry, which rounds it, unless it knows the creator as exact;
tapdisk looks for more tables in what was created by itself."""
OLD_TAPDISK = (b"tap\0", 1)
"""The one creator whose bitmaps begin with the lowest bit of each byte."""
RELATIVE, URL = b"W2ru", b"MacX"
"""Platform codes of locators: a relative path in UTF-16, little-endian; a URL of a file in UTF-8."""
LONGEST_NAME = 255
"""Units of UTF-16 in the name of a parent."""


class BadVhd(Exception):
    """What was read is no VHD file, or a damaged one. ``field``: the part that is wrong, ``header.checksum``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class Kind(enum.IntEnum):
    """How the data lie in the file."""

    fixed = 2
    """all of them, from the first byte on"""
    dynamic = 3
    """only blocks that have data"""
    differencing = 4
    """only what differs from a parent"""


# --- Small things -------------------------------------------------------------------------------------------


def checksum(data: bytes, at: int) -> int:
    """The ones' complement of the sum of all bytes but those of the checksum itself, which lies ``at``."""
    return ~(sum(data) - sum(data[at : at + 4])) & 0xFFFFFFFF


def geometry(size: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors of a track for a disk of so many bytes, rounded down."""
    sectors = min(size // SECTOR, 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        return sectors // 255 // 16, 16, 255
    tracks = sectors // 17
    heads = max(4, -(-tracks // 1024))
    if heads <= 16 and tracks < heads * 1024:
        return tracks // heads, heads, 17
    for per_track in (31, 63):
        tracks = sectors // per_track
        if tracks < 16 * 1024:
            break
    return tracks // 16, 16, per_track


def time_in_file(unix: float) -> int:
    """Unix time as the file has it; what it cannot say becomes its first or last second."""
    return max(0, min(0xFFFFFFFF, int(unix) - EPOCH))


def bitmap_bytes(block_size: int) -> int:
    """Bytes of the bitmap before the data of each block: a bit a sector, in whole sectors."""
    return -(-block_size // (SECTOR * 8 * SECTOR)) * SECTOR


# --- Footer -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Footer:
    """The last sector of a file; the first one, too, if it is not fixed."""

    kind: Kind
    size: int
    uuid: str
    created: int
    """Unix time"""
    creator: str = CREATOR.decode()
    header_at: int = SECTOR
    """Byte in the file; of no meaning in a fixed one."""
    lowest_bit_first: bool = False
    """In the bitmaps of blocks."""

    def pack(self) -> bytes:
        data = FOOTER.pack(
            b"conectix",
            2,  # reserved, always set
            VERSION,
            NOWHERE if self.kind is Kind.fixed else self.header_at,
            time_in_file(self.created),
            self.creator.encode("latin-1"),
            CREATOR_VERSION,
            CREATOR_SYSTEM,
            self.size,  # as it was at first
            self.size,
            *geometry(self.size),
            self.kind,
            0,
            uuids.UUID(self.uuid).bytes,
            0,  # no saved state
        )
        return _summed(data, CHECKSUM_OF_FOOTER)

    @classmethod
    def parse(cls, data: bytes, name: str = "footer") -> Self:
        """Raises BadVhd, in whose field the footer has this name."""
        # fmt: off
        (cookie, _, version, header_at, created, creator, creator_version, _, _, size, _, _, _, kind, _, uuid, _) = (
            FOOTER.unpack(data)
        )
        # fmt: on
        if cookie != b"conectix":
            raise BadVhd(f"{name}.cookie", "this is no VHD file")
        _check_sum(data, CHECKSUM_OF_FOOTER, name)
        _check_version(version, name)
        if kind not in tuple(Kind):
            raise BadVhd(f"{name}.type", f"there are no disks of type {kind}")
        if not SECTOR <= size <= LARGEST or size % SECTOR:
            raise BadVhd(f"{name}.size", f"a disk cannot have {size} bytes")
        if kind != Kind.fixed and not (SECTOR <= header_at < 1 << 20 and header_at % SECTOR == 0):
            raise BadVhd(f"{name}.data_offset", f"the header cannot lie at {header_at}")
        return cls(
            Kind(kind),
            size,
            str(uuids.UUID(bytes=uuid)),
            created + EPOCH,
            creator.decode("latin-1"),
            header_at,
            (creator, creator_version) == OLD_TAPDISK,
        )


# --- Header -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Locator:
    """One way to find the parent."""

    platform: str
    """W2ru, W2ku, MacX, ..."""
    path: str
    """As it is written there; empty where it lies behind data in a stream."""


@dataclass(frozen=True)
class Parent:
    """The disk that a differencing one differs from."""

    uuid: str
    name: str
    """Of its file."""
    modified: int = EPOCH
    """Unix time"""
    locators: tuple[Locator, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where in the file a locator lies."""

    number: int
    """0 to 7"""
    platform: bytes
    at: int
    length: int


@dataclass(frozen=True)
class Header:
    """What all but fixed files begin with, behind a copy of the footer."""

    table_at: int
    entries: int
    block_size: int = BLOCK
    parent: Parent | None = None
    """Without its locators."""
    places: tuple[Place, ...] = ()

    @property
    def table_bytes(self) -> int:
        return self.entries * 4

    def pack(self) -> bytes:
        parent = self.parent
        # The room that each has is in sectors, as the specification says; others write bytes, and readers bear both.
        places = [LOCATOR.pack(p.platform, -(-p.length // SECTOR), p.length, 0, p.at) for p in self.places]
        data = HEADER.pack(
            b"cxsparse",
            NOWHERE,
            self.table_at,
            VERSION,
            self.entries,
            self.block_size,
            0,
            uuids.UUID(parent.uuid).bytes if parent else bytes(16),
            time_in_file(parent.modified) if parent else 0,
            0,
            parent.name.encode("utf-16-be") if parent else b"",
            b"".join(places),
        )
        return _summed(data, CHECKSUM_OF_HEADER)

    @classmethod
    def parse(cls, data: bytes, footer: Footer) -> Self:
        """Raises BadVhd."""
        cookie, _, table_at, version, entries, block_size, _, uuid, modified, _, name, places = HEADER.unpack(data)
        if cookie != b"cxsparse":
            raise BadVhd("header.cookie", "there is no header")
        _check_sum(data, CHECKSUM_OF_HEADER, "header")
        _check_version(version, "header")
        if block_size < SECTOR or block_size & (block_size - 1):
            raise BadVhd("header.block_size", f"blocks cannot have {block_size} bytes")
        if not -(-footer.size // block_size) <= entries <= MOST_ENTRIES:
            raise BadVhd("header.entries", f"a disk of {footer.size} bytes does not have {entries} blocks")
        if footer.kind is not Kind.differencing:
            return cls(table_at, entries, block_size)
        if not any(uuid):
            raise BadVhd("header.parent_uuid", "the parent has no uuid")
        text = name.decode("utf-16-be", errors="replace").partition("\0")[0]
        parent = Parent(str(uuids.UUID(bytes=uuid)), text, modified + EPOCH)
        return cls(table_at, entries, block_size, parent, _places(places))


def _places(data: bytes) -> tuple[Place, ...]:
    found = []
    for number, (platform, _, length, _, at) in enumerate(LOCATOR.iter_unpack(data)):
        if not any(platform) or not length:
            continue
        if length > LONGEST_LOCATOR:
            raise BadVhd(f"locator[{number}].length", f"a path does not have {length} bytes")
        found.append(Place(number, platform, at, length))
    return tuple(found)


def locator_bytes(locator: Locator) -> bytes:
    """The path as its platform writes it."""
    if locator.platform.startswith("W2"):
        return locator.path.encode("utf-16-le")
    return locator.path.encode()


def locator_of(platform: bytes, data: bytes) -> Locator:
    """What was read, as far as it is text."""
    code = "utf-16-le" if platform.startswith(b"W2") else "utf-8"
    return Locator(platform.decode("latin-1"), data.decode(code, errors="replace").rstrip("\0"))


def locators_beside(name: str) -> tuple[Locator, ...]:
    """How to find a parent that lies in the same directory."""
    return Locator(RELATIVE.decode(), f".\\{name}"), Locator(URL.decode(), f"file://./{quote(name)}")


def _summed(data: bytes, at: int) -> bytes:
    return data[:at] + struct.pack(">I", checksum(data, at)) + data[at + 4 :]


def _check_sum(data: bytes, at: int, name: str) -> None:
    if struct.unpack_from(">I", data, at)[0] != checksum(data, at):
        raise BadVhd(f"{name}.checksum", "it is not that of the bytes")


def _check_version(version: int, name: str) -> None:
    if version >> 16 != VERSION >> 16:
        raise BadVhd(f"{name}.version", f"version {version >> 16}.{version & 0xFFFF} is not known")

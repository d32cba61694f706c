"""Whatever is wrong with a file: the field says what, and nobody is kept busy with more than the disk's size."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.formats.vhd.disks import Disk, arrived, lying
from xapid.formats.vhd.reading import PIECE, SLACK, Stream
from xapid.formats.vhd.structures import (
    CHECKSUM_OF_FOOTER,
    CHECKSUM_OF_HEADER,
    LARGEST,
    BadVhd,
    checksum,
)
from xapid.formats.vhd.writing import BLOCK

SIZE = 4 * BLOCK
FIRST_BLOCK = 2048
"""Byte at which the first block lies in the file of ``dynamic``."""
SPAN = 512 + BLOCK
Change = Callable[[bytearray], None]


def dynamic() -> bytearray:
    """Four blocks, of which the second and the fourth are in the file."""
    disk = Disk(SIZE, [(BLOCK, 4096), (3 * BLOCK, 512)])
    return bytearray(disk.file(disk.dynamic(whole_blocks=False)))


def differencing() -> bytearray:
    disk = Disk(SIZE, [(BLOCK, 4096)])
    return bytearray(disk.file(disk.differencing()))


def fixed() -> bytearray:
    disk = Disk(BLOCK, [(0, 4096)])
    return bytearray(disk.file(disk.fixed()))


# Changes


def summed(content: bytearray, at: int, length: int, sum_at: int) -> None:
    part = bytes(content[at : at + length])
    struct.pack_into(">I", content, at + sum_at, checksum(part, sum_at))


def in_footers(format: str, at: int, *values: object) -> Change:
    """Change both, and make their checksums right."""

    def change(content: bytearray) -> None:
        for start in (0, len(content) - 512):
            if content[start : start + 8] == b"conectix":
                struct.pack_into(format, content, start + at, *values)
                summed(content, start, 512, CHECKSUM_OF_FOOTER)

    return change


def in_last_footer(format: str, at: int, *values: object) -> Change:
    def change(content: bytearray) -> None:
        struct.pack_into(format, content, len(content) - 512 + at, *values)
        summed(content, len(content) - 512, 512, CHECKSUM_OF_FOOTER)

    return change


def in_header(format: str, at: int, *values: object) -> Change:
    def change(content: bytearray) -> None:
        struct.pack_into(format, content, 512 + at, *values)
        summed(content, 512, 1024, CHECKSUM_OF_HEADER)

    return change


def in_table(index: int, sector: int) -> Change:
    def change(content: bytearray) -> None:
        struct.pack_into(">I", content, 1536 + 4 * index, sector)

    return change


def flipped(at: int) -> Change:
    def change(content: bytearray) -> None:
        content[at] ^= 1

    return change


def cut(length: int) -> Change:
    def change(content: bytearray) -> None:
        del content[length:]

    return change


def locator(number: int, platform: bytes, length: int, at: int) -> Change:
    return in_header(">4sIIIQ", 576 + 24 * number, platform, 1, length, 0, at)


COMMON: list[tuple[str, Change, str]] = [
    ("footer is older", in_footers(">I", 12, 0x00000001), "footer.version"),
    ("footer is newer", in_footers(">I", 12, 0x00020000), "footer.version"),
    ("no type", in_footers(">I", 60, 0), "footer.type"),
    ("type of the future", in_footers(">I", 60, 5), "footer.type"),
    ("no size", in_footers(">Q", 48, 0), "footer.size"),
    ("odd size", in_footers(">Q", 48, SIZE - 1), "footer.size"),
    ("giant", in_footers(">Q", 48, LARGEST + 512), "footer.size"),
    ("size beyond 63 bits", in_footers(">Q", 48, 2**64 - 512), "footer.size"),
    ("header within the footer", in_footers(">Q", 16, 0), "footer.data_offset"),
    ("header at no sector", in_footers(">Q", 16, 513), "footer.data_offset"),
    ("header nowhere", in_footers(">Q", 16, 2**64 - 1), "footer.data_offset"),
    ("header elsewhere", in_footers(">Q", 16, 1024), "header.cookie"),
    ("disk without room in the table", in_footers(">Q", 48, SIZE + 512), "header.entries"),
    ("header is none", in_header(">8s", 0, b"cxsparsf"), "header.cookie"),
    ("header's checksum", flipped(512 + 700), "header.checksum"),
    ("header is newer", in_header(">I", 24, 0x00020000), "header.version"),
    ("no blocks", in_header(">I", 28, 0), "header.entries"),
    ("too few blocks", in_header(">I", 28, 3), "header.entries"),
    ("more blocks than anybody has", in_header(">I", 28, 0xFFFFFFFF), "header.entries"),
    ("blocks of nothing", in_header(">I", 32, 0), "header.block_size"),
    ("odd blocks", in_header(">I", 32, BLOCK - 512), "header.block_size"),
    ("blocks below a sector", in_header(">I", 32, 256), "header.block_size"),
    ("table within the header", in_header(">Q", 16, 512), "header.table_offset"),
    ("table within the footer", in_header(">Q", 16, 0), "header.table_offset"),
    ("table nowhere", in_header(">Q", 16, 2**64 - 1), "header.table_offset"),
    ("table beyond the end", in_header(">Q", 16, SIZE + 2 * SLACK), "header.table_offset"),
    ("block within the header", in_table(0, 1), "table[0]"),
    ("block within the footer", in_table(0, 0), "table[0]"),
    ("block within the table", in_table(1, 3), "table[1]"),
    ("block beyond the end", in_table(2, 0xFFFFFFFE), "table[2]"),
    ("the same block twice", in_table(2, (FIRST_BLOCK + SPAN) // 512), "table[3]"),
    ("blocks within each other", in_table(2, FIRST_BLOCK // 512 + 4096), "table[2]"),
    ("cut within the header", cut(1000), "header"),
]  # fmt: skip
STREAMS: list[tuple[str, Change, str]] = [
    ("nothing", cut(0), "footer"),
    ("cut within the footer", cut(100), "footer"),
    ("no VHD", flipped(0), "footer.cookie"),
    ("footer's checksum", flipped(300), "footer.checksum"),
    ("cut within the table", cut(1540), "header.table_offset"),
    ("cut within a bitmap", cut(FIRST_BLOCK + 10), "table[1]"),
    ("cut within data", cut(FIRST_BLOCK + 512 + 100), "table[1]"),
    ("cut within the last block", cut(FIRST_BLOCK + SPAN + 512), "table[3]"),
    ("cut before the last footer", cut(-512), "last_footer.cookie"),
    ("cut within the last footer", cut(-1), "last_footer.cookie"),
    ("last footer's checksum", flipped(-100), "last_footer.checksum"),
    ("last footer of another", in_last_footer(">Q", 76, 1), "last_footer.uuid"),
    ("last footer of another size", in_last_footer(">Q", 48, BLOCK), "last_footer.size"),
    ("last footer of another type", in_last_footer(">I", 60, 2), "last_footer.kind"),
    ("a fixed one", in_footers(">I", 60, 2), "footer.type"),
    ("a differencing one without a parent", in_footers(">I", 60, 4), "header.parent_uuid"),
    ("something behind", lambda content: content.extend(bytes(512)), "last_footer.cookie"),
    ("a block before the table", in_header(">Q", 16, FIRST_BLOCK + 2 * SPAN + 512), "header.table_offset"),
]
FILES: list[tuple[str, Change, str]] = [
    ("nothing", cut(0), "length"),
    ("cut within the footer", cut(100), "length"),
    ("cut before the footer", cut(-512), "footer.cookie"),
    ("no VHD", flipped(-512), "footer.cookie"),
    ("footer's checksum", flipped(-100), "footer.checksum"),
    ("a fixed one", in_footers(">I", 60, 2), "footer.size"),
    ("a differencing one without a parent", in_footers(">I", 60, 4), "header.parent_uuid"),
]
LOCATORS: list[tuple[str, Change, str]] = [
    ("path within the header", locator(0, b"W2ru", 10, 600), "locator[0].offset"),
    ("path within the table", locator(1, b"MacX", 10, 1540), "locator[1].offset"),
    ("path within another", locator(2, b"W2ku", 10, 2048), "locator[2].offset"),
    ("path nowhere", locator(5, b"W2ku", 10, 2**64 - 1), "locator[5].offset"),
    ("endless path", locator(7, b"W2ku", 65537, 4096), "locator[7].length"),
    ("path within a block", locator(3, b"W2ku", 512, 8192), "table[1]"),
]


def changed(content: bytearray, change: Change) -> bytes:
    change(content)
    return bytes(content)


def refused_by_both(content: bytes, field: str, directory: Path) -> None:
    with pytest.raises(BadVhd) as stream:
        arrived(content)
    with pytest.raises(BadVhd) as file:
        lying(content, directory)
    assert (stream.value.field, file.value.field) == (field, field)


@pytest.mark.parametrize("change, field", [pytest.param(*each[1:], id=each[0]) for each in COMMON])
def test_a_wrong_field_is_named(change: Change, field: str, tmp_path: Path) -> None:
    content = dynamic()
    change(content)
    if field == "header":  # A file whose footer is not lost with what follows.
        with pytest.raises(BadVhd) as error:
            arrived(bytes(content))
        assert error.value.field == field
        return

    refused_by_both(bytes(content), field, tmp_path)


@pytest.mark.parametrize("change, field", [pytest.param(*each[1:], id=each[0]) for each in LOCATORS])
def test_a_wrong_locator_is_named(change: Change, field: str, tmp_path: Path) -> None:
    refused_by_both(changed(differencing(), change), field, tmp_path)


@pytest.mark.parametrize("change, field", [pytest.param(*each[1:], id=each[0]) for each in STREAMS])
def test_a_stream_that_is_damaged_or_cut_short_is_told(change: Change, field: str) -> None:
    with pytest.raises(BadVhd) as error:
        arrived(changed(dynamic(), change))

    assert error.value.field == field


@pytest.mark.parametrize("change, field", [pytest.param(*each[1:], id=each[0]) for each in FILES])
def test_a_file_that_is_damaged_or_cut_short_is_told(change: Change, field: str, tmp_path: Path) -> None:
    with pytest.raises(BadVhd) as error:
        lying(changed(dynamic(), change), tmp_path)

    assert error.value.field == field


def test_data_that_would_lie_in_the_footer_are_refused(tmp_path: Path) -> None:
    content = dynamic()
    in_table(3, (len(content) - 512 - 1024) // 512)(content)
    content[-512 - 1024 : -512] = b"\xff" * 1024

    with pytest.raises(BadVhd) as error:
        lying(bytes(content), tmp_path)

    assert error.value.field == "table[3]"


# Fixed disks


@pytest.mark.parametrize(
    "change, field",
    [
        (cut(100), "footer"),
        (cut(4096), "data"),
        (cut(-512), "footer"),
        (cut(-1), "footer"),
        (flipped(-512), "footer.cookie"),
        (flipped(-300), "footer.checksum"),
        (in_footers(">I", 60, 3), "footer.data_offset"),
        (in_last_footer(">QI", 16, 512, 0), "footer.checksum"),
        (in_footers(">Q", 48, BLOCK - 512), "footer.size"),
        (lambda content: content.extend(b"\0"), "length"),
    ],
)
def test_a_fixed_disk_that_is_damaged_or_cut_short_is_told(change: Change, field: str) -> None:
    content = fixed()
    change(content)
    if field == "footer.checksum":
        content[-1] ^= 1

    with pytest.raises(BadVhd) as error:
        arrived(bytes(content), fixed_size=BLOCK)

    assert error.value.field == field


def test_a_fixed_disk_is_taken_from_a_stream_only_where_its_size_is_known() -> None:
    with pytest.raises(BadVhd) as error:
        arrived(bytes(fixed()))

    assert error.value.field == "footer.cookie"


@pytest.mark.parametrize("size, field", [(BLOCK - 512, "footer.cookie"), (BLOCK + 512, "footer"), (0, "length")])
def test_a_fixed_disk_of_another_size_is_refused(size: int, field: str) -> None:
    with pytest.raises(BadVhd) as error:
        arrived(bytes(fixed()), fixed_size=size)

    assert error.value.field == field


def test_a_guest_whose_disk_begins_like_a_header_gets_none(tmp_path: Path) -> None:
    """A fixed disk with a dynamic file within, as anybody may write into a disk."""
    inner = dynamic()
    disk = Disk(SIZE)
    disk.bytes[: len(inner)] = inner
    disk.extents = [(0, SIZE)]

    facts, data = lying(disk.file(disk.fixed()), tmp_path)

    assert facts.size == SIZE
    assert b"".join(each.content for each in data) == disk.bytes


# Bounds


def test_a_file_that_never_ends_is_refused_when_it_is_longer_than_its_disk_can_be() -> None:
    reader = Stream()
    content = dynamic()
    reader.feed(bytes(content))
    sent = len(content)

    with pytest.raises(BadVhd) as error:
        while True:
            reader.feed(bytes(PIECE))
            sent += PIECE

    assert error.value.field == "length"
    assert sent <= SIZE + 4 * 512 + SLACK + PIECE


def lie(size: int, entries: int) -> bytearray:
    """A header that tells of a large disk, and no table yet."""
    content = dynamic()
    in_footers(">Q", 48, size)(content)
    in_header(">I", 28, entries)(content)
    return content[:1536]


def test_memory_is_taken_for_what_arrived_and_not_for_what_was_told() -> None:
    reader, head = Stream(), bytes(lie(LARGEST, 1 << 21))
    tracemalloc.start()
    try:
        reader.feed(head)
        reader.feed(bytes(1000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1 << 20


def test_a_table_in_the_worst_order_takes_little_more_memory_than_its_bytes() -> None:
    blocks = LARGEST // BLOCK // 8
    first = 1536 // 512 + blocks * 4 // 512
    table = struct.pack(f">{blocks}I", *(first + 4097 * (blocks - 1 - index) for index in range(blocks)))
    reader = Stream()
    reader.feed(bytes(lie(LARGEST // 8, blocks)))
    tracemalloc.start()
    try:
        reader.feed(table)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert reader.facts and reader.facts.allocated == LARGEST // 8
    assert peak < 14 * len(table)


# What others write


def test_bits_that_begin_with_the_lowest_are_read_as_old_tapdisks_wrote_them() -> None:
    content = dynamic()
    in_footers(">4sI", 28, b"tap\0", 1)(content)
    content[FIRST_BLOCK : FIRST_BLOCK + 512] = b"\x01" + bytes(511)

    _, data = arrived(bytes(content))

    assert [(each.offset, len(each.content)) for each in data] == [(BLOCK, 512), (3 * BLOCK + 7 * 512, 512)]


def test_blocks_in_any_order_are_read_each_to_its_place(tmp_path: Path) -> None:
    disk = Disk(3 * BLOCK, [(0, 3 * BLOCK)])
    content = bytearray(disk.file(disk.dynamic()))
    for index, place in enumerate((1, 2, 0)):
        at = FIRST_BLOCK + place * SPAN + 512
        content[at : at + BLOCK] = disk.bytes[index * BLOCK : (index + 1) * BLOCK]
        in_table(index, (FIRST_BLOCK + place * SPAN) // 512)(content)

    facts, of_stream = arrived(bytes(content))
    _, of_file = lying(bytes(content), tmp_path)

    assert facts.allocated == 3 * BLOCK
    assert [each.offset // BLOCK for each in of_stream] == [2, 0, 1]
    assert [each.offset // BLOCK for each in of_file] == [0, 1, 2]
    assert b"".join(each.content for each in of_file) == disk.bytes


def test_what_lies_between_tables_blocks_and_footer_is_passed_over(tmp_path: Path) -> None:
    """tapdisk keeps a table of its own there, and room to grow."""
    content = dynamic()
    gap = 1 << 20
    in_table(1, (FIRST_BLOCK + gap) // 512)(content)
    in_table(3, (FIRST_BLOCK + 2 * gap + SPAN) // 512)(content)
    content[FIRST_BLOCK + SPAN : FIRST_BLOCK + SPAN] = b"x" * gap
    content[FIRST_BLOCK:FIRST_BLOCK] = b"tdbatmap" + b"x" * (gap - 8)
    content[-512:-512] = b"conectix" * (gap // 8)

    facts, of_stream = arrived(bytes(content))
    _, of_file = lying(bytes(content), tmp_path)

    assert facts.allocated == 2 * BLOCK
    assert of_stream == of_file == arrived(bytes(dynamic()))[1]


def test_the_last_block_may_end_with_its_disk(tmp_path: Path) -> None:
    disk = Disk(BLOCK + 4096, [(BLOCK, 4096)])
    content = bytearray(disk.file(disk.dynamic()))
    del content[-512 - (BLOCK - 4096) : -512]

    _, of_stream = arrived(bytes(content))
    _, of_file = lying(bytes(content), tmp_path)

    assert of_stream == of_file
    assert [(each.offset, each.content) for each in of_file] == [(BLOCK, bytes(disk.bytes[BLOCK:]))]


def test_a_path_behind_the_data_is_known_of_files_only(tmp_path: Path) -> None:
    content = differencing()
    at = len(content) - 512
    content[at:at] = "C:\\p.vhd".encode("utf-16-le").ljust(512, b"\0")
    locator(0, b"W2ku", 16, at)(content)

    of_stream, _ = arrived(bytes(content))
    of_file, _ = lying(bytes(content), tmp_path)

    assert of_stream.parent and of_file.parent
    assert [(each.platform, each.path) for each in of_stream.parent.locators][1] == ("W2ku", "")
    assert [(each.platform, each.path) for each in of_file.parent.locators][1] == ("W2ku", "C:\\p.vhd")


def test_smaller_blocks_and_a_table_with_room_are_read() -> None:
    small = 512 * 1024
    disk = Disk(3 * small, [(small, small)])
    content = bytearray(disk.file(disk.dynamic()))
    in_header(">II", 28, 100, small)(content)
    content[1536:] = struct.pack(">100I", 0xFFFFFFFF, 4, *[0xFFFFFFFF] * 98).ljust(512, b"\xff")
    content += b"\xff" * 512 + disk.bytes[small : 2 * small] + content[:512]

    facts, data = arrived(bytes(content))

    assert facts.allocated == small
    assert [(each.offset, each.content) for each in data] == [(small, bytes(disk.bytes[small : 2 * small]))]

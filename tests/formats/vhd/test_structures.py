"""The small things that the specification says: geometry, checksums, times, and which byte is which."""

from __future__ import annotations

import pytest

from tests.formats.vhd.disks import Disk
from xapid.formats.vhd.structures import LARGEST, Footer, Kind, bitmap_bytes, checksum, geometry, time_in_file

MIB = 1024 * 1024


@pytest.mark.parametrize(
    "size, expected",
    [
        (512, (0, 4, 17)),
        (2 * MIB, (60, 4, 17)),
        (31 * 1024 * 16 * 512 - 512, (1023, 16, 31)),
        (64 * MIB, (963, 8, 17)),
        (504 * MIB, (1024, 16, 63)),
        (1024 * MIB, (2080, 16, 63)),
        (65535 * 16 * 63 * 512 - 512, (65534, 16, 63)),
        (65535 * 16 * 63 * 512, (16191, 16, 255)),
        (65535 * 16 * 255 * 512, (65535, 16, 255)),
        (LARGEST, (65535, 16, 255)),
    ],
)
def test_the_geometry_is_that_of_the_appendix(size: int, expected: tuple[int, int, int]) -> None:
    assert geometry(size) == expected


def test_a_checksum_does_not_count_itself() -> None:
    assert checksum(b"\x01\x02\xff\xff\xff\xff\x03", 2) == 0xFFFFFFFF - 6


@pytest.mark.parametrize("unix, expected", [(946684800, 0), (946684801.9, 1), (0, 0), (1e12, 0xFFFFFFFF)])
def test_times_count_from_the_year_2000(unix: float, expected: int) -> None:
    assert time_in_file(unix) == expected


@pytest.mark.parametrize("block, expected", [(2 * MIB, 512), (512 * 1024, 512), (512, 512), (4 * MIB, 1024)])
def test_bitmaps_are_whole_sectors(block: int, expected: int) -> None:
    assert bitmap_bytes(block) == expected


def test_a_footer_is_as_the_specification_lays_it_out() -> None:
    footer = Footer(Kind.dynamic, 2 * MIB, "00112233-4455-6677-8899-aabbccddeeff", 946684800 + 0x01020304).pack()

    assert len(footer) == 512
    assert footer[:28].hex(" ", 4) == "636f6e65 63746978 00000002 00010000 00000000 00000200 01020304"
    assert footer[40:64].hex(" ", 8) == "0000000000200000 0000000000200000 003c041100000003"
    assert footer[68:84].hex() == "00112233445566778899aabbccddeeff"
    assert not any(footer[84:])


def test_a_file_begins_with_its_footer_header_and_table_and_ends_with_the_footer() -> None:
    disk = Disk(4 * MIB, [(2 * MIB, 1)])
    content = disk.file(disk.dynamic())

    assert content[:512] == content[-512:]
    assert content[512:520] == b"cxsparse"
    assert content[1536:2048].hex(" ", 4).split()[:3] == ["ffffffff", "00000004", "ffffffff"]
    assert content[2048:2560] == b"\xff" * 512
    assert len(content) == 2048 + 512 + 2 * MIB + 512

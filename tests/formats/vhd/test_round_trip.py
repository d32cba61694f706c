"""What is written is read again as it was, whatever the disk is like and in whatever parts it arrives."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.vhd.disks import CREATED, MIB, PARENT, SECTOR, UUID, Disk, arrived, laid_on, lying
from xapid.formats.vhd.structures import Kind, Locator, Parent
from xapid.formats.vhd.writing import BLOCK, Extent, Run

# The same disks in every run: what is found once stays found.
some = settings(max_examples=40, derandomize=True, database=None, deadline=None)


@st.composite
def disks(draw: st.DrawFn, everywhere: bool = False) -> Disk:
    """A few MiB, a few extents of any length at any byte."""
    size = draw(st.integers(1, 4 * BLOCK // SECTOR + 3)) * SECTOR
    cuts = sorted(draw(st.sets(st.integers(0, size), max_size=12)))
    extents: list[Extent] = [
        (start, end - start) for start, end in zip(cuts[::2], cuts[1::2], strict=False) if start < end
    ]
    return Disk(size, extents, seed=draw(st.integers(0, 99)), everywhere=everywhere)


parts = st.sampled_from((333, 512, 4096, 65536, 1 << 30))


@some
@given(disks(), st.booleans(), parts)
def test_a_dynamic_disk_comes_back(disk: Disk, whole: bool, part: int) -> None:
    plan = disk.dynamic(whole)

    content = disk.file(plan)
    facts, data = arrived(content, part)

    assert len(content) == plan.length
    assert (facts.kind, facts.size, facts.uuid, facts.created) == (Kind.dynamic, disk.size, UUID, CREATED)
    assert laid_on(bytes(disk.size), data) == disk.bytes
    with tempfile.TemporaryDirectory() as directory:
        assert lying(content, Path(directory)) == (facts, data)


@some
@given(disks(everywhere=True), st.booleans(), parts)
def test_a_differencing_disk_on_its_parent_comes_back(disk: Disk, whole: bool, part: int) -> None:
    """The parent differs within the extents only."""
    parent = bytearray(disk.bytes)
    for offset, length in disk.extents:
        parent[offset : offset + length] = bytes(length)
    plan = disk.differencing(whole)

    content = disk.file(plan)
    facts, data = arrived(content, part)

    assert len(content) == plan.length
    assert facts.kind is Kind.differencing
    assert laid_on(parent, data) == disk.bytes
    with tempfile.TemporaryDirectory() as directory:
        assert lying(content, Path(directory)) == (facts, data)


@some
@given(disks(), parts)
def test_a_fixed_disk_comes_back(disk: Disk, part: int) -> None:
    plan = disk.fixed()

    content = disk.file(plan)
    facts, data = arrived(content, part, fixed_size=disk.size)

    assert content[:-512] == disk.bytes and len(content) == plan.length
    assert (facts.kind, facts.size, facts.allocated) == (Kind.fixed, disk.size, disk.size)
    assert laid_on(b"\x01" * disk.size, data) == disk.bytes
    with tempfile.TemporaryDirectory() as directory:
        facts, data = lying(content, Path(directory))
        assert (facts.kind, laid_on(b"\x01" * disk.size, data)) == (Kind.fixed, disk.bytes)


# What is read and what is sent


@some
@given(disks(), st.booleans())
def test_of_a_dynamic_disk_nothing_is_read_but_its_extents(disk: Disk, whole: bool) -> None:
    disk.file(disk.dynamic(whole))
    disk.file(disk.fixed())

    wanted = bytearray(disk.size)
    for offset, length in disk.extents:
        first, last = offset // SECTOR * SECTOR, -(-(offset + length) // SECTOR) * SECTOR
        wanted[first:last] = b"\x01" * (last - first)
    assert all(all(wanted[offset : offset + length]) for offset, length in disk.reads)
    assert sum(length for _, length in disk.reads) == 2 * sum(wanted)


def test_blocks_without_data_are_not_in_the_file() -> None:
    disk = Disk(100 * BLOCK, [(50 * BLOCK + 4096, 1024)])

    facts, data = arrived(disk.file(disk.dynamic(whole_blocks=False)))

    assert disk.dynamic().length == 512 + 1024 + 512 + 512 + BLOCK + 512
    assert facts.allocated == BLOCK
    assert [(each.offset, len(each.content)) for each in data] == [(50 * BLOCK + 4096, 1024)]


def test_of_a_differencing_disk_whole_blocks_are_read() -> None:
    """Who merges backups block by block takes all of a block from the child."""
    disk = Disk(3 * BLOCK + 4096, [(BLOCK + 5, 1), (3 * BLOCK, 512)], everywhere=True)

    _, data = arrived(disk.file(disk.differencing()))

    assert disk.reads == [(BLOCK, BLOCK), (3 * BLOCK, 4096)]
    assert [(each.offset, len(each.content)) for each in data] == disk.reads


def test_a_plan_of_the_largest_disk_is_small() -> None:
    size = 2040 * 1024**3
    plan = Disk.dynamic(Empty(size, [(0, 1), (size - 1, 1)]))

    pieces = plan.pieces()
    known = sum(each.length if isinstance(each, Run) else len(each) for each in pieces)

    assert plan.length == known == 512 + 1024 + 4 * 2040 * 512 + 2 * (512 + BLOCK) + 512


def test_a_full_disk_of_the_largest_size_has_its_last_block_where_the_table_can_tell() -> None:
    size = 2040 * 1024**3
    plan = Disk.dynamic(Empty(size, [(0, size)]))

    table = list(plan._table()[-4:])

    assert int.from_bytes(table) == (plan.length - 512 - BLOCK - 512) // 512 < 0xFFFFFFFF


class Empty(Disk):
    """One that is too large to have bytes."""

    def __init__(self, size: int, extents: list[Extent]) -> None:
        self.size, self.extents = size, extents


# Parents


def test_the_parent_is_told_of_before_any_data() -> None:
    disk = Disk(BLOCK, [(0, BLOCK)])
    content = disk.file(disk.differencing())

    facts, _ = arrived(content)

    assert facts.parent is not None
    assert (facts.parent.uuid, facts.parent.name, facts.parent.modified) == (PARENT.uuid, PARENT.name, PARENT.modified)
    assert facts.parent.locators == (
        Locator("W2ru", ".\\früher 冊.vhd"),
        Locator("MacX", "file://./fr%C3%BCher%20%E5%86%8A.vhd"),
    )


def test_locators_of_the_caller_are_written_as_they_are() -> None:
    long = Locator("W2ku", "C:\\" + "long\\" * 1000 + "disk.vhd")
    disk = Disk(BLOCK, [(0, 1)])
    content = disk.file(disk.differencing(parent=Parent(PARENT.uuid, "disk.vhd", locators=(long,))))

    facts, _ = arrived(content)

    assert facts.parent and facts.parent.locators == (long,)


@pytest.mark.parametrize(
    "parent",
    [
        Parent(PARENT.uuid, "x" * 256),
        Parent(PARENT.uuid, "\U0001f4be" * 128),
        Parent(PARENT.uuid, "\ud800"),
        Parent(PARENT.uuid, "a\0b"),
        Parent("no uuid", "x"),
        Parent(PARENT.uuid, "x", locators=(Locator("W2ru", ""),)),
        Parent(PARENT.uuid, "x", locators=(Locator("W2", "x"),)),
        Parent(PARENT.uuid, "x", locators=(Locator("W2ru", "x"),) * 9),
        Parent(PARENT.uuid, "x", locators=(Locator("W2ru", "x" * 40000),)),
    ],
)
def test_a_parent_that_the_file_cannot_name_is_refused_before_anything_is_sent(parent: Parent) -> None:
    disk = Disk(BLOCK, [(0, 1)])

    with pytest.raises(ValueError):
        list(disk.differencing(parent=parent).pieces())


# What cannot be written


@pytest.mark.parametrize("size", [0, 511, 513, 2040 * 1024**3 + 512])
def test_a_size_that_no_file_has_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="cannot have"):
        Empty(size, []).dynamic()


@pytest.mark.parametrize("extents", [[(0, 0)], [(-1, 2)], [(MIB, 1), (0, 1)], [(0, 2), (1, 2)], [(4 * MIB - 1, 2)]])
def test_extents_that_are_not_of_the_disk_are_refused(extents: list[Extent]) -> None:
    with pytest.raises(ValueError, match="out of order"):
        Empty(4 * MIB, extents).dynamic()


def test_a_source_that_ends_too_soon_ends_the_file() -> None:
    disk = Disk(BLOCK, [(0, BLOCK)])
    del disk.bytes[4096:]

    with pytest.raises(EOFError, match="4096 instead of 2097152 bytes at 0"):
        disk.file(disk.dynamic())

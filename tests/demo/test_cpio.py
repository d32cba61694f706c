"""Archives for the kernel: read here by a reader of our own, and by the kernel itself in test_boot."""

import stat
from collections.abc import Iterator

import pytest

from xapid.demo import cpio

FIELDS = (
    "inode",
    "mode",
    "uid",
    "gid",
    "links",
    "mtime",
    "size",
    "major",
    "minor",
    "rmajor",
    "rminor",
    "name",
    "check",
)


def members(data: bytes) -> Iterator[tuple[str, dict[str, int], bytes]]:
    place = 0
    while place < len(data):
        assert data[place : place + 6] == b"070701"
        numbers = [int(data[place + 6 + 8 * n : place + 14 + 8 * n], 16) for n in range(len(FIELDS))]
        fields = dict(zip(FIELDS, numbers, strict=True))
        name = data[place + 110 : place + 110 + fields["name"]]
        assert name.endswith(b"\0")
        begin = -(-(place + 110 + fields["name"]) // 4) * 4
        yield name[:-1].decode(), fields, data[begin : begin + fields["size"]]
        place = -(-(begin + fields["size"]) // 4) * 4


def test_an_archive_holds_its_entries_in_order_and_then_the_trailer() -> None:
    entries = [cpio.folder("bin"), cpio.file("bin/a", b"12345"), cpio.file("b", b"")]

    found = list(members(cpio.archive(entries)))

    assert [(name, data) for name, _, data in found] == [
        ("bin", b""),
        ("bin/a", b"12345"),
        ("b", b""),
        ("TRAILER!!!", b""),
    ]


@pytest.mark.parametrize(
    "entry, mode, links",
    [
        (cpio.folder("x"), stat.S_IFDIR | 0o755, 2),
        (cpio.file("x", b"1"), stat.S_IFREG | 0o644, 1),
        (cpio.file("x", b"1", executable=True), stat.S_IFREG | 0o755, 1),
        (cpio.character_device("x", 5, 1), stat.S_IFCHR | 0o600, 1),
    ],
)
def test_an_entry_is_of_its_kind_and_belongs_to_root(entry: cpio.Entry, mode: int, links: int) -> None:
    _, fields, _ = next(members(cpio.archive([entry])))

    assert (fields["mode"], fields["links"]) == (mode, links)
    assert (fields["uid"], fields["gid"], fields["mtime"]) == (0, 0, 0)


def test_a_device_node_has_its_numbers() -> None:
    _, fields, data = next(members(cpio.archive([cpio.character_device("dev/console", 5, 1)])))

    assert (fields["rmajor"], fields["rminor"], data) == (5, 1, b"")

"""QEMU reads what we write, and we read what QEMU writes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.formats.vhd.disks import MIB, Disk, arrived, laid_on, lying
from xapid.backends.process import run
from xapid.formats.vhd.structures import LARGEST, Kind, geometry
from xapid.formats.vhd.writing import BLOCK, Extent

pytestmark = pytest.mark.libvirt


def scattered(size: int, seed: int) -> Disk:
    chance = random.Random(seed)
    starts = sorted(chance.sample(range(0, size - 65536, 65536), 9))
    return Disk(size, [(start, chance.randrange(1, 65536)) for start in starts], seed)


def sizes() -> list[int]:
    return [2 * MIB, 4 * MIB + 512, 20 * MIB, 33 * MIB + 512 * 7]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("size", sizes())
def test_a_dynamic_disk_of_ours_is_the_same_to_qemu(tmp_path: Path, size: int, whole: bool) -> None:
    disk = scattered(size, 1)
    (tmp_path / "ours.vhd").write_bytes(disk.file(disk.dynamic(whole)))
    (tmp_path / "raw").write_bytes(disk.bytes)

    facts = json.loads(run(["qemu-img", "info", "-f", "vpc", "--output=json", "--", str(tmp_path / "ours.vhd")]))
    same = run(
        ["qemu-img", "compare", "-f", "vpc", "-F", "raw", "--", str(tmp_path / "ours.vhd"), str(tmp_path / "raw")]
    )

    assert facts["virtual-size"] == size
    assert "identical" in same


@pytest.mark.parametrize("size", sizes())
def test_a_fixed_disk_of_ours_is_the_same_to_qemu(tmp_path: Path, size: int) -> None:
    disk = scattered(size, 2)
    (tmp_path / "ours.vhd").write_bytes(disk.file(disk.fixed()))
    (tmp_path / "raw").write_bytes(disk.bytes)

    same = run(
        ["qemu-img", "compare", "-f", "vpc", "-F", "raw", "--", str(tmp_path / "ours.vhd"), str(tmp_path / "raw")]
    )

    assert "identical" in same


def test_the_largest_disk_of_ours_is_as_large_to_qemu(tmp_path: Path) -> None:
    disk = Disk(512)
    disk.size, disk.extents = LARGEST, []
    (tmp_path / "ours.vhd").write_bytes(disk.file(disk.dynamic()))

    facts = json.loads(run(["qemu-img", "info", "-f", "vpc", "--output=json", "--", str(tmp_path / "ours.vhd")]))

    assert facts["virtual-size"] == LARGEST


@pytest.mark.parametrize("kind", [Kind.dynamic, Kind.fixed])
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("size", sizes())
def test_a_disk_of_qemu_comes_back(tmp_path: Path, size: int, exact: bool, kind: Kind) -> None:
    """Without ``force_size`` QEMU makes disks larger, so that their geometry says their size."""
    disk = scattered(size, 3)
    (tmp_path / "raw").write_bytes(disk.bytes)
    options = f"subformat={kind.name},force_size={'on' if exact else 'off'}"
    target = tmp_path / "qemu.vhd"
    run(["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", options, "--", str(tmp_path / "raw"), str(target)])
    content = target.read_bytes()

    facts, data = lying(content, tmp_path)
    of_stream, streamed = arrived(content, fixed_size=facts.size if kind is Kind.fixed else None)

    assert facts == of_stream
    assert (facts.kind, facts.size >= size) == (kind, True)
    assert not exact or facts.size == size
    assert laid_on(bytes(facts.size), data) == disk.bytes.ljust(facts.size, b"\0")
    assert laid_on(bytes(facts.size), streamed) == disk.bytes.ljust(facts.size, b"\0")


def test_what_qemu_wrote_at_random_comes_back_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "qemu.vhd"
    run(["qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "--", str(path), str(10 * BLOCK)])
    writes: list[tuple[int, Extent]] = [
        (0x61, (7 * BLOCK, 4096)),
        (0x62, (BLOCK, 512)),
        (0x63, (4 * BLOCK - 512, 1024)),
    ]
    commands = [argument for byte, (at, size) in writes for argument in ("-c", f"write -P {byte} {at} {size}")]
    run(["qemu-io", "-f", "vpc", *commands, "--", str(path)])

    facts, data = arrived(path.read_bytes())

    disk = laid_on(bytes(facts.size), data)
    assert [each.offset // BLOCK for each in data] == [7, 1, 3, 4]
    assert all(disk[at : at + size] == bytes([byte]) * size for byte, (at, size) in writes)
    assert len(disk.replace(b"\0", b"")) == 4096 + 512 + 1024


@pytest.mark.parametrize("size", [2 * MIB, 65 * MIB, 600 * MIB, 2000 * MIB, 40_000 * MIB, 200_000 * MIB])
def test_the_geometry_is_that_of_qemu_where_it_says_the_whole_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "qemu.vhd"
    run(["qemu-img", "create", "-q", "-f", "vpc", "--", str(path), str(size)])
    footer = path.read_bytes()[:512]

    rounded = int.from_bytes(footer[48:56])

    assert rounded >= size
    assert geometry(rounded) == (int.from_bytes(footer[56:58]), footer[58], footer[59])

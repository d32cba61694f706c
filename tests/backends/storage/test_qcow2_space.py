"""Room for qcow2 images: what QEMU itself says of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, write
from xapid.backends.interface import Failed
from xapid.backends.storage import qcow2, qcow2_space
from xapid.backends.storage.interface import Disk, VolumeFormat

GIB = 1024 * MIB


@pytest.mark.libvirt
@pytest.mark.parametrize("size", [MIB, 512 * MIB, 512 * MIB + 65536, 100 * GIB, 2040 * GIB, 64 * 1024 * GIB])
def test_an_image_has_room_for_all_that_it_may_come_to_hold(size: int) -> None:
    command = ["qemu-img", "measure", "--output", "json", "-O", "qcow2", "--size", str(size)]
    said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

    needed = qcow2_space.whole_size(size)

    assert said["fully-allocated"] <= needed <= said["fully-allocated"] * 1.001 + 2 * MIB


def test_a_new_image_is_empty_and_ends_with_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "new.qcow2"
    qcow2.create(path, GIB)

    assert qcow2_space.is_empty(path)
    assert qcow2_space.end(path) == qcow2.pristine_size(GIB) == path.stat().st_size


@pytest.mark.libvirt
def test_an_image_ends_where_the_last_cluster_does(tmp_path: Path) -> None:
    disk = Disk(str(tmp_path / "x.qcow2"), VolumeFormat.qcow2)
    path = Path(disk.path)
    qcow2.create(path, 64 * GIB)
    write(disk, (63 * GIB, b"x" * 3 * MIB), (0, b"x"))
    used = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(used + 8 * MIB)  # As a logical volume is longer.

    assert not qcow2_space.is_empty(path)
    assert used - 65536 <= qcow2_space.end(path) <= used


@pytest.mark.parametrize(
    "at, value", [(0, b"QFI\0"), (20, b"\0\0\0\x20"), (48, b"\x7f" * 8), (56, b"\x7f" * 4), (48, bytes(8))]
)
def test_tables_that_lie_nowhere_are_told(tmp_path: Path, at: int, value: bytes) -> None:
    path = tmp_path / "x.qcow2"
    qcow2.create(path, GIB)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(value)

    with pytest.raises(Failed):
        qcow2_space.end(path)


@pytest.mark.parametrize("at, value", [(0, b"QFI\0"), (36, b"\x7f" * 4), (40, b"\x7f" * 8)])
def test_a_first_table_that_lies_nowhere_is_told(tmp_path: Path, at: int, value: bytes) -> None:
    path = tmp_path / "x.qcow2"
    qcow2.create(path, GIB)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(value)

    with pytest.raises(Failed):
        qcow2_space.is_empty(path)

"""What volumes hold, summed up in a few digits."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, Rig, fresh, image, open_in_qemu, whole, write
from xapid.backends.interface import InUse, NotSupported
from xapid.backends.storage.digests import PIECE, digest
from xapid.backends.storage.interface import Volume, VolumeFormat
from xapid.backends.storage.sim import Sim

SIZE = 2 * PIECE + 6 * MIB


def digest_of(rig: Rig, volume: Volume) -> str:
    reader = fresh()
    disk = rig.driver.attach(volume, reader, False)
    try:
        return rig.driver.digest(volume, disk)
    finally:
        rig.driver.detach(volume, reader)


@pytest.mark.parametrize("format", [VolumeFormat.qcow2, VolumeFormat.raw])
def test_a_volume_is_summed_up_as_its_guest_reads_it(rig_with_tools: Rig, format: VolumeFormat) -> None:
    rig = rig_with_tools
    if isinstance(rig.driver, Sim):
        with pytest.raises(NotSupported):
            digest_of(rig, rig.volume())
        return
    volume = rig.driver.create(rig.sr, rig.new(SIZE, format))
    empty = digest_of(rig, volume)
    # Across the end of a piece, and at the end of the disk.
    volume = rig.written(volume, (PIECE - 4096, b"across" * 2048), (volume.size - 512, b"e" * 512))

    found = digest_of(rig, volume)

    reader = fresh()
    contents = whole(rig.driver.attach(volume, reader, False))
    rig.driver.detach(volume, reader)
    assert contents[PIECE : PIECE + 4] and len(contents) == volume.size
    assert found == hashlib.md5(contents, usedforsecurity=False).hexdigest()
    assert empty == hashlib.md5(bytes(volume.size), usedforsecurity=False).hexdigest()


@pytest.mark.libvirt
def test_a_snapshot_is_summed_up_with_what_it_continues(file_rig: Rig) -> None:
    volume = file_rig.written(file_rig.volume(SIZE), (0, b"before"))
    before = digest_of(file_rig, volume)

    branch = file_rig.snapshot(volume)
    changed = file_rig.written(branch.active, (PIECE, b"after"))

    assert digest_of(file_rig, branch.new) == before
    assert digest_of(file_rig, changed) != before


@pytest.mark.libvirt
def test_what_a_process_of_qemu_writes_is_not_summed_up(tmp_path: Path) -> None:
    disk = image(tmp_path, MIB)
    with open_in_qemu(disk), pytest.raises(InUse):
        digest(disk, MIB)
    write(disk, (0, b"x"))

    assert digest(disk, MIB) == hashlib.md5(b"x".ljust(MIB, b"\0"), usedforsecurity=False).hexdigest()

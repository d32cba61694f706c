"""The disk of a guest may look like anything: its format is the one of its record, never guessed from its bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends.storage.hostile import directory, image, put, secret
from tests.backends.storage.rig import MIB, Rig, fresh
from xapid.backends.process import run
from xapid.backends.storage import qcow2
from xapid.backends.storage.interface import Volume, VolumeFormat


def partitions() -> bytes:
    entry = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x8E, b"\xff" * 3, 1, 1000)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def physical_volume() -> bytes:
    """The label of LVM, in the second sector."""
    return bytes(512) + b"LABELONE" + struct.pack("<QII8s32s", 1, 0, 32, b"LVM2 001", b"x" * 32)


def image_within(rig: Rig) -> bytes:
    path = directory(rig).parent / "inner.qcow2"
    qcow2.create(path, 64 * MIB, qcow2.Backing(str(secret(rig)), "raw"))
    return path.read_bytes()


LOOKS: dict[str, Callable[[Rig], bytes]] = {
    "partitions": lambda rig: partitions(),
    "physical volume": lambda rig: physical_volume(),
    "qcow2": image_within,
    "vhd": lambda rig: b"conectix" + bytes(504),
    "vmdk": lambda rig: b'# Disk DescriptorFile\nversion=1\nRW 8 FLAT "' + str(secret(rig)).encode() + b'" 0\n',
    "luks": lambda rig: b"LUKS\xba\xbe\0\2" + bytes(504),
}


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_raw_disk_is_raw_whatever_a_guest_wrote_to_it(file_rig: Rig, looks: Callable[[Rig], bytes]) -> None:
    volume = file_rig.volume(format=VolumeFormat.raw)
    put(image(file_rig, volume), 0, looks(file_rig))

    disk = file_rig.driver.attach(volume, fresh(), False)
    (found,) = file_rig.driver.scan(file_rig.sr).volumes

    assert (disk.format, found.format, found.size) == (VolumeFormat.raw, VolumeFormat.raw, volume.size)


@pytest.mark.libvirt
@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_copy_of_a_raw_disk_has_its_bytes(file_rig: Rig, looks: Callable[[Rig], bytes], tmp_path: Path) -> None:
    volume = file_rig.volume(format=VolumeFormat.raw)
    put(image(file_rig, volume), 0, looks(file_rig))
    bytes_of_disk = image(file_rig, volume).read_bytes()

    raw = file_rig.driver.copy(volume, file_rig.sr, file_rig.new(format=VolumeFormat.raw))
    copy = file_rig.driver.copy(raw, file_rig.sr, file_rig.new(format=VolumeFormat.qcow2))

    assert image(file_rig, raw).read_bytes() == bytes_of_disk
    assert seen(file_rig, copy, tmp_path) == bytes_of_disk


@pytest.mark.libvirt
@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_snapshot_of_a_raw_disk_has_its_bytes(file_rig: Rig, looks: Callable[[Rig], bytes], tmp_path: Path) -> None:
    volume = file_rig.volume(format=VolumeFormat.raw)
    put(image(file_rig, volume), 0, looks(file_rig))
    bytes_of_disk = image(file_rig, volume).read_bytes()

    branch = file_rig.snapshot(volume)

    assert seen(file_rig, branch.active, tmp_path) == seen(file_rig, branch.new, tmp_path) == bytes_of_disk


@pytest.mark.libvirt
@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_raw_disk_grows_as_one(file_rig: Rig, looks: Callable[[Rig], bytes]) -> None:
    volume = file_rig.volume(format=VolumeFormat.raw)
    put(image(file_rig, volume), 0, looks(file_rig))
    before = image(file_rig, volume).read_bytes()

    grown = file_rig.driver.resize(volume, volume.size + MIB)

    assert grown.size == volume.size + MIB
    assert image(file_rig, volume).read_bytes() == before + bytes(MIB)


@pytest.mark.libvirt
def test_an_image_within_a_disk_stays_within(file_rig: Rig, tmp_path: Path) -> None:
    """A guest with nested guests: what its disk holds is not opened, however often it is copied."""
    volume = file_rig.volume()
    raw = tmp_path / "raw"
    raw.write_bytes(image_within(file_rig).ljust(volume.size, b"\0"))
    run(["qemu-img", "convert", "-n", "-f", "raw", "-O", "qcow2", str(raw), str(image(file_rig, volume))])

    unpacked = file_rig.driver.copy(volume, file_rig.sr, file_rig.new(format=VolumeFormat.raw))
    again = file_rig.driver.copy(unpacked, file_rig.sr, file_rig.new(format=VolumeFormat.qcow2))

    assert image(file_rig, unpacked).read_bytes() == raw.read_bytes()
    assert seen(file_rig, again, tmp_path) == raw.read_bytes()


def seen(rig: Rig, volume: Volume, tmp_path: Path) -> bytes:
    """What a guest sees of a volume, as it would be opened."""
    disk = rig.driver.attach(volume, "reader", False)
    run(["qemu-img", "convert", "-f", disk.format, "-O", "raw", "--", disk.path, str(tmp_path / "seen")])
    return (tmp_path / "seen").read_bytes()

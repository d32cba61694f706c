"""Images beneath an open disk become one while the disk is used."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.backends.datapath.disk_rig import MIB, Rig, in_use
from tests.backends.domain.hypervisor import PATIENCE, Hypervisor, within
from tests.backends.storage.rig import whole, write
from xapid.backends.datapath.sim import SimDatapath
from xapid.backends.domain.interface import DiskSpec
from xapid.backends.interface import Failed, NotFound
from xapid.backends.storage import qcow2
from xapid.backends.storage.interface import Disk, VolumeFormat

if TYPE_CHECKING:
    from libvirt import virConnect

SLOW = 1 * MIB
"""Bytes a second."""


def below(disk: Disk) -> str:
    """The name of the image that one continues, as its header says."""
    found = qcow2.backing(Path(disk.path))
    return "" if found is None else found.file


# Of guests: what every datapath promises


def chain(hypervisor: Hypervisor, length: int = 4, kilobytes: int = 64) -> list[Disk]:
    """Images that continue each other, the lowest first, each with bytes of its own."""
    images = [hypervisor.disk()]
    for number in range(1, length):
        images.append(hypervisor.disk(backing=images[-1]))
        if not hypervisor.simulated:
            write(images[-1], (number * 32 * 1024, bytes([number]) * 1024 * kilobytes))
    return images


def running(hypervisor: Hypervisor, images: list[Disk]) -> tuple[str, DiskSpec]:
    drive = hypervisor.drive(disk=images[-1])
    spec = hypervisor.spec(disks=(drive,))
    hypervisor.driver.start(spec, paused=False)
    return spec.uuid, drive


def merged(hypervisor: Hypervisor, uuid: str, drive: DiskSpec, image: Disk, into: Disk) -> bool:
    hypervisor.datapath.merge(uuid, drive.vbd, image, into)
    return within(PATIENCE, lambda: hypervisor.datapath.merging(uuid, drive.vbd) is None)


@pytest.mark.parametrize("place", [1, 2])
def test_an_image_is_merged_into_the_one_it_continues(hypervisor: Hypervisor, place: int) -> None:
    images = chain(hypervisor)
    before = None if hypervisor.simulated else whole(images[-1])
    uuid, drive = running(hypervisor, images)

    assert merged(hypervisor, uuid, drive, images[place], images[place - 1])

    assert hypervisor.datapath.open_files(uuid) == {drive.vbd: images[-1].path}
    if before is not None:
        assert below(images[place + 1]) == Path(images[place - 1].path).name
        Path(images[place].path).unlink()
        hypervisor.driver.destroy(uuid)
        assert whole(images[-1]) == before


def test_all_that_is_beneath_a_disk_becomes_one_image_and_the_guest_can_be_snapshotted(hypervisor: Hypervisor) -> None:
    images = chain(hypervisor)
    before = None if hypervisor.simulated else whole(images[-1])
    uuid, drive = running(hypervisor, images)
    overlay = hypervisor.disk(backing=images[-1])
    hypervisor.datapath.switch(uuid, {drive.vbd: overlay})
    images.append(overlay)

    while len(images) > 2:
        assert merged(hypervisor, uuid, drive, images[1], images[0])
        Path(images.pop(1).path).unlink(missing_ok=True)

    last = hypervisor.disk(backing=overlay)
    hypervisor.datapath.switch(uuid, {drive.vbd: last})
    assert hypervisor.datapath.open_files(uuid) == {drive.vbd: last.path}
    if before is not None:
        hypervisor.driver.destroy(uuid)
        assert whole(last) == before
        assert below(overlay) == Path(images[0].path).name


def test_a_merge_that_is_left_off_changes_nothing_and_can_begin_anew(hypervisor: Hypervisor) -> None:
    images = chain(hypervisor, kilobytes=8 * 1024)
    uuid, drive = running(hypervisor, images)
    if isinstance(hypervisor.datapath, SimDatapath):
        hypervisor.datapath.merges_end = False
    for _ in range(2):
        hypervisor.datapath.merge(uuid, drive.vbd, images[1], images[0], SLOW)
    far = hypervisor.datapath.merging(uuid, drive.vbd)
    assert far is not None
    assert 0 <= far < 1

    for _ in range(2):
        hypervisor.datapath.unmerge(uuid, drive.vbd)

    assert hypervisor.datapath.merging(uuid, drive.vbd) is None
    if isinstance(hypervisor.datapath, SimDatapath):
        hypervisor.datapath.merges_end = True
    else:
        assert below(images[2]) == Path(images[1].path).name
    assert merged(hypervisor, uuid, drive, images[1], images[0])


def test_a_machine_ends_while_images_beneath_its_disk_are_merged(hypervisor: Hypervisor) -> None:
    images = chain(hypervisor, kilobytes=8 * 1024)
    before = None if hypervisor.simulated else whole(images[-1])
    uuid, drive = running(hypervisor, images)
    hypervisor.datapath.merge(uuid, drive.vbd, images[1], images[0], SLOW)

    hypervisor.driver.destroy(uuid)

    for asked in (hypervisor.datapath.merging, hypervisor.datapath.unmerge):
        with pytest.raises(NotFound):
            asked(uuid, drive.vbd)
    if before is not None:
        assert below(images[2]) == Path(images[1].path).name
        assert whole(images[-1]) == before


def test_only_what_is_there_is_merged(hypervisor: Hypervisor) -> None:
    images = chain(hypervisor, 2)
    uuid, _ = running(hypervisor, images)
    gone, datapath = hypervisor.spec().uuid, hypervisor.datapath

    for machine, named in ((uuid, "vbd"), (gone, "domain")):
        for asked in (
            partial(datapath.merge, machine, "unknown", images[1], images[0]),
            partial(datapath.merging, machine, "unknown"),
            partial(datapath.unmerge, machine, "unknown"),
        ):
            with pytest.raises(NotFound) as error:
                asked()
            assert named in error.value.facts


# Of the guests of a libvirt that was killed just when a merge had ended


def behind_the_back_of_libvirt(real: Hypervisor, connection: virConnect) -> tuple[list[Disk], bytes, str, DiskSpec]:
    """Images, what they hold, and a guest: it does not read through one any more of which libvirt believes that."""
    from xapid.backends.datapath import merges
    from xapid.backends.datapath.libvirt_monitor import LibvirtMonitor

    images = chain(real, 5, kilobytes=4 * 1024)
    before = whole(images[-1])
    uuid, drive = running(real, images)
    monitor = LibvirtMonitor(connection.lookupByUUIDString(uuid))
    top = monitor.drive(drive.vbd)["node-name"]
    merges.begin(monitor, drive.vbd, top, Path(images[3].path), Path(images[2].path), 0)
    assert within(PATIENCE, lambda: merges.progress(monitor, drive.vbd) is None)
    Path(images.pop(3).path).unlink()
    return images, before, uuid, drive


@pytest.mark.libvirt
def test_images_are_merged_although_libvirt_has_missed_a_merge(
    real: Hypervisor, libvirt_connection: virConnect
) -> None:
    images, before, uuid, drive = behind_the_back_of_libvirt(real, libvirt_connection)

    for _ in range(2):
        assert merged(real, uuid, drive, images[1], images[0])
        Path(images.pop(1).path).unlink()

    last = real.disk(backing=images[-1])
    real.datapath.switch(uuid, {drive.vbd: last})
    assert real.datapath.open_files(uuid) == {drive.vbd: last.path}
    assert merged(real, uuid, drive, images[-1], images[0])
    real.driver.destroy(uuid)
    assert whole(last) == before


@pytest.mark.libvirt
def test_a_merge_of_which_libvirt_knows_nothing_is_left_off(real: Hypervisor, libvirt_connection: virConnect) -> None:
    images, _, uuid, drive = behind_the_back_of_libvirt(real, libvirt_connection)
    real.datapath.merge(uuid, drive.vbd, images[1], images[0], SLOW)
    real.datapath.merge(uuid, drive.vbd, images[1], images[0], SLOW)
    far = real.datapath.merging(uuid, drive.vbd)
    assert far is not None
    assert far < 1

    real.datapath.unmerge(uuid, drive.vbd)

    assert real.datapath.merging(uuid, drive.vbd) is None
    assert below(images[2]) == Path(images[1].path).name


# Of the storage programs of guests of Xen


@pytest.mark.libvirt
@pytest.mark.parametrize("lowest", VolumeFormat)
def test_a_storage_program_merges_what_it_has_open(rig: Rig, lowest: VolumeFormat) -> None:
    base = rig.image(format=lowest)
    drive = rig.drive(rig.image(backing=base))
    device = rig.devices[rig.disks.open(rig.owner, drive)]
    assert drive.disk is not None
    images = [base, drive.disk]
    for number in range(3):
        device.write(number, bytes([number + 1]))
        images.append(rig.image(backing=images[-1]))
        rig.disks.switch(rig.owner, {drive.vbd: images[-1]})

    while len(images) > 2:
        rig.disks.merge(rig.owner, drive.vbd, images[1].path, images[0].path, 0)
        assert within(10, lambda: rig.disks.merging(rig.owner, drive.vbd) is None)
        gone = images.pop(1)
        assert not in_use(gone)
        Path(gone.path).unlink()

    device.write(3, b"\4")
    assert device.read(0, 5) == b"\1\2\3\4\0"
    assert qcow2.backing(Path(images[1].path)) == qcow2.Backing(Path(base.path).name, lowest)
    rig.disks.release(rig.owner, drive.vbd)
    assert whole(images[1])[:5] == b"\1\2\3\4\0"


@pytest.mark.libvirt
def test_a_storage_program_leaves_a_merge_off_with_the_disk(rig: Rig) -> None:
    base = rig.image()
    middle = rig.image(backing=base)
    write(middle, (0, b"x" * 4 * MIB))
    drive = rig.drive(rig.image(backing=middle))
    rig.disks.open(rig.owner, drive)
    rig.disks.merge(rig.owner, drive.vbd, middle.path, base.path, 1024)
    assert rig.disks.merging(rig.owner, drive.vbd) is not None

    rig.disks.release(rig.owner, drive.vbd)

    assert rig.disks.owners() == []
    subprocess.run(["qemu-img", "check", "-q", base.path], check=True)
    assert drive.disk is not None
    assert whole(drive.disk)[: 4 * MIB] == b"x" * 4 * MIB


@pytest.mark.libvirt
def test_a_storage_program_merges_only_what_is_open(rig: Rig) -> None:
    base = rig.image()
    drive = rig.drive(rig.image(backing=base))
    rig.disks.open(rig.owner, drive)
    assert drive.disk is not None

    with pytest.raises(NotFound):
        rig.disks.merge(rig.owner, str(uuid4()), drive.disk.path, base.path, 0)
    with pytest.raises(NotFound):
        rig.disks.merge(rig.owner, drive.vbd, rig.image().path, base.path, 0)
    with pytest.raises(Failed):
        rig.disks.merge(rig.owner, drive.vbd, base.path, drive.disk.path, 0)
    assert rig.disks.merging(rig.owner, drive.vbd) is None

"""The datapath of Xen guests, with machines that are not there: their disks are."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.datapath.nbd_client import ClientDevices
from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.datapath.xen import XenDatapath
from xapid.backends.domain.interface import DiskSpec
from xapid.backends.interface import NotFound, NotSupported
from xapid.backends.storage.interface import Disk, VolumeFormat

pytestmark = pytest.mark.libvirt

MACHINE, VBD = "7d1f9a3e-0000-4000-8000-000000000001", "7d1f9a3e-0000-4000-8000-0000000000d0"


class Machines:
    """One runs."""

    def running(self, uuid: str) -> object:
        if uuid != MACHINE:
            raise NotFound(f"there is no domain {uuid}", domain=uuid)
        return uuid


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[OpenDisks]:
    devices = ClientDevices()
    disks = OpenDisks(tmp_path / "disks", devices)
    yield disks
    disks.release_all(MACHINE)
    disks.close()
    devices.close()


def test_a_machine_without_disks_has_none_open(disks: OpenDisks) -> None:
    datapath = XenDatapath(Machines(), disks)

    datapath.switch(MACHINE, {})

    assert datapath.open_files(MACHINE) == {}
    with pytest.raises(NotFound) as moved:
        datapath.switch(MACHINE, {VBD: Disk("/nowhere", VolumeFormat.qcow2)})
    with pytest.raises(NotFound) as grown:
        datapath.resize(MACHINE, VBD, 1 << 20)
    assert moved.value.facts == grown.value.facts == {"vbd": VBD}


def test_of_a_machine_that_does_not_run_nothing_is_known(disks: OpenDisks) -> None:
    datapath = XenDatapath(Machines(), disks)

    for asked in (
        lambda: datapath.switch("another", {}),
        lambda: datapath.resize("another", VBD, 1 << 20),
        lambda: datapath.open_files("another"),
    ):
        with pytest.raises(NotFound) as error:
            asked()
        assert error.value.facts == {"domain": "another"}


def test_a_disk_cannot_go_on_in_a_raw_file(disks: OpenDisks, tmp_path: Path) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "a.qcow2"), "1M"], check=True)
    disk = Disk(str(tmp_path / "a.qcow2"), VolumeFormat.qcow2)
    disks.open(MACHINE, DiskSpec(VBD, 0, "disk", disk))
    (tmp_path / "b.raw").write_bytes(bytes(1 << 20))
    datapath = XenDatapath(Machines(), disks)

    with pytest.raises(NotSupported):
        datapath.switch(MACHINE, {VBD: Disk(str(tmp_path / "b.raw"), VolumeFormat.raw)})

    assert datapath.open_files(MACHINE) == {VBD: disk.path}

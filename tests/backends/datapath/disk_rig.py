"""Open disks of a test: with QEMU's own storage daemon and, in place of the kernel, a client of the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.backends.datapath.kernel_devices import KernelDevices
from tests.backends.datapath.nbd_client import ClientDevices
from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.datapath.qmp import Qmp
from xapid.backends.datapath.storage_program import StorageProgram
from xapid.backends.domain.interface import DiskSpec
from xapid.backends.storage.interface import Disk, VolumeFormat

MIB = 1 << 20


class Rig:
    """What the tests have in hand."""

    def __init__(self, folder: Path, devices: type[ClientDevices] | type[KernelDevices]) -> None:
        self.folder = folder
        # Deeper than the path of a socket may be long.
        self.state = folder / ("d" * 60) / "disks"
        self.owner = str(uuid4())
        self.devices = devices()
        self.disks = OpenDisks(self.state, self.devices)

    def image(self, backing: Disk | None = None, format: VolumeFormat = VolumeFormat.qcow2) -> Disk:
        path = self.folder / f"{uuid4()}.{format}"
        above = ["-b", Path(backing.path).name, "-F", backing.format.value] if backing else []
        size = [] if backing else [str(8 * MIB)]
        subprocess.run(["qemu-img", "create", "-q", "-f", format.value, *above, str(path), *size], check=True)
        return Disk(str(path), format)

    def drive(self, disk: Disk, **changes: object) -> DiskSpec:
        return DiskSpec(str(uuid4()), 0, **{"device": "disk", "disk": disk} | changes)  # type: ignore[arg-type]

    @contextmanager
    def monitor(self) -> Iterator[Qmp]:
        """Past the driver."""
        with StorageProgram(self.state / self.owner, 10.0).session() as monitor:
            yield monitor

    def node(self, monitor: Qmp, drive: DiskSpec) -> str:
        """Where its device reads."""
        (found,) = [each for each in monitor.execute("query-named-block-nodes") if each["node-name"][-5:] == "-0001"]
        assert drive.disk is not None
        assert isinstance(found["node-name"], str)
        return found["node-name"]

    def program(self, owner: str = "") -> int:
        """pid of the program that serves a guest's disks."""
        return int((self.state / (owner or self.owner) / "pid").read_text())


def in_use(disk: Disk) -> bool:
    """Whether a program holds an image so that others may not even read it."""
    asked = subprocess.run(["qemu-img", "info", "-f", "qcow2", disk.path], capture_output=True)
    return b"lock" in asked.stderr

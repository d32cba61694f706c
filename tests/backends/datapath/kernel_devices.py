"""The kernel's NBD devices, read and written as a test does with those in their place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.datapath.nbd import READ_ONLY, Export
from xapid.backends.datapath.nbd_devices import SYSFS, NbdDevices

SECTOR = 512


@dataclass
class KernelDevice:
    """One of them. What it holds is read anew each time."""

    path: Path

    @property
    def export(self) -> Export:
        facts = SYSFS / self.path.name
        read_only = (facts / "ro").read_text().strip() == "1"
        return Export(int((facts / "size").read_text()) * SECTOR, READ_ONLY if read_only else 0)

    def read(self, offset: int, length: int) -> bytes:
        device = os.open(self.path, os.O_RDONLY)
        try:
            return os.pread(device, length, offset)
        finally:
            os.close(device)

    def write(self, offset: int, data: bytes) -> None:
        device = os.open(self.path, os.O_RDWR)
        try:
            os.pwrite(device, data, offset)
            os.fsync(device)
        finally:
            os.close(device)


class KernelDevices(NbdDevices):
    """Those of this machine."""

    def __getitem__(self, path: Path) -> KernelDevice:
        return KernelDevice(path)

    def close(self) -> None:
        """Nothing of it is ours."""

"""The datapath driver: serves disks that are open. Storage drivers make volumes and never touch an open one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from xapid.backends.domain.interface import DiskSpec
from xapid.backends.interface import DriverInfo
from xapid.backends.storage.interface import Disk


class DatapathDriver(Protocol):
    """Open disks of the guests of one host."""

    info: DriverInfo

    def switch(self, domain: str, moves: dict[str, Disk]) -> None:
        """Let the guest go on in new files, all at one moment: VBD uuid to a disk whose backing is its present one.

        This is the second half of a snapshot of a running guest. Raises NotFound, Failed; then nothing was moved. It
        can be repeated: a disk that is there already stays.
        """

    def open_files(self, domain: str) -> dict[str, str]:
        """Where a guest's disks are now: VBD uuid to path; without empty drives. Raises NotFound.

        Who finds a snapshot half made after a crash learns here on which side of ``switch`` the guest is.
        """

    def resize(self, domain: str, vbd: str, size: int) -> None:
        """Tell guest and block layer of the new size in bytes; the file grows with it."""


class OpenDiskDriver(Protocol):
    """Makes a block device of this host of any disk, for guests whose hypervisor takes nothing else.

    Each call can be repeated.
    """

    def open(self, owner: str, disk: DiskSpec) -> Path:
        """The device that carries the disk, open for the machine of a uuid. Raises NotFound, Failed, Unavailable."""

    def release(self, owner: str, vbd: str) -> None: ...
    def release_all(self, owner: str) -> None: ...
    def owners(self) -> list[str]:
        """uuids of the machines for which something is open."""

    def close(self) -> None:
        """Look after nothing any more; what is open stays open."""

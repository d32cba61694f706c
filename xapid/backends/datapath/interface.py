"""The datapath driver: serves disks that are open. Storage drivers make volumes and never touch an open one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from xapid.backends.domain.interface import DiskSpec
from xapid.backends.interface import DriverInfo
from xapid.backends.storage.interface import Disk


@dataclass(frozen=True)
class MirrorState:
    """How far a mirror is."""

    fraction: float
    """of what the disk holds, 0 to 1"""
    in_step: bool
    """Both places hold the same, and stay so: each write goes to both before the guest hears that it is done."""


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

    # A disk moves to another volume in three steps, the second of which takes long.

    def mirror(self, domain: str, vbd: str, disk: Disk) -> None:
        """Begin to write all that a guest's disk holds, and what it writes, into a volume of its size.

        Raises NotFound, Failed; nothing happens if it was begun before.
        """

    def mirrored(self, domain: str, vbd: str) -> MirrorState:
        """How far that is. Raises NotFound if the machine is gone, Failed if the mirror ended: the volume is full."""

    def move(self, domain: str, vbd: str, disk: Disk) -> None:
        """Let the guest go on in its mirror alone. It can be repeated. Raises NotFound, Failed; then it stays."""

    def unmirror(self, domain: str, vbd: str) -> None:
        """Let the guest go on where it is, without a mirror; one that has moved is let be. Raises NotFound."""

    # Of the images that a disk is read through one is written over the one that it continues, which takes long.

    def merge(self, domain: str, vbd: str, image: Disk, into: Disk, speed: int = 0) -> None:
        """Begin to write what an image beneath a guest's disk holds over the one that it continues.

        In the end the image above it continues the lower one: that its header says so comes last, at one moment, and
        until then all can be read as before. ``speed``: bytes a second at most; 0: any number. Nothing happens while
        it goes on already. Raises NotFound, Failed.
        """

    def merging(self, domain: str, vbd: str) -> float | None:
        """How far that is, 0 to 1; None once it has ended, whether it came to its end or not. Raises NotFound."""

    def unmerge(self, domain: str, vbd: str) -> None:
        """Leave it off; nothing happens if it has ended. Raises NotFound."""


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

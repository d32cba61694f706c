"""Disks as block devices of the control domain: what a Xen guest is given, whatever lies below.

A storage program for each guest opens its images; NBD, over a Unix socket, joins each to a device of the kernel, which
libxl takes like any other. The program moves to other files without the guest's knowledge. It runs on when we do not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from xapid.backends.datapath.guest_disks import GuestDisks, Open
from xapid.backends.datapath.nbd_devices import Devices, NbdDevices
from xapid.backends.datapath.program_watch import ProgramWatch
from xapid.backends.domain.interface import DiskSpec
from xapid.backends.interface import NotFound, NotSupported
from xapid.backends.storage.interface import Disk, VolumeFormat


class OpenDisks:
    """Those of all guests of a host. Each call can be repeated.

    Whole block devices are opened like images: a guest that had one itself could not be moved to another at a snapshot.
    """

    def __init__(self, folder: Path, devices: Devices | None = None, patience: float = 60.0) -> None:
        """``folder``: where each guest has one of its own while anything of it is open.

        ``patience``: seconds that a program may take to answer, which waits for slow storage itself.
        """
        self._folder = Path(folder).absolute()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._devices = NbdDevices() if devices is None else devices
        self._patience = patience
        self._changing = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._watch = ProgramWatch(self._ended)
        for owner in self.owners():
            self._watch.do(partial(self._found, owner))

    def close(self) -> None:
        """Look after nothing any more; what is open stays open."""
        self._watch.stop()

    def open(self, owner: str, disk: DiskSpec) -> Path:
        """The device that carries the disk, open for the machine of a uuid. Raises NotFound, Failed, Unavailable."""
        with self._of(owner) as disks:
            return disks.open(disk.vbd, _open(disk))

    def release(self, owner: str, vbd: str) -> None:
        with self._of(owner) as disks:
            disks.close(vbd)

    def release_all(self, owner: str) -> None:
        with self._of(owner) as disks:
            disks.close_all()

    def owners(self) -> list[str]:
        """uuids of the machines for which something is open."""
        return [each.name for each in self._folder.iterdir() if each.is_dir()]

    def open_files(self, owner: str) -> dict[str, str]:
        """VBD to the path of the file that it writes to."""
        with self._of(owner) as disks:
            return disks.files()

    def switch(self, owner: str, moves: dict[str, Disk]) -> None:
        """Go on in overlays of what is open, all at one moment or none: VBD to overlay. Raises NotFound, Failed."""
        for vbd, disk in moves.items():
            if disk.format is not VolumeFormat.qcow2:
                raise NotSupported(f"{disk.path} cannot continue another disk", vbd=vbd)
        with self._of(owner) as disks:
            disks.switch({vbd: disk.path for vbd, disk in moves.items()})

    def resize(self, owner: str, vbd: str, size: int) -> None:
        """Of the image and of the device. Raises NotFound, Failed."""
        with self._of(owner) as disks:
            disks.resize(vbd, size)

    def merge(self, owner: str, vbd: str, image: str, into: str, speed: int) -> None:
        """Begin to write an image beneath a disk over the one that it continues, by their paths.

        Nothing happens while it goes on already. Raises NotFound, Failed.
        """
        with self._of(owner) as disks:
            disks.merge(vbd, image, into, speed)

    def merging(self, owner: str, vbd: str) -> float | None:
        """How far that is, 0 to 1; None once it has ended. Raises NotFound."""
        with self._of(owner) as disks:
            return disks.merging(vbd)

    def unmerge(self, owner: str, vbd: str) -> None:
        """Leave it off. Raises NotFound."""
        with self._of(owner) as disks:
            disks.unmerge(vbd)

    def _found(self, owner: str) -> None:
        with self._of(owner) as disks:
            disks.mend()

    def _ended(self, owner: str) -> None:
        with self._of(owner) as disks:
            disks.give_up()

    @contextmanager
    def _of(self, owner: str) -> Iterator[GuestDisks]:
        with self._changing:
            lock = self._locks.setdefault(owner, threading.Lock())
        with lock:
            yield GuestDisks(self._folder / owner, self._devices, self._patience, partial(self._watch.add, owner))


def _open(spec: DiskSpec) -> Open:
    if spec.disk is None:
        raise NotFound(f"the drive {spec.vbd} is empty", vbd=spec.vbd)
    if spec.disk.kind not in ("file", "block"):
        raise NotSupported(f"a disk of kind {spec.disk.kind} cannot be given to a Xen guest", vbd=spec.vbd)
    return Open(spec.disk.path, spec.disk.format, spec.read_only or spec.disk.read_only or spec.device == "cdrom")

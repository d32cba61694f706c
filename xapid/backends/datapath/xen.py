"""The datapath of Xen guests: the storage programs behind their block devices. libvirt has none for them."""

from __future__ import annotations

from typing import NoReturn, Protocol

from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.domain.interface import Feature
from xapid.backends.interface import DriverInfo, Failed, NotSupported
from xapid.backends.storage.interface import Disk


class Machines(Protocol):
    """Knows which machines run."""

    def running(self, uuid: str) -> object:
        """Raises NotFound."""


class XenDatapath:
    """Open disks of the guests of the Xen of this host."""

    def __init__(self, domains: Machines, disks: OpenDisks) -> None:
        self.info = DriverInfo(
            "xen",
            "QEMU's storage daemon, behind NBD",
            frozenset({Feature.live_snapshot, Feature.live_resize, Feature.live_merge}),
        )
        self._domains = domains
        self._disks = disks

    def switch(self, domain: str, moves: dict[str, Disk]) -> None:
        self._domains.running(domain)
        self._disks.switch(domain, moves)

    def open_files(self, domain: str) -> dict[str, str]:
        self._domains.running(domain)
        return self._disks.open_files(domain)

    def resize(self, domain: str, vbd: str, size: int) -> None:
        self._domains.running(domain)
        self._disks.resize(domain, vbd, size)

    def merge(self, domain: str, vbd: str, image: Disk, into: Disk, speed: int = 0) -> None:
        self._domains.running(domain)
        self._disks.merge(domain, vbd, image.path, into.path, speed)

    def merging(self, domain: str, vbd: str) -> float | None:
        self._domains.running(domain)
        return self._disks.merging(domain, vbd)

    def unmerge(self, domain: str, vbd: str) -> None:
        self._domains.running(domain)
        self._disks.unmerge(domain, vbd)

    def mirror(self, domain: str, vbd: str, disk: Disk) -> NoReturn:
        raise NotSupported("disks of guests of Xen are not moved while they run yet")

    def mirrored(self, domain: str, vbd: str) -> NoReturn:
        raise Failed(f"the disk {vbd} of {domain} has no mirror", vbd=vbd)

    def move(self, domain: str, vbd: str, disk: Disk) -> NoReturn:
        raise Failed(f"the disk {vbd} of {domain} has no mirror", vbd=vbd)

    def unmirror(self, domain: str, vbd: str) -> None:
        """There was none."""

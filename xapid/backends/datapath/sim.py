"""The simulated datapath: open disks of simulated machines."""

from __future__ import annotations

from xapid.backends.datapath.interface import MirrorState
from xapid.backends.domain.interface import Feature
from xapid.backends.domain.sim import Guest, SimDomains
from xapid.backends.faults import SimFaults
from xapid.backends.interface import DriverInfo, Failed, NotFound
from xapid.backends.storage.interface import Disk


class SimDatapath:
    """Moves the disks of guests that are not there."""

    info = DriverInfo(
        "sim",
        "Simulated disks",
        frozenset({Feature.live_snapshot, Feature.live_resize, Feature.live_mirror, Feature.live_merge}),
    )

    def __init__(self, domains: SimDomains) -> None:
        self.faults = SimFaults()
        self.sizes: dict[str, int] = {}
        """Bytes of the disks that were resized, by the uuid of the VBD."""
        self.mirrors: dict[tuple[str, str], Disk] = {}
        """What disks are mirrored to, by the machine and the VBD."""
        self.merges: dict[tuple[str, str], tuple[str, str]] = {}
        """Which image beneath a disk is written over which, by the machine and the VBD."""
        self.merges_end = True
        """Whether they come to their end, which they do as soon as anybody asks."""
        self._domains = domains

    def switch(self, domain: str, moves: dict[str, Disk]) -> None:
        guest = self._domains.guest(domain)
        for vbd in moves:
            self._require(guest, vbd)
        guest.disks.update(moves)

    def resize(self, domain: str, vbd: str, size: int) -> None:
        self._require(self._domains.guest(domain), vbd)
        self.sizes[vbd] = size

    def open_files(self, domain: str) -> dict[str, str]:
        guest = self._domains.guest(domain)
        return {vbd: disk.path for vbd, disk in guest.disks.items() if disk is not None}

    def mirror(self, domain: str, vbd: str, disk: Disk) -> None:
        self._require(self._domains.guest(domain), vbd)
        self.mirrors.setdefault((domain, vbd), disk)

    def mirrored(self, domain: str, vbd: str) -> MirrorState:
        self._require(self._domains.guest(domain), vbd)
        self._mirror(domain, vbd)
        return MirrorState(1.0, in_step=True)

    def move(self, domain: str, vbd: str, disk: Disk) -> None:
        guest = self._domains.guest(domain)
        self._require(guest, vbd)
        now = guest.disks[vbd]
        if now is None or now.path != disk.path:
            guest.disks[vbd] = self._mirror(domain, vbd)
            del self.mirrors[domain, vbd]

    def unmirror(self, domain: str, vbd: str) -> None:
        self._require(self._domains.guest(domain), vbd)
        self.mirrors.pop((domain, vbd), None)

    def merge(self, domain: str, vbd: str, image: Disk, into: Disk, speed: int = 0) -> None:
        self._require(self._domains.guest(domain), vbd)
        self.merges[domain, vbd] = image.path, into.path

    def merging(self, domain: str, vbd: str) -> float | None:
        self._require(self._domains.guest(domain), vbd)
        if self.merges_end:
            self.merges.pop((domain, vbd), None)
        return 0.5 if (domain, vbd) in self.merges else None

    def unmerge(self, domain: str, vbd: str) -> None:
        self._require(self._domains.guest(domain), vbd)
        self.merges.pop((domain, vbd), None)

    def _mirror(self, domain: str, vbd: str) -> Disk:
        try:
            return self.mirrors[domain, vbd]
        except KeyError as error:
            raise Failed(f"the disk {vbd} of {domain} has no mirror", vbd=vbd) from error

    @staticmethod
    def _require(guest: Guest, vbd: str) -> None:
        if vbd not in guest.disks:
            raise NotFound(f"{guest.spec.uuid} has no disk {vbd}", vbd=vbd)

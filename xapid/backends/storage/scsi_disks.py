"""SCSI disks of this host, whoever carries them here, by the name that they give themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.interface import BackendError
from xapid.backends.process import Run, run

SYSFS = Path("/sys")
DEVICES = Path("/dev")
SCSI_ID = "/lib/udev/scsi_id"
SECTOR = 512
"""Bytes in which the kernel counts, whatever the disk does."""


@dataclass(frozen=True)
class ScsiDisk:
    """A disk, and what it says of itself."""

    path: Path
    scsi_id: str
    vendor: str
    serial: str
    size: int
    """bytes"""
    address: tuple[str, str, str, str]
    """Host, channel, id and number of the unit, as the kernel counts them."""


class ScsiDisks:
    """Those that the kernel sees now."""

    def __init__(self, sysfs: Path = SYSFS, command: Run = run) -> None:
        self._sysfs = sysfs
        self._command = command

    def all(self) -> list[ScsiDisk]:
        """Every SCSI disk; of one that several paths lead to, each path."""
        return list(self._below(self._sysfs / "bus" / "scsi" / "devices"))

    def of(self, place: Path) -> list[ScsiDisk]:
        """Those below a place in sysfs: a session of iSCSI, an adapter."""
        return list(self._below(*place.glob("device/target*")))

    def _below(self, *places: Path) -> Iterator[ScsiDisk]:
        for place in places:
            for each in sorted(place.glob("*:*:*:*")):
                with contextlib.suppress(OSError, BackendError):  # It is gone, or says nothing.
                    for block in sorted((each / "block").iterdir()):
                        yield self._disk(each, block.name)

    def _disk(self, place: Path, name: str) -> ScsiDisk:
        path = DEVICES / name
        said = self._command([SCSI_ID, "--page=0x83", "--whitelisted", "--export", f"--device={path}"])
        facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        host, channel, number, unit = place.name.split(":")
        return ScsiDisk(
            path,
            facts.get("ID_SERIAL", ""),
            (place / "vendor").read_text().strip(),
            facts.get("ID_SCSI_SERIAL", facts.get("ID_SERIAL_SHORT", "")),
            int((place / "block" / name / "size").read_text()) * SECTOR,
            (host, channel, number, unit),
        )

    def in_use(self, disk: ScsiDisk) -> bool:
        """Whether something of this host lies on it: logical volumes, another device, a mount of one of these."""
        holders = self._sysfs / "class" / "block" / disk.path.name / "holders"
        return holders.is_dir() and any(holders.iterdir())

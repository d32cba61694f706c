"""Disks of guests as loop devices of a lab host: raw files only."""

from __future__ import annotations

import subprocess
from pathlib import Path

from xapid.backends.domain.interface import DiskSpec


class Loops:
    """What the driver of Xen opens its disks with, where all of them are raw."""

    def __init__(self) -> None:
        self.opened: dict[tuple[str, str], Path] = {}
        self.files: dict[tuple[str, str], str] = {}

    def open_files(self, domain: str) -> dict[str, str]:
        return {vbd: self.files[whose, vbd] for whose, vbd in self.opened if whose == domain}

    def open(self, owner: str, disk: DiskSpec) -> Path:
        assert disk.disk is not None
        if (owner, disk.vbd) not in self.opened:
            command = ["losetup", "--find", "--show", disk.disk.path]
            made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            self.opened[owner, disk.vbd] = Path(made.stdout.strip())
            self.files[owner, disk.vbd] = disk.disk.path
        return self.opened[owner, disk.vbd]

    def close(self, owner: str, vbd: str) -> None:
        device = self.opened.pop((owner, vbd), None)
        if device is not None:
            subprocess.run(["losetup", "--detach", str(device)], check=True)

    def close_all(self, owner: str) -> None:
        for whose, vbd in list(self.opened):
            if whose == owner:
                self.close(owner, vbd)

    def owners(self) -> list[str]:
        return sorted({owner for owner, _ in self.opened})

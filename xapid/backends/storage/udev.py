"""Repositories of what is put into this host: discs in its drives, and removable disks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from xapid.backends.interface import DriverInfo, NotFound
from xapid.backends.storage.discs import Discs
from xapid.backends.storage.interface import Feature, Sr, Volume

BLOCK = Path("/sys/block")
SECTOR = 512
USB_DEVICE = re.compile(r"[0-9]+-[0-9.]+")
"""A part of the path by which the kernel reaches a disk; the last of this form is the device that the disk is in."""


class Udev(Discs):
    """Drives (``sm_config:type`` = cd) or removable disks (block), as the kernel shows them. Only read so far."""

    info = DriverInfo(
        "udev",
        "Drives and disks that can be taken out",
        frozenset({str(Feature.VDI_ATTACH), str(Feature.VDI_DETACH)}),
        configuration={"location": "A directory of the original's; kept for its clients."},
    )
    kind = "block"

    def __init__(self, root: Path | None = None, block: Path = BLOCK) -> None:
        """``block``: where the kernel shows the devices."""
        self._root = root
        self._block = block

    def images(self, sr: Sr) -> Iterable[Path]:
        drives = sr.sm_config.get("type") == "cd"
        found = (each for each in self._block.glob("*") if each.name.startswith("sr") == drives)
        return sorted(Path("/dev") / each.name for each in found if drives or _is_removable(each))

    def size(self, path: Path) -> int:
        try:
            return int((self._block / path.name / "size").read_text()) * SECTOR
        except (OSError, ValueError) as error:
            raise NotFound(f"{path} is no device any more") from error

    def _volume(self, sr: Sr, path: Path) -> Volume:
        return replace(super()._volume(sr, path), usb_port=_usb_port(self._block / path.name))


def _usb_port(device: Path) -> str:
    return next((part for part in reversed(device.resolve().parts) if USB_DEVICE.fullmatch(part)), "")


def _is_removable(device: Path) -> bool:
    try:
        return (device / "removable").read_text().strip() == "1"
    except OSError:
        return False

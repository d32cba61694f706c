"""Repositories of what is put into this host: discs in its drives, and removable disks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xapid.backends.interface import DriverInfo, NotFound
from xapid.backends.storage.discs import Discs
from xapid.backends.storage.interface import Feature, Sr

BLOCK = Path("/sys/block")
SECTOR = 512


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


def _is_removable(device: Path) -> bool:
    try:
        return (device / "removable").read_text().strip() == "1"
    except OSError:
        return False

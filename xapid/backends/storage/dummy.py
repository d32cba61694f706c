"""Repositories for trying things out: nothing has to be said of where they are, and they claim to be large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from xapid.backends.interface import DriverInfo
from xapid.backends.storage import sizes
from xapid.backends.storage.file import File
from xapid.backends.storage.folder import repositories_in
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.interface import Feature, Sr, SrFigures, SrFound, SrScan
from xapid.backends.storage.on_disk import disk_errors

CAPACITY = 2 * 10**12
"""Bytes that each says that it has, whatever there is."""


class Dummy(File):
    """Each is a folder below one of the daemon's own, with its uuid as the name. What guests write is kept."""

    info = DriverInfo(
        "dummy",
        "Disks for trying things out, below the state directory of the host",
        frozenset(
            {
                Feature.SR_ATTACH,
                Feature.SR_DETACH,
                Feature.SR_SCAN,
                Feature.SR_PROBE,
                Feature.VDI_CREATE,
                Feature.VDI_DELETE,
                Feature.VDI_ATTACH,
                Feature.VDI_DETACH,
                Feature.VDI_ACTIVATE,
                Feature.VDI_DEACTIVATE,
                Feature.VDI_CLONE,
                Feature.VDI_SNAPSHOT,
                Feature.VDI_RESIZE,
                Feature.VDI_INTRODUCE,
                Feature.VDI_MIRROR,
                Feature.MERGE,
            }
        ),
    )
    step = raw_step = sizes.SECTOR

    def __init__(self, root: Path, before_step: Callable[[], None] = nothing) -> None:
        """``root``: below its folder ``dummy`` they lie."""
        super().__init__(root, before_step)
        self._below = root / "dummy"

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        with disk_errors():
            return [SrFound(config, each) for each in sorted(repositories_in(self._below))]

    def scan(self, sr: Sr) -> SrScan:
        found = super().scan(sr)
        taken = sum(volume.physical for volume in found.volumes)
        return replace(found, figures=SrFigures(CAPACITY, taken, found.figures.virtual_allocation))

    def _place(self, config: dict[str, str], uuid: str) -> Path:
        return self._below / uuid

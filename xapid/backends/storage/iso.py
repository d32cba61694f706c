"""Repositories of disc images: the files of such in a directory of this host."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xapid.backends.interface import DriverInfo
from xapid.backends.storage.discs import Discs
from xapid.backends.storage.interface import Feature, Sr
from xapid.backends.storage.places import directory

ENDINGS = (".iso", ".img")


class Iso(Discs):
    """The images in ``location``. Links and what is no plain file are passed over."""

    info = DriverInfo(
        "iso",
        "Disc images in a directory",
        frozenset({str(Feature.VDI_ATTACH), str(Feature.VDI_DETACH)}),
        shared=True,
        configuration={"location": "The directory."},
    )

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    def create_sr(self, sr: Sr, size: int) -> None:
        self._directory(sr)

    def images(self, sr: Sr) -> Iterable[Path]:
        place = self._directory(sr)
        if not place.is_dir():
            return []
        found = (path for path in place.iterdir() if path.suffix.lower() in ENDINGS)
        return sorted(path for path in found if path.is_file() and not path.is_symlink())

    @staticmethod
    def _directory(sr: Sr) -> Path:
        return directory(sr.device_config.get("location", ""))

"""Repositories that only show what is there: discs that nobody makes, changes or copies through them."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from xapid.backends.interface import DriverInfo, NotFound, NotSupported
from xapid.backends.storage.digests import Digests
from xapid.backends.storage.interface import (
    Branch,
    Disk,
    GrowsByItself,
    NewVolume,
    NoMerging,
    NoTracking,
    Progress,
    Sr,
    SrFigures,
    SrFound,
    SrScan,
    Volume,
    VolumeFormat,
)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Discs(NoTracking, NoMerging, GrowsByItself, Digests):
    """What such repositories share. A kind says which images there are."""

    info: DriverInfo
    kind = "file"
    """How a disc is opened: file or block."""

    def images(self, sr: Sr) -> Iterable[Path]:
        """The discs of a repository."""
        raise NotImplementedError

    def watch(self, tell: Callable[[Progress], None]) -> None:
        """Nothing here takes long."""

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        return []

    def create_sr(self, sr: Sr, size: int) -> None:
        """There is nothing to prepare."""

    def destroy_sr(self, sr: Sr) -> None:
        """The discs stay."""

    def attach_sr(self, sr: Sr) -> None:
        """There is nothing to prepare."""

    def detach_sr(self, sr: Sr) -> None:
        """There is nothing to let go."""

    def scan(self, sr: Sr) -> SrScan:
        volumes = tuple(self._volumes(sr))
        return SrScan(volumes, _figures(volumes))

    def figures(self, sr: Sr) -> SrFigures:
        return self.scan(sr).figures

    def stat(self, volume: Volume) -> Volume:
        return self._volume(volume.sr, self._path(volume))

    def attach(self, volume: Volume, owner: str, write: bool) -> Disk:
        if write:
            raise NotSupported(f"{volume.key} can only be read")
        return Disk(str(self._path(volume)), VolumeFormat.raw, self.kind, read_only=True)

    def leases(self, sr: Sr) -> dict[str, str]:
        return {}

    def detach(self, volume: Volume, owner: str) -> None:
        """A disc that is only read needs no lease."""

    def create(self, sr: Sr, new: NewVolume) -> NoReturn:
        raise NotSupported("discs cannot be made here")

    def snapshot(self, volume: Volume, new: NewVolume, base_uuid: str) -> NoReturn:
        raise NotSupported("discs cannot be snapshotted")

    def clone(self, volume: Volume, new: NewVolume, base_uuid: str) -> NoReturn:
        raise NotSupported("discs cannot be cloned")

    def unbranch(self, branch: Branch, before: Volume) -> None:
        """There was no branch."""

    def copy(self, volume: Volume, sr: Sr, new: NewVolume, progress: str = "") -> NoReturn:
        raise NotSupported("nothing can be copied into a repository of discs")

    def fill(self, volume: Volume, source: Disk, base: Disk | None = None, progress: str = "") -> NoReturn:
        raise NotSupported("discs cannot be written")

    def rewind(self, volume: Volume) -> NoReturn:
        raise NotSupported("discs cannot be written")

    def resize(self, volume: Volume, size: int) -> NoReturn:
        raise NotSupported("discs cannot be resized")

    def destroy(self, volume: Volume) -> None:
        """A disc that is not there needs no destroying: so it is with one that could not be made."""
        if any(each.uuid == volume.uuid or each.key == volume.key for each in self._volumes(volume.sr)):
            raise NotSupported("discs cannot be destroyed here")

    def _volumes(self, sr: Sr) -> Iterator[Volume]:
        for path in self.images(sr):
            with contextlib.suppress(NotFound):  # Taken away since the discs were counted.
                yield self._volume(sr, path)

    def _path(self, volume: Volume) -> Path:
        for path in self.images(volume.sr):
            if path.name == volume.key:
                return path
        raise NotFound(f"there is no {volume.key}")

    def _volume(self, sr: Sr, path: Path) -> Volume:
        size = self.size(path)
        return Volume(
            sr, path.name, _identity(sr, path), size, VolumeFormat.raw, physical=size, name=path.name, read_only=True
        )

    def size(self, path: Path) -> int:
        """Bytes of a disc."""
        try:
            return path.stat().st_size
        except OSError as error:
            raise NotFound(f"{path}: {error.strerror}") from error


def _identity(sr: Sr, path: Path) -> str:
    """The same uuid at every scan, without anything being written; that of its name if it is named so."""
    if UUID.fullmatch(path.stem):
        return path.stem
    return str(uuid.uuid5(uuid.UUID(sr.uuid), path.name))


def _figures(volumes: tuple[Volume, ...]) -> SrFigures:
    total = sum(volume.size for volume in volumes)
    return SrFigures(total, total, total)

"""A repository of one driver, attached and empty, and what tests do with it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.storage.interface import Branch, NewVolume, Sr, StorageDriver, Volume, VolumeFormat

MIB = 1024 * 1024


def fresh() -> str:
    return str(uuid.uuid4())


def by_key(*volumes: Volume) -> dict[str, Volume]:
    """Volumes in no order, to be compared."""
    return {volume.key: volume for volume in volumes}


@dataclass
class Rig:
    """A driver and a repository of it."""

    driver: StorageDriver
    sr: Sr
    key: str = "location"
    """The key of device_config that says where it lies."""
    away: str = "/nowhere/at/all"
    """Where there is none, though there could be."""
    code: str = "47"
    """What is said of that place."""
    leftover: Callable[[], bool] = lambda: False
    """Whether anything is left of a repository that was destroyed."""

    def new(self, size: int = 4 * MIB, format: VolumeFormat | None = None, purpose: str = "user") -> NewVolume:
        return NewVolume(fresh(), size, "a disk", format, purpose)

    def volume(self, size: int = 4 * MIB, format: VolumeFormat | None = None) -> Volume:
        return self.driver.create(self.sr, self.new(size, format))

    def snapshot(self, volume: Volume) -> Branch:
        return self.driver.snapshot(volume, self.new(volume.size), fresh())

    def clone(self, volume: Volume) -> Branch:
        return self.driver.clone(volume, self.new(volume.size), fresh())

    def write(self, volume: Volume) -> Volume:
        """Let a guest have had it open for writing, and have written to it."""
        owner = fresh()
        disk = self.driver.attach(volume, owner, True)
        path = Path(disk.path)
        if path.exists():
            with path.open("r+b") as file:
                file.seek(0, 2)
                file.write(b"x" * 65536)  # As if a cluster had been allocated.
        self.driver.detach(volume, owner)
        return self.driver.stat(volume)

    def volumes(self) -> dict[str, Volume]:
        return by_key(*self.driver.scan(self.sr).volumes)

    def present(self) -> set[str]:
        return {volume.key for volume in self.driver.scan(self.sr).volumes}

    def visible(self) -> set[str]:
        return {volume.uuid for volume in self.driver.scan(self.sr).volumes if not volume.hidden}


def repository(driver: StorageDriver, directory: Path) -> Rig:
    """A new repository in a directory that is not there yet, attached."""
    sr = Sr(fresh(), "file", {"location": str(directory)})
    driver.create_sr(sr, 0)
    driver.attach_sr(sr)
    return Rig(driver, sr, leftover=directory.exists)

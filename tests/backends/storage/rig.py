"""A repository of one driver, attached and empty, and what tests do with it."""

from __future__ import annotations

import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.storage.interface import Branch, Disk, NewVolume, Sr, StorageDriver, Volume, VolumeFormat

MIB = 1024 * 1024
HELD = 600_000
"""Milliseconds that somebody may have an image open."""


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
    step: int = MIB
    """Sizes of volumes are multiples of so many bytes."""

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
        if path.is_block_device():
            write(disk, (0, b"x"))
        elif path.exists():
            with path.open("r+b") as file:
                file.seek(0, 2)
                file.write(b"x" * 65536)  # As if a cluster had been allocated.
        self.driver.detach(volume, owner)
        return self.driver.stat(volume)

    def written(self, volume: Volume, *parts: tuple[int, bytes]) -> Volume:
        """The same by QEMU: these bytes at these places."""
        owner = fresh()
        disk = self.driver.attach(volume, owner, True)
        if Path(disk.path).exists():
            write(disk, *parts)
        self.driver.detach(volume, owner)
        return self.driver.stat(volume)

    def volumes(self) -> dict[str, Volume]:
        return by_key(*self.driver.scan(self.sr).volumes)

    def present(self) -> set[str]:
        return {volume.key for volume in self.driver.scan(self.sr).volumes}

    def visible(self) -> set[str]:
        return {volume.uuid for volume in self.driver.scan(self.sr).volumes if not volume.hidden}


def write(disk: Disk, *parts: tuple[int, bytes]) -> None:
    """Write bytes at places of an image."""
    for place, data in parts:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            words = f"write -s {file.name} {place} {len(data)}"
            subprocess.run(
                ["qemu-io", "-f", disk.format, "-c", words, disk.path], check=True, stdout=subprocess.DEVNULL
            )


@contextmanager
def open_in_qemu(disk: Disk) -> Iterator[int]:
    """Within the block a process of QEMU has an image open, to write it or only to read; its number."""
    mode = ["-r"] if disk.read_only else []
    # Else it says nothing before it ends.
    command = ["stdbuf", "-o0", "qemu-io", *mode, "-f", disk.format, "-c", "length", "-c", f"sleep {HELD}", disk.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.read(1), "it cannot be opened"
            yield process.pid
        finally:
            process.kill()


def whole(disk: Disk) -> bytes:
    """All that an image holds."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        subprocess.run(["qemu-img", "convert", "-f", disk.format, "-O", "raw", disk.path, str(raw)], check=True)
        return raw.read_bytes()


def image(folder: Path, size: int, *parts: tuple[int, bytes]) -> Disk:
    """An image outside of any repository."""
    disk = Disk(str(folder / f"{fresh()}.qcow2"), VolumeFormat.qcow2)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk.path, str(size)], check=True)
    write(disk, *parts)
    return disk


def repository(driver: StorageDriver, directory: Path, **config: str) -> Rig:
    """A new repository in a directory that is not there yet, attached."""
    sr = Sr(fresh(), driver.info.name, {"location": str(directory)} | config)
    driver.create_sr(sr, 0)
    driver.attach_sr(sr)
    return Rig(driver, sr, leftover=directory.exists)

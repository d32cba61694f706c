"""LVM where the kernel has no device-mapper: logical volumes are files, and loop devices while active. Needs root."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from xapid.backends.interface import NoSpace
from xapid.backends.storage.lvm_commands import Group


class LoopGroups:
    """Volume groups in a folder; what lies there outlives this process, as the devices do."""

    def __init__(self, folder: Path, size: int) -> None:
        self._groups = folder / "groups"
        self._devices = folder / "dev"
        self._size = size
        self._groups.mkdir(parents=True, exist_ok=True)
        self._devices.mkdir(parents=True, exist_ok=True)

    def groups(self) -> list[str]:
        return [path.name for path in self._groups.iterdir()]

    def create_group(self, name: str) -> None:
        (self._groups / name).mkdir()
        (self._devices / name).mkdir()

    def remove_group(self, name: str) -> None:
        if (self._groups / name).exists():
            self.remove(name, [path.name for path in (self._groups / name).iterdir()])
            (self._groups / name).rmdir()
            (self._devices / name).rmdir()

    def group(self, name: str) -> Group | None:
        if not (self._groups / name).exists():
            return None
        volumes = {path.name: path.stat().st_size for path in (self._groups / name).iterdir()}
        return Group(name, self._size, self._size - sum(volumes.values()), volumes)

    def create(self, group: str, volume: str, size: int) -> None:
        self._need(group, size)
        with (self._groups / group / volume).open("xb") as file:
            # Something lay there before.
            file.write(b"QFI\xfb" * 32768)
            file.truncate(size)

    def remove(self, group: str, volumes: Sequence[str]) -> None:
        for name in volumes:
            self.deactivate(group, [name])
            (self._groups / group / name).unlink()

    def rename(self, group: str, old: str, new: str) -> None:
        (self._groups / group / old).rename(self._groups / group / new)
        with contextlib.suppress(FileNotFoundError):
            (self._devices / group / old).rename(self._devices / group / new)

    def resize(self, group: str, volume: str, size: int) -> None:
        path = self._groups / group / volume
        old = path.stat().st_size
        self._need(group, size - old)
        with path.open("r+b") as file:
            file.truncate(size)
            if size > old:
                file.seek(old)
                file.write(b"old" * 4096)
        if (device := self._devices / group / volume).exists():
            subprocess.run(["losetup", "--set-capacity", str(device.resolve())], check=True)

    def activate(self, group: str, volumes: Sequence[str]) -> None:
        for name in volumes:
            link = self._devices / group / name
            if not link.is_symlink():
                command = ["losetup", "--find", "--show", str(self._groups / group / name)]
                device = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
                link.symlink_to(device)

    def deactivate(self, group: str, volumes: Sequence[str]) -> None:
        for name in volumes:
            link = self._devices / group / name
            if link.is_symlink():
                subprocess.run(["losetup", "--detach", str(link.readlink())], check=True)
                link.unlink()

    def active(self, group: str) -> set[str]:
        with contextlib.suppress(FileNotFoundError):
            return {path.name for path in (self._devices / group).iterdir()}
        return set()

    def path(self, group: str, volume: str) -> Path:
        return self._devices / group / volume

    def tidy(self) -> None:
        for group in self.groups():
            self.deactivate(group, sorted(self.active(group)))

    def _need(self, group: str, more: int) -> None:
        found = self.group(group)
        if found is None or more > found.free:
            raise NoSpace(f"{more} bytes do not fit")

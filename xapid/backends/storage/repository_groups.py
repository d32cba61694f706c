"""Volume groups that are repositories' own: how they are called, and which devices are free for one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from xapid.backends.interface import AlreadyExists, InUse, NotFound
from xapid.backends.process import run
from xapid.backends.storage import block_devices
from xapid.backends.storage.group_state import PREFIX
from xapid.backends.storage.lvm_commands import Lvm
from xapid.backends.storage.volume_store import KEY

JOINED = "XSLocalEXT-"
"""How the name of a group begins whose devices are one; the uuid of the repository follows."""
VOLUMES = re.compile(f"{PREFIX}({KEY.pattern})")
FILES = re.compile(f"{JOINED}({KEY.pattern})")


def resolved(config: dict[str, str]) -> list[Path]:
    """The devices of a configuration themselves: what their names lead to. Raises BadConfig, NotFound."""
    return list(dict.fromkeys(each.resolve() for each in block_devices.devices(config)))


def assert_in_no_group(lvm: Lvm) -> None:
    """Raises AlreadyExists where there is a repository on these devices, InUse where there is another's group."""
    for name in sorted(name for name in lvm.groups() if name):
        if VOLUMES.fullmatch(name) or FILES.fullmatch(name):
            raise AlreadyExists(f"there is a repository already: {name}; introduce that, or remove it", code="42")
        raise InUse(f"there is a volume group already: {name}", code="16")


def make_free(devices: Sequence[Path], lvm: Lvm) -> None:
    """Let devices carry nothing that anybody knows. Raises as above, and InUse for what this host has in use."""
    assert_in_no_group(lvm)
    for device in devices:
        block_devices.assert_free(device)
    for device in devices:
        run(["wipefs", "--quiet", "--all", "--", str(device)])


class Joined:
    """Several devices that are one: a logical volume over all of them, active only while it is open."""

    def __init__(self, uuid: str, devices: Sequence[Path], lvm: Lvm) -> None:
        """``uuid``: of the repository."""
        self._volume = uuid
        self._group = f"{JOINED}{uuid}"
        self._devices = devices
        self._lvm = lvm

    def make(self) -> Path:
        """Join them, unless that was done or begun, and open them. Raises as ``make_free``."""
        if self._group not in self._lvm.groups():
            make_free(self._devices, self._lvm)
            self._lvm.create_group(self._group)
        found = self._lvm.group(self._group)
        if found is not None and self._volume not in found.volumes:
            self._lvm.create(self._group, self._volume, found.free)
        return self.open()

    def open(self) -> Path:
        """The one device that they are. Raises NotFound (47)."""
        found = self._lvm.group(self._group)
        if found is None or self._volume not in found.volumes:
            raise NotFound(f"there is no {self._group} on {self._devices[0]} and the others", code="47")
        self._lvm.activate(self._group, [self._volume])
        return self._lvm.path(self._group, self._volume)

    def close(self) -> None:
        if self._volume in self._lvm.active(self._group):
            self._lvm.deactivate(self._group, [self._volume])

    def part(self) -> None:
        """Let them be nobody's."""
        self.close()
        self._lvm.remove_group(self._group)

"""LVM by its commands: argument lists, told in each which devices there are, so that no other is ever looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from xapid.backends.interface import AlreadyExists, BadConfig, Failed, InUse, NoSpace
from xapid.backends.process import Run, run

DEVICES = Path("/dev")
EXTENT = 4 << 20
"""Bytes in which a volume group gives out space."""
METADATA = "16m"
"""For the group's own description, on each device: that of some ten thousand logical volumes."""
PLAIN = re.compile(r"/dev/[A-Za-z0-9/_.:+-]+")
"""Names of devices that mean themselves in a filter, once dots and the like are escaped."""
FULL = re.compile(r"insufficient|not enough free|No space left", re.IGNORECASE)
OPEN = re.compile(r"in use|used by another", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """A volume group as it is now, sizes in bytes."""

    name: str
    size: int
    free: int
    volumes: dict[str, int] = field(default_factory=dict)
    """Sizes of its logical volumes by their names."""


class Lvm(Protocol):
    """What is done with the volume groups of some devices. Each step happens wholly or not at all.

    Raises NoSpace for what does not fit, InUse for what somebody has open, Failed.
    """

    def groups(self) -> list[str]:
        """Names of the volume groups on these devices."""

    def create_group(self, name: str) -> None: ...
    def remove_group(self, name: str) -> None:
        """With all that is in it; the devices are nobody's afterwards. Bears that it is gone already."""

    def group(self, name: str) -> Group | None: ...
    def create(self, group: str, volume: str, size: int) -> None:
        """A logical volume that is not active. It holds what was there before."""

    def remove(self, group: str, volumes: Sequence[str]) -> None: ...
    def rename(self, group: str, old: str, new: str) -> None: ...
    def resize(self, group: str, volume: str, size: int) -> None: ...
    def activate(self, group: str, volumes: Sequence[str]) -> None: ...
    def deactivate(self, group: str, volumes: Sequence[str]) -> None: ...
    def active(self, group: str) -> set[str]:
        """Names of those that can be opened now."""

    def path(self, group: str, volume: str) -> Path:
        """Where one that is active can be opened; all of a group in one directory."""


class LvmCommands:
    """The host's own LVM, shown some devices and no others."""

    def __init__(self, devices: Sequence[Path], command: Run = run) -> None:
        self._devices = devices
        self._config = config(devices)
        self._command = command

    def groups(self) -> list[str]:
        return [row["vg_name"] for row in self._report("pvs", ["vg_name"], []) if row["vg_name"]]

    def create_group(self, name: str) -> None:
        # Not at boot, when nobody knows yet who may have which: autoactivation is off.
        words = ["--yes", "--setautoactivation", "n", "--physicalextentsize", f"{EXTENT}b", "--metadatasize", METADATA]
        self._run("vgcreate", [*words, "--", name, *map(str, self._devices)])

    def remove_group(self, name: str) -> None:
        if name in self.groups():
            self._run("vgremove", ["--force", "--force", "--yes", "--", name])
        free = [row["pv_name"] for row in self._report("pvs", ["pv_name", "vg_name"], []) if not row["vg_name"]]
        if free:
            self._run("pvremove", ["--yes", "--", *free])

    def group(self, name: str) -> Group | None:
        columns = ["lv_name", "lv_size", "vg_size", "vg_free"]
        try:
            rows = self._report("lvs", columns, ["--", name]) or self._report("vgs", columns[2:], ["--", name])
        except Failed as error:
            if "not found" in error.message:
                return None
            raise
        volumes = {row["lv_name"]: int(row["lv_size"]) for row in rows if "lv_name" in row}
        return Group(name, int(rows[0]["vg_size"]), int(rows[0]["vg_free"]), volumes)

    def create(self, group: str, volume: str, size: int) -> None:
        # Nothing can be wiped from what is not active; whoever makes an image writes over what was there.
        words = ["--yes", "--activate", "n", "--zero", "n", "--wipesignatures", "n", "--size", f"{size}b"]
        self._run("lvcreate", [*words, "--name", volume, "--", group])

    def remove(self, group: str, volumes: Sequence[str]) -> None:
        if volumes:
            self._run("lvremove", ["--yes", "--force", "--", *_names(group, volumes)])

    def rename(self, group: str, old: str, new: str) -> None:
        self._run("lvrename", ["--", group, old, new])

    def resize(self, group: str, volume: str, size: int) -> None:
        self._run("lvresize", ["--yes", "--force", "--size", f"{size}b", "--", *_names(group, [volume])])

    def activate(self, group: str, volumes: Sequence[str]) -> None:
        if volumes:
            self._run("lvchange", ["--yes", "--activate", "y", "--", *_names(group, volumes)])

    def deactivate(self, group: str, volumes: Sequence[str]) -> None:
        if volumes:
            self._run("lvchange", ["--yes", "--activate", "n", "--", *_names(group, volumes)])

    def active(self, group: str) -> set[str]:
        try:
            return {path.name for path in (DEVICES / group).iterdir()}
        except FileNotFoundError:
            return set()

    def path(self, group: str, volume: str) -> Path:
        return DEVICES / group / volume

    # How

    def _report(self, command: str, columns: Sequence[str], words: Sequence[str]) -> list[dict[str, str]]:
        form = ["--reportformat", "json", "--units", "b", "--nosuffix", "--options", ",".join(columns)]
        found = msgspec.json.decode(self._run(command, [*form, *words]))
        (rows,) = found["report"][0].values()
        return list(rows)

    def _run(self, command: str, words: Sequence[str]) -> str:
        try:
            return self._command([command, "--config", self._config, *words])
        except Failed as error:
            if FULL.search(error.message):
                raise NoSpace(error.message) from error
            if OPEN.search(error.message):
                raise InUse(error.message, code="16") from error
            if "already exists" in error.message:
                raise AlreadyExists(error.message, code="42") from error
            raise


def config(devices: Iterable[Path]) -> str:
    """What a command of LVM is told besides its words: these devices alone, and to let the host be.

    A guest's disk may look like a device of LVM, or like another one: it is never among them. Raises BadConfig (key
    ``device``) for a name that could mean something else there.
    """
    allowed = []
    for each in devices:
        if not PLAIN.fullmatch(str(each)):
            raise BadConfig(f"{str(each)[:255]!r} is no name of a device that LVM can be told", key="device", code="91")
        allowed.append(f'"a|^{str(each).replace(".", "[.]").replace("+", "[+]")}$|"')
    seen = f"[{', '.join([*allowed, chr(34) + 'r|.*|' + chr(34)])}]"
    return (
        f"devices {{ filter={seen} global_filter={seen} use_devicesfile=0 scan_lvs=0 obtain_device_list_from_udev=0 }} "
        "backup { backup=0 archive=0 } global { notify_dbus=0 } activation { auto_activation_volume_list=[] }"
    )


def _names(group: str, volumes: Sequence[str]) -> list[str]:
    return [f"{group}/{each}" for each in volumes]

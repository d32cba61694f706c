"""What a machine needs of this host before it starts: files that are there, bridges, a way past the page cache."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from xapid.backends.domain import host_devices
from xapid.backends.domain.belongings import require_tpm
from xapid.backends.domain.interface import DiskSpec, DomainSpec, NicSpec
from xapid.backends.interface import BackendError, NotFound
from xapid.backends.network import ovsdb

NETWORK_LINKS = Path("/sys/class/net")
BOOTLOADERS = frozenset({"", "pygrub"})
"""By the last part of their paths; the first means that there is none."""


def require(spec: DomainSpec) -> None:
    """Raises NotFound with the fact ``path`` (kernel, ramdisk, disk), ``bridge``, ``bootloader`` or ``pci``;
    NotSupported.
    """
    require_bootloader(spec)
    if spec.tpm is not None:
        require_tpm()
    require_paths(path for path in (spec.kernel, spec.ramdisk) if path)
    require_disks(spec.disks)
    require_bridges(spec.nics)
    host_devices.require_pcis(spec.pcis)


def require_bootloader(spec: DomainSpec) -> None:
    """Raises NotFound with the fact ``bootloader``. What pygrub would find, the disk's own boot loader finds here."""
    name = Path(spec.bootloader).name
    if name not in BOOTLOADERS:
        raise NotFound(f"this host has no boot loader {name}", bootloader=spec.bootloader)


def require_disks(disks: Iterable[DiskSpec]) -> None:
    """Raises NotFound with the fact ``path`` for the first that is not there. A drive may be empty."""
    require_paths(each.disk.path for each in disks if each.disk is not None)


def require_paths(paths: Iterable[str]) -> None:
    """Raises NotFound with the fact ``path`` for the first that is not there."""
    for path in paths:
        if not Path(path).exists():
            raise NotFound(f"there is no file {path}", path=path)


def require_bridges(nics: Iterable[NicSpec]) -> None:
    """Raises NotFound with the fact ``bridge`` for the first that is not there."""
    for nic in nics:
        if not (NETWORK_LINKS / nic.bridge / "bridge").is_dir() and not switched([nic]):
            raise NotFound(f"there is no bridge {nic.bridge}", bridge=nic.bridge)


def switched(nics: Iterable[NicSpec], database: Path = ovsdb.SOCKET) -> frozenset[str]:
    """Bridges of interfaces that are Open vSwitch's: guests are joined to those in another way."""
    links = {nic.bridge: NETWORK_LINKS / nic.bridge for nic in nics}
    asked = {name for name, link in links.items() if link.is_dir() and not (link / "bridge").is_dir()}
    if asked:
        with suppress(BackendError), ovsdb.opened(database) as switch:
            return frozenset(asked & {row["name"] for row in switch.select({"Bridge": ["name"]})["Bridge"].values()})
    return frozenset()


def buffered(disks: Iterable[DiskSpec]) -> frozenset[str]:
    """Paths of the disks that can be read and written through the page cache only, as on some kinds of tmpfs."""
    return frozenset(each.disk.path for each in disks if each.disk is not None and not direct(each.disk.path))


def direct(path: str) -> bool:
    """Whether a file can be read and written past the page cache."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC))
    except OSError:
        return False
    return True

"""Virtual functions of network cards (SR-IOV), as /sys shows and makes them.

Folders are those of interfaces, below /sys/class/net.
"""

from __future__ import annotations

from pathlib import Path

from xapid.backends.interface import Failed, InUse, NotFound, NotSupported
from xapid.backends.network.interface import Functions

KEEPERS = frozenset({"vfio-pci", "pciback"})
"""Drivers that hold a device for guests."""


def most(interface: Path) -> int:
    """How many an interface can have."""
    return _number(interface / "device" / "sriov_totalvfs")


def is_one(interface: Path) -> bool:
    """Whether an interface is itself a virtual function, of a card of this host."""
    return (interface / "device" / "physfn").exists()


def read(interface: Path) -> Functions:
    """Raises NotFound."""
    _check(interface)
    count = _number(interface / "device" / "sriov_numvfs")
    return Functions(count, count - len(_held(interface)))


def make(interface: Path) -> None:
    """Raises NotFound, NotSupported, Failed."""
    _check(interface)
    if not most(interface):
        raise NotSupported(f"{interface.name} can have no virtual functions", device=interface.name)
    if not _number(interface / "device" / "sriov_numvfs"):
        _set(interface, most(interface))


def remove(interface: Path) -> None:
    """Raises NotFound, InUse, Failed."""
    _check(interface)
    if held := _held(interface):
        raise InUse(f"held for guests: {', '.join(held)}", device=interface.name)
    if _number(interface / "device" / "sriov_numvfs"):
        _set(interface, 0)


def _check(interface: Path) -> None:
    if not interface.is_dir():
        raise NotFound(f"there is no interface {interface.name}", device=interface.name)


def _held(interface: Path) -> list[str]:
    """Addresses of those that are held for guests."""
    found = [each.resolve() for each in (interface / "device").glob("virtfn*")]
    return sorted(each.name for each in found if (each / "driver").resolve().name in KEEPERS)


def _set(interface: Path, count: int) -> None:
    try:
        (interface / "device" / "sriov_numvfs").write_text(f"{count}\n")
    except OSError as error:
        refused = f"{count} virtual functions of {interface.name} are refused: {error.strerror}"
        raise Failed(refused, device=interface.name) from error


def _number(path: Path) -> int:
    """What a file of the kernel says; 0 where it is missing."""
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return int(text) if text.isdecimal() else 0

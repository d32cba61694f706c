"""The device behind a network interface, as /sys and the list of PCI devices know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PCI_IDS = (Path("/usr/share/misc/pci.ids"), Path("/usr/share/hwdata/pci.ids"))
"""Where distributions put the names of PCI vendors and devices; the first that is there counts."""


@dataclass(frozen=True)
class Adapter:
    """What is known of a device; empty, or 0, where nothing is."""

    speed: int = 0
    """Mbit/s"""
    full_duplex: bool = False
    vendor_id: str = ""
    vendor_name: str = ""
    device_id: str = ""
    device_name: str = ""
    pci_bus_path: str = ""


def read_adapter(interface: Path, pci_ids: Sequence[Path] = PCI_IDS) -> Adapter:
    """The device of an interface, whose directory is below /sys/class/net."""
    speed = _text(interface / "speed")
    # -1, or -1 without a sign: not known.
    known = speed.isdecimal() and int(speed) < 2**31
    pci = _pci_device(interface / "device")
    vendor = _text(pci / "vendor").removeprefix("0x") if pci else ""
    device = _text(pci / "device").removeprefix("0x") if pci else ""
    vendor_name, device_name = _names(vendor, device, tuple(pci_ids)) if vendor else ("", "")
    return Adapter(
        speed=int(speed) if known else 0,
        full_duplex=_text(interface / "duplex") == "full",
        vendor_id=vendor,
        vendor_name=vendor_name,
        device_id=device,
        device_name=device_name,
        pci_bus_path=pci.name if pci else "",
    )


def _pci_device(device: Path) -> Path | None:
    """The PCI device that a device is, or is part of: a virtio interface is below one."""
    if not device.exists():
        return None
    real = device.resolve()
    for each in (real, *real.parents):
        if (each / "subsystem").resolve().name == "pci":
            return each
    return None


@lru_cache(maxsize=256)
def _names(vendor: str, device: str, lists: tuple[Path, ...]) -> tuple[str, str]:
    """The names of a vendor and of its device. The list has a line a vendor, and its devices below it, indented."""
    path = next((each for each in lists if each.exists()), None)
    if path is None:
        return "", ""
    vendor_name = ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if vendor_name and not line.startswith(("\t", "#")):
                break
            name = line.strip().partition("  ")[2]
            if line.startswith(vendor):
                vendor_name = name
            elif vendor_name and line.startswith(f"\t{device}"):
                return vendor_name, name
    return vendor_name, ""


def _text(path: Path) -> str:
    """What a file of the kernel says; empty where it is missing or refuses, as ``speed`` does while a link is down."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""

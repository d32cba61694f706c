"""Devices of this host that machines are given: where they are right now, as the kernel tells it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from xapid.backends.domain.interface import PciSpec, UsbSpec
from xapid.backends.interface import NotFound

USB = Path("/sys/bus/usb/devices")
PCI = Path("/sys/bus/pci/devices")


class UsbPlace(NamedTuple):
    """Where a USB device is. It gets another number each time that it is plugged in."""

    bus: int
    device: int


def usb_places(usbs: Iterable[UsbSpec], tree: Path = USB) -> dict[str, UsbPlace]:
    """By the uuids of their VUSBs. Raises NotFound (fact ``vusb``) for one that is not there any more."""
    return {each.vusb: _usb_place(each, tree / each.port) for each in usbs}


def _usb_place(usb: UsbSpec, folder: Path) -> UsbPlace:
    try:
        found = tuple((folder / name).read_text().strip() for name in ("idVendor", "idProduct"))
        if found != (usb.vendor, usb.product):
            raise NotFound(f"in the USB port {usb.port} is another device: {':'.join(found)}", vusb=usb.vusb)
        return UsbPlace(int((folder / "busnum").read_text()), int((folder / "devnum").read_text()))
    except OSError as error:
        raise NotFound(f"in the USB port {usb.port} is nothing: {error.strerror}", vusb=usb.vusb) from error


def require_pcis(pcis: Iterable[PciSpec], tree: Path = PCI) -> None:
    """Raises NotFound (fact ``pci``) for the first that is not there."""
    for each in pcis:
        if not (tree / each.address).exists():
            raise NotFound(f"there is no PCI device {each.address}", pci=each.address)

"""What is plugged into the USB ports of this machine, as the kernel tells it."""

from __future__ import annotations

import re

from xapid.backends.host.interface import UsbDevice
from xapid.backends.host.tree import Tree

DEVICES = "sys/bus/usb/devices"
DEVICE = re.compile(r"[0-9]+-[0-9.]+")
"""The name of a device. Its interfaces have a colon and a number more, the controllers are ``usb1``."""
HUB = "09"
HUMAN = {("03", "01", "01"), ("03", "01", "02")}
"""Class, subclass and protocol of keyboards and mice that work before any system does: they are the machine's."""


def devices(tree: Tree) -> tuple[UsbDevice, ...]:
    names = tree.names(DEVICES)
    return tuple(_device(tree, name) for name in names if DEVICE.fullmatch(name) and _is_free(tree, name, names))


def _is_free(tree: Tree, device: str, names: list[str]) -> bool:
    if tree.line(f"{DEVICES}/{device}/bDeviceClass") == HUB:
        return False
    interfaces = [name for name in names if name.startswith(f"{device}:")]
    return not any(_kind(tree, interface) in HUMAN for interface in interfaces)


def _kind(tree: Tree, interface: str) -> tuple[str, str, str]:
    folder = f"{DEVICES}/{interface}"
    return (
        tree.line(f"{folder}/bInterfaceClass"),
        tree.line(f"{folder}/bInterfaceSubClass"),
        tree.line(f"{folder}/bInterfaceProtocol"),
    )


def _device(tree: Tree, name: str) -> UsbDevice:
    folder = f"{DEVICES}/{name}"
    return UsbDevice(
        path=name,
        vendor_id=tree.line(f"{folder}/idVendor"),
        product_id=tree.line(f"{folder}/idProduct"),
        vendor=tree.line(f"{folder}/manufacturer"),
        product=tree.line(f"{folder}/product"),
        serial=tree.line(f"{folder}/serial"),
        version=tree.line(f"{folder}/version"),
        speed=_speed(tree.line(f"{folder}/speed")),
    )


def _speed(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII) else -1.0

"""Where the drives and network interfaces of a VM are plugged in: names, numbers, and which of them are free."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from xapid.datamodel import VBD, VIF, VM
from xapid.datamodel.errors import DEVICE_ALREADY_EXISTS, INVALID_DEVICE
from xapid.datamodel.vbd import VbdType
from xapid.datamodel.vm import DomainType
from xapid.rules.addresses import LAST_VIF_DEVICE
from xapid.store.store import Store

AUTODETECT = "autodetect"
"""Asks for the first place that is free."""

VBD_DEVICES = range(255)
CONTROL_DOMAIN_VBD_DEVICES = range(256)
FLOPPIES = ("fda", "fdb")
VIF_DEVICES = range(16)

IDE_DISKS = 4
"""The device model of an HVM guest shows this many disks as IDE disks."""

IDE_MAJORS = (3, 22, 33, 34, 56, 57, 88, 89, 90, 91)
"""Linux device numbers of IDE controllers, two disks each."""


class Bus(enum.StrEnum):
    """The letters before the letter of a disk."""

    xen = "xvd"
    ide = "hd"
    scsi = "sd"
    floppy = "fd"


@dataclass(frozen=True)
class Place:
    """One place for a drive."""

    bus: Bus
    disk: int
    partition: int = 0

    @property
    def name(self) -> str:
        """What the guest calls it. It sees the paravirtual twin of an IDE disk."""
        bus = Bus.xen if self.bus is Bus.ide else self.bus
        return f"{bus}{letters(self.disk)}{self.partition or ''}"

    @property
    def xenstore_id(self) -> int:
        """The number by which Xen's toolstacks know the device."""
        if self.bus is Bus.ide:
            controller, second = divmod(self.disk, 2)
            return (IDE_MAJORS[controller] << 8) + (second << 6) + self.partition
        if self.bus is Bus.xen and self.disk >= 16:
            return (1 << 28) + (self.disk << 8) + self.partition
        major = {Bus.xen: 202, Bus.scsi: 8, Bus.floppy: 203}[self.bus]
        return (major << 8) + (self.disk << 4) + self.partition


def letters(disk: int) -> str:
    """0 is a, 25 is z, 26 is aa."""
    text = ""
    rest = disk + 1
    while rest > 0:
        rest, last = divmod(rest - 1, 26)
        text = chr(ord("a") + last) + text
    return text


def number(text: str) -> int:
    """The inverse of ``letters``; no letters at all are -1, as in the original, which takes ``xvd`` for a name."""
    value = 0
    for letter in text:
        value = value * 26 + ord(letter) - ord("a") + 1
    return value - 1


# Bounded, since numbers of thousands of digits take Python long, or are refused by it.
_NAME = re.compile(r"(xvd|hd|sd|fd)([a-z]{0,8})([0-9]{0,9})")
_XEN_NUMBER = re.compile(r"d([0-9]{1,9})(?:p([0-9]{1,9}))?")
_NUMBER = re.compile(r"-?[0-9]{1,18}")


def has_device_model(vm: VM) -> bool:
    """Whether the next start gives the VM an emulated machine, with IDE disks."""
    if vm.domain_type is DomainType.unspecified:
        return vm.HVM_boot_policy != ""
    return vm.domain_type is DomainType.hvm


def place(userdevice: str, *, device_model: bool) -> Place:
    """The place a text means. Raises INVALID_DEVICE."""
    if named := _NAME.fullmatch(userdevice):
        return Place(Bus(named[1]), number(named[2]), int(named[3] or 0))
    if numbered := _XEN_NUMBER.fullmatch(userdevice):
        return Place(Bus.xen, int(numbered[1]), int(numbered[2] or 0))
    if _NUMBER.fullmatch(userdevice):
        disk = int(userdevice)
        return Place(Bus.ide if device_model and disk < IDE_DISKS else Bus.xen, disk)
    raise INVALID_DEVICE(userdevice)


def position(userdevice: str) -> int:
    """The place as a number, 0 for the first of its bus. Raises INVALID_DEVICE."""
    return place(userdevice, device_model=True).disk


def meanings(text: str) -> frozenset[Place]:
    """The places a text may mean: a small number is an IDE disk for some guests. None for a text that is no device.

    A negative number is none either, though the original takes it for a userdevice.
    """
    if _NUMBER.fullmatch(text) and int(text) < 0:
        return frozenset()
    try:
        return frozenset({place(text, device_model=True), place(text, device_model=False)})
    except INVALID_DEVICE:
        return frozenset()


def taken_places(store: Store, vm: VM) -> set[Place]:
    """The places of all drives of a VM, in every meaning that their names have."""
    return {
        each for vbd in store.where(VBD, VM=vm.ref) for text in {vbd.device, vbd.userdevice} for each in meanings(text)
    }


def free_vbd_devices(store: Store, vm: VM) -> list[str]:
    """What VM.get_allowed_VBD_devices answers."""
    taken = taken_places(store, vm)
    device_model = has_device_model(vm)
    numbers = CONTROL_DOMAIN_VBD_DEVICES if vm.is_control_domain else VBD_DEVICES
    return [text for text in map(str, numbers) if place(text, device_model=device_model) not in taken]


def resolve_vbd_device(store: Store, vm: VM, userdevice: str, kind: VbdType) -> str:
    """The userdevice a new VBD gets. Raises INVALID_DEVICE, or DEVICE_ALREADY_EXISTS for a place that is taken."""
    taken = taken_places(store, vm)
    if userdevice == AUTODETECT:
        userdevice = _first_free(store, vm, taken, kind)
    _check_place(userdevice, taken)
    return userdevice


def check_vbd_devices(store: Store, vm: VM, userdevices: Iterable[str]) -> None:
    """Whether several new VBDs may have these. Raises INVALID_DEVICE, DEVICE_ALREADY_EXISTS."""
    taken = taken_places(store, vm)
    for userdevice in userdevices:
        if userdevice != AUTODETECT:
            _check_place(userdevice, taken)
            taken |= meanings(userdevice)


def _check_place(userdevice: str, taken: set[Place]) -> None:
    found = meanings(userdevice)
    if not found and not _NUMBER.fullmatch(userdevice):
        raise INVALID_DEVICE(userdevice)
    if not found.isdisjoint(taken):
        raise DEVICE_ALREADY_EXISTS(userdevice)


def _first_free(store: Store, vm: VM, taken: set[Place], kind: VbdType) -> str:
    if kind is VbdType.Floppy:
        free = [name for name in FLOPPIES if meanings(name).isdisjoint(taken)]
    else:
        free = free_vbd_devices(store, vm)
    if not free:
        raise INVALID_DEVICE(AUTODETECT)
    return free[0]


def _taken_vif_devices(store: Store, vm: VM) -> set[int]:
    return {int(vif.device) for vif in store.where(VIF, VM=vm.ref) if _NUMBER.fullmatch(vif.device)}


def free_vif_devices(store: Store, vm: VM) -> list[str]:
    """What VM.get_allowed_VIF_devices answers."""
    taken = _taken_vif_devices(store, vm)
    return [str(device) for device in VIF_DEVICES if device not in taken]


def check_vif_number(device: str) -> None:
    """Whether a text may be the number of an interface at all. Raises INVALID_DEVICE."""
    if not re.fullmatch(r"[0-9]{1,9}", device) or int(device) > LAST_VIF_DEVICE:
        raise INVALID_DEVICE(device)


def check_vif_device(store: Store, vm: VM, device: str) -> None:
    """Whether a new VIF may have this number. Raises INVALID_DEVICE, DEVICE_ALREADY_EXISTS."""
    check_vif_number(device)
    if int(device) in _taken_vif_devices(store, vm):
        raise DEVICE_ALREADY_EXISTS(device)

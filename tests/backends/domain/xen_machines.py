"""Machines of Xen whose XML is kept as golden files, by name."""

from __future__ import annotations

from dataclasses import replace

from tests.backends.domain.machines import BARE, DATA_DEVICE, DEMO, GIVEN, INSTALLED, SYSTEM_DISK, TUNED, USB_PLACES
from xapid.backends.domain import xen_xml
from xapid.backends.domain.interface import DomainKind, DomainSpec, Hardware
from xapid.backends.domain.xen_xml import Hosting

HOSTING = Hosting(
    1_700_000_000,
    processors=2,
    bootloader="/usr/lib/xen-4.17/bin/pygrub",
    uefi="/usr/share/ovmf/OVMF.fd",
    usb=USB_PLACES,
    screen="/run/xapid/guests/screen",
)
"""A host of two processors."""

LOCAL = replace(INSTALLED, disks=tuple(each for each in INSTALLED.disks if each.disk in (SYSTEM_DISK, DATA_DEVICE)))


def numbered(number: int, spec: DomainSpec) -> DomainSpec:
    """The machine under a uuid of its own."""
    return replace(spec, uuid=f"5d1f9a3e-0000-4000-8000-0000000001{number:02}")


MACHINES = {
    "pv": numbered(0, DEMO),
    "pvh": numbered(1, replace(DEMO, kind=DomainKind.pvh)),
    "pygrub": numbered(
        2, replace(DEMO, kernel="", ramdisk="", bootloader="pygrub", bootloader_args="-q", legacy_args="single")
    ),
    "pv-tuned": numbered(3, replace(TUNED, kind=DomainKind.pv, kernel="/srv/vmlinux", hardware=Hardware(tsc_mode=2))),
    "hvm": numbered(4, replace(LOCAL, disks=(*LOCAL.disks, INSTALLED.disks[3]))),
    "hvm-uefi": numbered(5, replace(LOCAL, firmware="uefi")),
    "hvm-tuned": numbered(6, TUNED),
    "hvm-bare": numbered(7, BARE),
    "hvm-given": numbered(8, GIVEN),
}
DOMAINS = {name: xen_xml.domain(spec, HOSTING) for name, spec in MACHINES.items()}
DEVICES = {
    "disk": xen_xml.disk(INSTALLED.disks[1], DomainKind.pv),
    "interface": xen_xml.interface(DEMO.nics[0], DomainKind.hvm),
}

"""What of this host a machine of Xen starts with: boot loaders, firmware, places of devices."""

from __future__ import annotations

import os
import time
from pathlib import Path

from xapid.backends.domain import host_devices, preflight
from xapid.backends.domain.interface import DomainSpec
from xapid.backends.domain.xen_xml import Hosting
from xapid.backends.interface import NotFound

BOOTLOADERS = ("/usr/lib/xen-4.17/bin", "/usr/lib/xen/bin", "/usr/libexec/xen/bin", "/usr/bin")
"""Folders in which Xen's packages put theirs."""
UEFI = "/usr/share/ovmf/OVMF.fd"


def require(spec: DomainSpec) -> None:
    """Raises NotFound, and what preflight does, if something that the machine needs is not here."""
    preflight.require(spec)
    if spec.bootloader and not _bootloader(spec):
        raise NotFound(f"this host has no boot loader {spec.bootloader}", bootloader=spec.bootloader)


def hosting(spec: DomainSpec, screen: Path) -> Hosting:
    """For a machine that starts now. ``screen``: where its screen is to be seen."""
    uefi = UEFI if Path(UEFI).exists() else ""
    usb = host_devices.usb_places(spec.usbs)
    return Hosting(
        int(time.time()), os.cpu_count() or 0, _bootloader(spec), uefi, usb, str(screen), preflight.switched(spec.nics)
    )


def _bootloader(spec: DomainSpec) -> str:
    name = Path(spec.bootloader).name
    return next((str(Path(folder, name)) for folder in BOOTLOADERS if name and Path(folder, name).exists()), "")

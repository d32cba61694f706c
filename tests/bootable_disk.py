"""Disks that the BIOS of a Xen guest boots: GRUB, and what it loads at a fixed place behind it."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from xapid.demo.build import KERNEL_ARGS, DemoGuest

MIB = 1 << 20
MODULES = ("biosdisk", "linux")
LOADER = Path("/usr/lib/grub/i386-pc")
"""Of the package grub-pc-bin."""
SECTOR = 512
BEHIND_LOADER = 2048
"""The sector at which the kernel begins."""
XENS = "http://libvirt.org/schemas/domain/xen/1.0"


@dataclass(frozen=True)
class Bootable:
    """Raw images, to be left as they are."""

    whole: Path
    """Has all that the guest needs."""
    loader: Path
    """16 MiB with GRUB alone, which finds the rest on the next disk. Those of machines continue it."""

    def beside(self, xml: str) -> str:
        """A machine's XML with the whole image on a controller of its own, of which neither libxl nor the guest knows.

        From one of libxl's the firmware reads a sector at a time, byte by byte through the device model: 25 kB/s where
        both are emulated, a twentieth of what it reads by this one.
        """
        drive = f"if=none,id=beside,file={self.whole},format=raw,snapshot=on"
        arguments = ("-drive", drive, "-device", "ahci,id=fast", "-device", "ide-hd,drive=beside,bus=fast.0")
        lines = "".join(f'<xen:arg value="{each}"/>' for each in arguments)
        return xml.replace("</domain>", f'<xen:commandline xmlns:xen="{XENS}">{lines}</xen:commandline></domain>')


@lru_cache
def bootable(guest: DemoGuest, folder: Path) -> Bootable:
    """Made once in each folder: images that continue others lie beside them. Needs grub-pc-bin."""
    made = Bootable(folder / "whole.raw", folder / "loader.raw")
    kernel, initrd = (_in_sectors(each.read_bytes()) for each in (guest.kernel, guest.initrd))
    behind_kernel = BEHIND_LOADER + len(kernel) // SECTOR
    # On the first disk there may be no kernel: then nothing boots, and the next is tried.
    loader = _loader(
        "".join(
            f"linux ({disk}){_sectors(BEHIND_LOADER, kernel)} {KERNEL_ARGS} demo.tick=0\n"
            f"initrd ({disk}){_sectors(behind_kernel, initrd)}\n"
            "boot\n"
            for disk in ("hd0", "hd1")
        )
    )
    for path, size in ((made.loader, 16 * MIB), (made.whole, BEHIND_LOADER * SECTOR)):
        path.write_bytes(loader.ljust(size, b"\0"))
    with made.whole.open("ab") as file:
        file.write(kernel + initrd)
    return made


def _loader(commands: str) -> bytes:
    """What lies in the first sectors: the first of them reads the others."""
    with tempfile.TemporaryDirectory() as name:
        config, core = Path(name, "config"), Path(name, "core")
        config.write_text(commands)
        command = ["grub-mkimage", "-O", "i386-pc", "-d", LOADER, "-p", "/", "-c", config, "-o", core, *MODULES]
        subprocess.run(command, check=True)
        return (LOADER / "boot.img").read_bytes() + core.read_bytes()


def _in_sectors(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)


def _sectors(first: int, data: bytes) -> str:
    return f"{first}+{len(data) // SECTOR}"

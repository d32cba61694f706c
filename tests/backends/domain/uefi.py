"""A disk that UEFI firmware boots the demo guest from, and the variables by which it does."""

from __future__ import annotations

import struct
import subprocess
import uuid
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.backends.domain.hypervisor import Hypervisor
from xapid.backends.domain.interface import SECURE_BOOT_KEYS, DomainSpec, EfiVariable
from xapid.backends.storage.interface import Disk, VolumeFormat
from xapid.demo.build import DemoGuest

MIB = 1 << 20
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
KEPT, SIGNED, ACTIVE = 0x7, 0x27, 0x1
FILE, END = 0x0404, 0xFF7F
ARGUMENTS = r"initrd=\initrd console=ttyS0 quiet demo.tick=0"


def boot_disk(folder: Path, demo: DemoGuest, kernel: Path | None = None) -> Disk:
    """A disk with the guest's kernel, which is a program of EFI, and its first file system."""
    path = folder / f"{uuid4()}.raw"
    kernel = kernel or demo.kernel
    size = kernel.stat().st_size + demo.initrd.stat().st_size
    with path.open("wb") as file:
        file.truncate((size // MIB + 8) * MIB)
    subprocess.run(["mformat", "-i", path, "::"], check=True)
    for source, name in ((kernel, "vmlinuz.efi"), (demo.initrd, "initrd")):
        subprocess.run(["mcopy", "-i", path, source, f"::/{name}"], check=True)
    return Disk(str(path), VolumeFormat.raw)


def boot_variables(arguments: str = ARGUMENTS) -> tuple[EfiVariable, ...]:
    """By which the firmware starts the kernel on whichever disk has it."""
    name = "\\vmlinuz.efi\0".encode("utf-16-le")
    path = struct.pack("<HH", FILE, 4 + len(name)) + name + struct.pack("<HH", END, 4)
    title = "of the tests\0".encode("utf-16-le")
    option = struct.pack("<IH", ACTIVE, len(path)) + title + path + f"{arguments}\0".encode("utf-16-le")
    return (
        EfiVariable("Boot0007", GLOBAL, option, KEPT),
        EfiVariable("BootOrder", GLOBAL, struct.pack("<H", 7), KEPT),
    )


def uefi_spec(real: Hypervisor, kernel: Path | None = None, **changes: Any) -> DomainSpec:
    """A machine whose firmware boots the demo guest."""
    assert real.demo is not None
    wanted = {
        "kernel": "",
        "ramdisk": "",
        "kernel_args": "",
        "firmware": "uefi",
        "memory_static_max": 256 * MIB,
        "memory_target": 256 * MIB,
        "efi_variables": boot_variables(),
        "disks": (real.drive(disk=boot_disk(real.folder, real.demo, kernel)),),
    }
    return real.spec(**wanted | changes)


class Signer:
    """Somebody who signs programs of EFI, and whose machines start nothing else."""

    def __init__(self, folder: Path) -> None:
        self._key, self._certificate = folder / "signer.key", folder / "signer.pem"
        subject = ["-subj", "/CN=signer of the tests", "-days", "3650", "-nodes", "-newkey", "rsa:2048"]
        output = ["-keyout", self._key, "-out", self._certificate]
        subprocess.run(["openssl", "req", "-x509", *subject, *output], check=True, capture_output=True)

    def signed(self, kernel: Path) -> Path:
        """The program with a signature."""
        signed = self._key.with_name(f"{kernel.name}.signed")
        command = ["sbsign", "--key", self._key, "--cert", self._certificate, "--output", signed, kernel]
        subprocess.run(command, check=True, capture_output=True)
        return signed

    def variables(self) -> tuple[EfiVariable, ...]:
        """By which firmware knows the signer, and nobody else."""
        command = ["openssl", "x509", "-in", self._certificate, "-outform", "DER"]
        certificate = subprocess.run(command, check=True, capture_output=True).stdout
        owner = uuid.uuid4().bytes_le
        length = len(owner) + len(certificate)
        kind = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
        known = kind + struct.pack("<III", 28 + length, 0, length) + owner + certificate
        when = struct.pack("<HBBBBB9x", 2024, 1, 1, 0, 0, 0)
        return tuple(
            EfiVariable(name, vendor, known, SIGNED, when) for name, vendor in SECURE_BOOT_KEYS.items() if name != "dbx"
        )

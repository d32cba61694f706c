"""Machines whose XML is kept as golden files, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xapid.backends.domain import qemu_xml
from xapid.backends.domain.domain_xml import GuestFolder
from xapid.backends.domain.firmware import Firmware
from xapid.backends.domain.host_devices import UsbPlace
from xapid.backends.domain.interface import (
    DiskSpec,
    DomainKind,
    DomainSpec,
    Hardware,
    IoClass,
    IoPriority,
    NicSpec,
    PciSpec,
    Scheduling,
    Screen,
    Tpm,
    UsbSpec,
)
from xapid.backends.domain.qemu_xml import Accel, Hosting
from xapid.backends.storage.interface import Disk, VolumeFormat

MIB = 1 << 20

SYSTEM_DISK = Disk("/srv/sr/system.qcow2", VolumeFormat.qcow2)
DATA_DEVICE = Disk("/dev/vg/data", VolumeFormat.raw, kind="block")
REMOTE = Disk("/run/nbd/remote", VolumeFormat.raw, kind="nbd")
CD = Disk("/srv/isos/install.iso", VolumeFormat.raw, read_only=True)

DEMO = DomainSpec(
    uuid="5d1f9a3e-0000-4000-8000-000000000001",
    name="demo",
    kind=DomainKind.pv,
    memory_static_max=256 * MIB,
    memory_target=128 * MIB,
    vcpus_max=1,
    vcpus=1,
    kernel="/srv/demo/vmlinuz",
    ramdisk="/srv/demo/initrd",
    kernel_args="console=ttyS0 root=/dev/vda",
    disks=(DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d0", 0, "disk", SYSTEM_DISK),),
    nics=(NicSpec("5d1f9a3e-0000-4000-8000-0000000000f0", 0, "02:00:00:00:00:01", "xapi0"),),
)
"""A kernel booted directly."""

INSTALLED = DomainSpec(
    uuid="5d1f9a3e-0000-4000-8000-000000000002",
    name='Quotes " & <brackets>,\nlines and \x07 bells',
    kind=DomainKind.hvm,
    memory_static_max=2048 * MIB,
    memory_target=2048 * MIB,
    vcpus_max=8,
    vcpus=4,
    boot_order="DCN",
    disks=(
        DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d1", 0, "disk", SYSTEM_DISK, bootable=True),
        DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d2", 30, "disk", DATA_DEVICE),
        DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d3", 1, "disk", REMOTE, read_only=True),
        DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d4", 3, "cdrom", CD),
        DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d5", 4, "cdrom", None),
        DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d6", 0, "floppy", None),
    ),
    nics=(
        NicSpec("5d1f9a3e-0000-4000-8000-0000000000f1", 1, "02:00:00:00:00:03", "xenbr1", mtu=9000),
        NicSpec("5d1f9a3e-0000-4000-8000-0000000000f2", 0, "02:00:00:00:00:02", "xenbr0"),
    ),
    screen=Screen(card="cirrus"),
    xenstore_data={"vm-data/greeting": "good, day", "vm-data/b": "2", "elsewhere": "hidden"},
    bios_strings={"bios-vendor": "Xen", "system-product-name": "HVM domU", "oem-1": "Xen"},
    cores_per_socket=2,
    on_reboot="destroy",
    on_crash="preserve",
)
"""Boots from its drives, and has something of everything."""


TUNED = DomainSpec(
    uuid="5d1f9a3e-0000-4000-8000-000000000003",
    name="tuned",
    kind=DomainKind.hvm,
    memory_static_max=1024 * MIB,
    memory_target=512 * MIB,
    vcpus_max=4,
    vcpus=2,
    cores_per_socket=4,
    scheduling=Scheduling(weight=512, cap=150, affinity=((0, 1), (2,), (9,), (0, 1))),
    disks=(
        DiskSpec("5d1f9a3e-0000-4000-8000-0000000000d7", 0, "disk", DATA_DEVICE, priority=IoPriority(IoClass.idle, 7)),
    ),
    screen=Screen("std", 16, "de"),
    hardware=Hardware(
        nx=False,
        hpet=False,
        viridian=frozenset({"base", "apic_assist", "stimer", "reference_tsc", "crash_ctl"}),
        usb=True,
        tablet=True,
        serial=False,
        parallel="/dev/parport0",
    ),
    clock_offset=-3600,
    generation_id="5d1f9a3e-0000-4000-8000-00000000face",
)
"""Differs from what is usual wherever platform and VCPUs_params can say so."""

BARE = replace(TUNED, uuid="5d1f9a3e-0000-4000-8000-000000000004", name="bare", generation_id="", hardware=Hardware(
    acpi=False, apic=False, pae=False, nested_virt=True,
))  # fmt: skip
"""Lacks what it can lack."""


SEALED = replace(
    INSTALLED,
    uuid="5d1f9a3e-0000-4000-8000-000000000005",
    name="sealed",
    firmware="uefi",
    secure_boot=True,
    tpm=Tpm(b"what it keeps"),
    hardware=Hardware(acpi=False, usb=True, tablet=True),
    xenstore_data={},
)
"""With UEFI that starts what is signed, a TPM, and drives of each kind."""

MODERN = replace(DEMO, uuid="5d1f9a3e-0000-4000-8000-000000000006", name="modern", firmware="uefi", kernel="")
"""With UEFI, and not more than that."""

STICK = UsbSpec("5d1f9a3e-0000-4000-8000-0000000000e1", "1-1.4", "0781", "5581")
CAMERA = UsbSpec("5d1f9a3e-0000-4000-8000-0000000000e2", "2-3", "046d", "0825")

CARD = PciSpec("0000:03:00.0")
SOUND = PciSpec("000a:f3:1d.7")

GIVEN = replace(
    TUNED, uuid="5d1f9a3e-0000-4000-8000-000000000007", name="given", usbs=(STICK, CAMERA), pcis=(CARD, SOUND)
)
"""Has devices of the host, and a pointer of its own on USB."""

GIVEN_MODERN = replace(
    MODERN, uuid="5d1f9a3e-0000-4000-8000-000000000008", name="given-modern", usbs=(STICK,), pcis=(CARD,)
)
"""Has nothing else on USB."""

USB_PLACES = {STICK.vusb: UsbPlace(1, 7), CAMERA.vusb: UsbPlace(2, 3)}


def hosting(spec: DomainSpec, accel: Accel = Accel.tcg) -> Hosting:
    """On a host of four processors whose ISOs and nothing else cannot bypass the page cache."""
    code = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd" if spec.secure_boot else "/usr/share/OVMF/OVMF_CODE_4M.fd"
    firmware = Firmware(Path(code), Path("/usr/share/OVMF/OVMF_VARS_4M.fd"), spec.secure_boot)
    return Hosting(
        accel,
        GuestFolder(Path("/run/xapid/guests") / spec.uuid),
        1_700_000_000,
        frozenset({REMOTE.path}),
        firmware=firmware if spec.has_uefi else None,
        flash=Path("/var/lib/xapid/kept") / spec.uuid / "flash",
        processors=4,
        ordinary_shares=1024,
        usb=USB_PLACES,
    )


DOMAINS = {
    "demo": qemu_xml.domain(DEMO, hosting(DEMO)),
    "demo-kvm": qemu_xml.domain(DEMO, hosting(DEMO, Accel.kvm)),
    "installed": qemu_xml.domain(INSTALLED, hosting(INSTALLED)),
    "installed-kvm": qemu_xml.domain(INSTALLED, hosting(INSTALLED, Accel.kvm)),
    "tuned": qemu_xml.domain(TUNED, hosting(TUNED)),
    "tuned-kvm": qemu_xml.domain(TUNED, hosting(TUNED, Accel.kvm)),
    "sealed": qemu_xml.domain(SEALED, hosting(SEALED)),
    "sealed-kvm": qemu_xml.domain(SEALED, hosting(SEALED, Accel.kvm)),
    "modern": qemu_xml.domain(MODERN, hosting(MODERN)),
    "given": qemu_xml.domain(GIVEN, hosting(GIVEN)),
    "given-modern": qemu_xml.domain(GIVEN_MODERN, hosting(GIVEN_MODERN)),
    "bare": qemu_xml.domain(BARE, hosting(BARE)),
    "bare-kvm": qemu_xml.domain(BARE, hosting(BARE, Accel.kvm)),
}
"""Whole machines."""

DEVICES = {
    "disk": qemu_xml.disk(DEMO.disks[0]),
    "interface": qemu_xml.interface(DEMO.nics[0]),
    "snapshot": qemu_xml.snapshot({"vda": SYSTEM_DISK, "vdb": DATA_DEVICE}, ["hdd"]),
}
"""What is handed to libvirt of a machine that runs."""

"""What a machine is before it runs: the values that every domain driver starts it from, whatever its hypervisor."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from xapid.backends.storage.interface import Disk


class DomainKind(enum.StrEnum):
    """How the guest sees the machine."""

    hvm = "hvm"
    pv = "pv"
    pvh = "pvh"


# --- Devices -----------------------------------------------------------------------------------------


class IoClass(enum.StrEnum):
    """Which requests of a disk go first, in the words of ionice."""

    idle = "idle"
    best_effort = "best-effort"
    real_time = "real-time"


@dataclass(frozen=True)
class IoPriority:
    """Where the requests of a disk stand among those of others."""

    kind: IoClass
    level: int
    """0 first, 7 last"""


@dataclass(frozen=True)
class DiskSpec:
    """One drive of a machine."""

    vbd: str
    """uuid of the VBD; the driver names the device after it, so that it finds it again."""
    position: int
    """0 for the first. QEMU: vda or hda; Xen: xvda."""
    device: str
    """disk, cdrom or floppy."""
    disk: Disk | None
    """None: an empty drive."""
    read_only: bool = False
    bootable: bool = False
    priority: IoPriority | None = None
    """None: that of everybody. For hypervisors with a process or thread for each disk."""
    backend: str = ""
    """Which of several back ends is to serve it (Xen: vbd3, qdisk, ...); empty: the driver's choice."""


@dataclass(frozen=True)
class NicSpec:
    """One network interface of a machine."""

    vif: str
    """uuid of the VIF."""
    position: int
    mac: str
    bridge: str
    mtu: int = 1500
    link: str = ""
    """What the host's end is to be called, where the hypervisor lets that be said; empty: as it likes."""


@dataclass(frozen=True)
class UsbSpec:
    """One USB device of the host that a machine has."""

    vusb: str
    """uuid of the VUSB."""
    port: str
    """Where it is plugged in, as the kernel names it: 1-1.4. Its number on the bus is looked up when it is given."""
    vendor: str
    product: str
    """Numbers in hexadecimal digits: another device in the same port is another device."""


@dataclass(frozen=True)
class PciSpec:
    """One PCI device of the host that a machine has for itself."""

    address: str
    """0000:03:00.0"""


# --- Parts of a machine ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scheduling:
    """What part of the host's processors the machine gets."""

    weight: int = 0
    """256 is an ordinary machine, 512 gets twice as much when there is not enough; 0: not said."""
    cap: int = 0
    """Most that all its processors get together, in percent of one of the host's; 0: no bound."""
    affinity: tuple[tuple[int, ...], ...] = ()
    """For each of its processors those of the host that it may run on; empty: any."""


@dataclass(frozen=True)
class Screen:
    """The graphics card, and the keys of whom looks at it."""

    card: str = "std"
    """std or cirrus"""
    memory: int = 0
    """MiB; 0: the driver's choice"""
    keymap: str = ""
    """As QEMU names it: en-us; empty: viewers send what is on the keys."""


@dataclass(frozen=True)
class Hardware:
    """What a machine with emulated devices has beside its drives and interfaces."""

    acpi: bool = True
    apic: bool = True
    pae: bool = True
    nx: bool = True
    hpet: bool = True
    nested_virt: bool = False
    """The guest may run guests of its own."""
    viridian: frozenset[str] = frozenset()
    """What the guest is shown of Hyper-V: ``base`` and the parts that build on it (rules.hardware); empty: nothing."""
    tsc_mode: int = 0
    """How the guest's time stamp counter is kept, as Xen counts: 0 as suits it, 1 always emulated, 2 never, 3 by help
    of the guest."""
    usb: bool = False
    tablet: bool = False
    """A pointing device on USB that knows where it is; without it the pointers of viewer and guest drift apart."""
    serial: bool = True
    parallel: str = ""
    """A parallel port of the host; empty: none."""


@dataclass(frozen=True)
class EfiVariable:
    """One variable that UEFI firmware keeps over a boot."""

    name: str
    vendor: str
    """The uuid that names belong to."""
    data: bytes
    attributes: int
    timestamp: bytes = bytes(16)
    """Of the last change that was signed, as EFI_TIME."""
    signer: bytes = bytes(32)
    """Digest of who signed it, where the firmware keeps that with each variable."""


EFI_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
EFI_IMAGE_SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
SECURE_BOOT_KEYS = {"PK": EFI_GLOBAL, "KEK": EFI_GLOBAL, "db": EFI_IMAGE_SECURITY, "dbx": EFI_IMAGE_SECURITY}
"""Variables by which secure boot knows what it may start, and their vendors. Who wrote the first owns the machine."""


@dataclass(frozen=True)
class Tpm:
    """A TPM 2.0."""

    contents: bytes = field(default=b"", repr=False)
    """All that it keeps, as swtpm saves it; empty: a new one."""


# --- The machine -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DomainSpec:
    """Everything needed to start a machine."""

    uuid: str
    name: str
    kind: DomainKind
    memory_static_max: int
    """bytes"""
    memory_target: int
    """bytes"""
    vcpus_max: int
    vcpus: int
    cores_per_socket: int = 1
    scheduling: Scheduling = Scheduling()
    boot_order: str = "cd"
    """c disk, d CD, n network"""
    firmware: str = "bios"
    """bios or uefi"""
    secure_boot: bool = False
    """UEFI starts only what is signed by keys in its variables; without any, by those that the firmware came with."""
    efi_variables: tuple[EfiVariable, ...] = ()
    """What UEFI starts with; none: as fresh as it came."""
    tpm: Tpm | None = None
    kernel: str = ""
    """Path of a kernel booted directly; empty: the boot order decides."""
    ramdisk: str = ""
    kernel_args: str = ""
    bootloader: str = ""
    """Of paravirtual machines: the program that finds the kernel on their disk (pygrub). QEMU has no need of it."""
    bootloader_args: str = ""
    legacy_args: str = ""
    """Arguments of the kernel that a boot loader of old is given."""
    disks: tuple[DiskSpec, ...] = ()
    nics: tuple[NicSpec, ...] = ()
    usbs: tuple[UsbSpec, ...] = ()
    pcis: tuple[PciSpec, ...] = ()
    screen: Screen = Screen()
    line_as_screen: bool = True
    """One that has a line and no screen: whoever wants to look at it sees its line."""
    hardware: Hardware = Hardware()
    clock_offset: int = 0
    """Seconds by which its clock is before the host's, in UTC."""
    generation_id: str = ""
    """A uuid that is another one once the machine was copied or went back in time; empty: it has none."""
    platform: dict[str, str] = field(default_factory=dict)
    """VM.platform as it is, for keys that only one hypervisor knows."""
    xenstore_data: dict[str, str] = field(default_factory=dict)
    """What the guest is told, under ``vm-data/``."""
    bios_strings: dict[str, str] = field(default_factory=dict)
    on_reboot: str = "restart"
    """restart or destroy: what follows when the guest reboots by itself."""
    on_crash: str = "destroy"
    """destroy, restart or preserve."""

    @property
    def has_uefi(self) -> bool:
        """Whether UEFI boots it."""
        return self.firmware == "uefi"

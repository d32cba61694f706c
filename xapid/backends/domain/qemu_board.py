"""What a machine of QEMU is apart from its devices, as libvirt's XML: how it boots, its processors, clock and names."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from xapid.backends.domain import domain_xml
from xapid.backends.domain.domain_xml import GuestFolder, add
from xapid.backends.domain.firmware import Firmware
from xapid.backends.domain.host_devices import UsbPlace
from xapid.backends.domain.interface import DomainKind, DomainSpec

MACHINE = "pc"
"""Has places for hot plug on its root bus, IDE for CD drives, and is what a Xen guest with a device model sees too."""
UEFI_MACHINE = "q35"
"""Has a mode that guests have no way into, without which secure boot is none."""
TRANSLATED_MIB = 32
"""Of emulated code. With QEMU's own choice, a GiB, a guest that was reset takes 16 s to boot rather than 8 s, since it
writes over pages whose old code is still known; and the demo guest takes 130 MiB more."""
EMULATED_CPU = "qemu64"
"""What QEMU emulates when nothing is said."""

SMBIOS = {
    "bios-vendor": ("bios", "vendor"),
    "bios-version": ("bios", "version"),
    "system-manufacturer": ("system", "manufacturer"),
    "system-product-name": ("system", "product"),
    "system-version": ("system", "version"),
    "system-serial-number": ("system", "serial"),
    "baseboard-manufacturer": ("baseBoard", "manufacturer"),
    "baseboard-product-name": ("baseBoard", "product"),
    "baseboard-version": ("baseBoard", "version"),
    "baseboard-serial-number": ("baseBoard", "serial"),
    "baseboard-asset-tag": ("baseBoard", "asset"),
    "baseboard-location-in-chassis": ("baseBoard", "location"),
    "enclosure-asset-tag": ("chassis", "asset"),
}
"""Keys of VM.bios_strings to block and entry of libvirt's sysinfo; ``oem-`` and a number goes before other strings."""
OEM = "oem-"

VM_DATA = "vm-data/"
VM_DATA_FILE = "opt/org.xapid/vm-data"
"""Under which the guest finds all of it, a JSON object, among the files of QEMU's firmware interface."""
OEM_STRING = 1024
OEM_STRINGS = 8192
"""Bytes of one OEM string and of all of them: with everything else their table has 64 KiB, beyond which QEMU ends."""

ENLIGHTENMENTS = {
    "base": ("relaxed", "vpindex", "runtime"),
    "apic_assist": ("vapic",),
    "stimer": ("synic", "stimer"),
    "hcall_remote_tlb_flush": ("tlbflush",),
    "hcall_ipi": ("ipi",),
}
"""Parts of Hardware.viridian to what libvirt calls them; those that have to do with time are timers to it."""
HYPERV_CLOCK = frozenset({"time_ref_count", "reference_tsc", "stimer"})
PERIOD = 100_000
"""Microseconds for which a cap counts."""


class Accel(enum.StrEnum):
    """What runs the guest's instructions."""

    kvm = "kvm"
    tcg = "tcg"


@dataclass(frozen=True)
class Hosting:
    """What the XML says beside the spec: where and when the machine runs."""

    accel: Accel
    folder: GuestFolder
    started: int
    """seconds since 1970"""
    buffered: frozenset[str] = frozenset()
    """Paths of disks whose file system cannot bypass the page cache."""
    processors: int = 0
    """How many the host has; 0: not known."""
    firmware: Firmware | None = None
    """What boots a machine with UEFI."""
    flash: Path = Path()
    """Where such a machine has the variables of its firmware."""
    ordinary_shares: int = 0
    """The number by which its control groups know an ordinary part of the processors; 0: it has none to say it with."""
    usb: Mapping[str, UsbPlace] = field(default_factory=dict)
    """Where its USB devices are, by the uuids of the VUSBs."""
    switched: frozenset[str] = frozenset()
    """Bridges that are Open vSwitch's."""


# --- How it boots ------------------------------------------------------------------------------------


def boot(root: Element, spec: DomainSpec, hosting: Hosting) -> None:
    os = add(root, "os")
    add(os, "type", "hvm", arch="x86_64", machine=UEFI_MACHINE if spec.has_uefi else MACHINE)
    if hosting.firmware is not None:
        secure = "yes" if hosting.firmware.secure else "no"
        add(os, "loader", str(hosting.firmware.code), readonly="yes", type="pflash", secure=secure)
        add(os, "nvram", str(hosting.flash))
    domain_xml.kernel(os, spec, spec.kernel_args if spec.kernel else "")
    if _has_smbios(spec):
        add(os, "smbios", mode="sysinfo")


# --- Processors --------------------------------------------------------------------------------------


def features(root: Element, spec: DomainSpec, accel: Accel) -> None:
    has = spec.hardware
    element = add(root, "features")
    for name, there in (("acpi", has_acpi(spec)), ("apic", has.apic), ("pae", has.pae)):
        if there:
            add(element, name)
    if spec.has_uefi and spec.secure_boot:
        add(element, "smm", state="on")
    if accel is Accel.tcg:
        add(add(element, "tcg"), "tb-cache", str(TRANSLATED_MIB), unit="MiB")
    elif has.viridian:
        _hyperv(element, has.viridian)


def has_acpi(spec: DomainSpec) -> bool:
    """UEFI is nothing without it."""
    return spec.hardware.acpi or spec.has_uefi


def _hyperv(element: Element, parts: frozenset[str]) -> None:
    """Only KVM has it: where all is emulated there is nothing to save."""
    hyperv = add(element, "hyperv")
    for part, names in ENLIGHTENMENTS.items():
        if part in parts:
            for name in names:
                add(hyperv, name, state="on")


def processor(root: Element, spec: DomainSpec, accel: Accel) -> None:
    cores = spec.cores_per_socket
    divides = cores > 1 and spec.vcpus_max % cores == 0
    lacking = list(_lacking(spec, accel))
    if accel is Accel.kvm:
        cpu = add(root, "cpu", mode="host-passthrough", check="none", migratable="on")
    elif lacking:
        cpu = add(root, "cpu", mode="custom", match="exact", check="none")
        add(cpu, "model", EMULATED_CPU, fallback="forbid")
    elif divides:
        cpu = add(root, "cpu")
    else:
        return
    if divides:
        add(cpu, "topology", sockets=str(spec.vcpus_max // cores), dies="1", cores=str(cores), threads="1")
    for name in lacking:
        add(cpu, "feature", policy="disable", name=name)


def _lacking(spec: DomainSpec, accel: Accel) -> Iterator[str]:
    """What the processor would have and the machine is not to have."""
    if not spec.hardware.nx:
        yield "nx"
    if accel is Accel.kvm and not spec.hardware.nested_virt:
        yield from ("vmx", "svm")


def tuning(root: Element, spec: DomainSpec, hosting: Hosting) -> None:
    """The machine's part of the host's processors, as far as the host can give parts."""
    plan = spec.scheduling
    tune = Element("cputune")
    if plan.weight and hosting.ordinary_shares:
        add(tune, "shares", str(max(2, plan.weight * hosting.ordinary_shares // 256)))
    domain_xml.pinning(tune, spec, hosting.processors)
    if plan.cap and hosting.ordinary_shares:
        add(tune, "global_period", str(PERIOD))
        add(tune, "global_quota", str(plan.cap * PERIOD // 100))
    if len(tune):
        root.append(tune)


# --- Clock -------------------------------------------------------------------------------------------


def clock(root: Element, spec: DomainSpec, accel: Accel) -> None:
    """Of a kind of which libvirt tells when the guest sets it."""
    element = add(root, "clock", offset="variable", adjustment=str(spec.clock_offset), basis="utc")
    if not spec.hardware.hpet:
        add(element, "timer", name="hpet", present="no")
    if accel is Accel.kvm and spec.hardware.viridian & HYPERV_CLOCK:
        add(element, "timer", name="hypervclock", present="yes")


# --- Names and data ----------------------------------------------------------------------------------


def generation(root: Element, spec: DomainSpec) -> None:
    """Right after what libvirt knows the machine by; a paravirtual guest has no place for it."""
    if spec.generation_id and spec.kind is DomainKind.hvm and has_acpi(spec):
        add(root, "genid", spec.generation_id)


def sysinfo(root: Element, spec: DomainSpec, folder: GuestFolder) -> None:
    _smbios(root, spec)
    if data(spec):
        element = add(root, "sysinfo", type="fwcfg")
        add(element, "entry", name=VM_DATA_FILE, file=str(folder.data))


def data(spec: DomainSpec) -> str:
    """What a Xen guest reads in xenstore, whole, for the guest to read as a file of QEMU's; empty: there is nothing."""
    shared = dict(_shared(spec))
    return json.dumps(shared, sort_keys=True, ensure_ascii=False, separators=(",", ":")) if shared else ""


def _shared(spec: DomainSpec) -> Iterator[tuple[str, str]]:
    for key, value in sorted(spec.xenstore_data.items()):
        if key.startswith(VM_DATA):
            yield key, value


def _smbios(root: Element, spec: DomainSpec) -> None:
    if not _has_smbios(spec):
        return
    sysinfo = add(root, "sysinfo", type="smbios")
    blocks: dict[str, Element] = {}
    for key, (block, entry) in SMBIOS.items():
        if value := spec.bios_strings.get(key):
            if block not in blocks:
                blocks[block] = add(sysinfo, block)
            add(blocks[block], "entry", value, name=entry)
    strings = list(_oem_strings(spec))
    if strings:
        element = add(sysinfo, "oemStrings")
        for value in strings:
            add(element, "entry", value)


def _has_smbios(spec: DomainSpec) -> bool:
    return any(spec.bios_strings.get(key) for key in SMBIOS) or any(_oem_strings(spec))


def _oem_strings(spec: DomainSpec) -> Iterator[str]:
    """Those of the machine's maker, then what the guest is told, ``vm-data/KEY=VALUE``, as far as there is room."""
    oem = sorted(key for key, value in spec.bios_strings.items() if key.startswith(OEM) and value)
    yield from (spec.bios_strings[key] for key in oem)
    yield from _fitting(f"{key}={value}" for key, value in _shared(spec))


def _fitting(strings: Iterable[str]) -> Iterator[str]:
    room = OEM_STRINGS
    for string in strings:
        size = len(string.encode())
        if size <= min(room, OEM_STRING):
            room -= size
            yield string

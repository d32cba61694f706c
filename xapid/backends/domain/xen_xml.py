"""Domain XML for Xen's machines, which libvirt hands to libxl: pure functions from a spec to text.

What libxl has no word for is left out where the guest can do without (topology, parts of Hyper-V, a generation id, what
its strings say), and refused where it cannot. Weight and cap are told to the scheduler once the domain is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from xapid.backends.domain import domain_xml, hostdev_xml
from xapid.backends.domain.domain_xml import add
from xapid.backends.domain.host_devices import UsbPlace
from xapid.backends.domain.interface import DiskSpec, DomainKind, DomainSpec, NicSpec
from xapid.backends.interface import NotSupported
from xapid.backends.storage.interface import Disk

OS_TYPES = {
    DomainKind.hvm: ("hvm", "xenfv"),
    DomainKind.pv: ("xen", "xenpv"),
    DomainKind.pvh: ("xenpvh", "xenpvh"),
}
"""What libvirt calls the machine of each kind."""
BOOT_DEVICES = {"c": "hd", "d": "cdrom", "n": "network"}
TSC_MODES = {1: "emulate", 2: "native", 3: "paravirt"}
"""The first of Xen's modes is what it does when nothing is said."""
IDE_PLACES = 4
FIRST_PORT = "5900"
"""Of VNC. Nobody listens there."""
EMULATED_NIC = "rtl8139"
"""Beside which each guest finds the interface of its own kind."""


SWITCH_SCRIPT = "vif-openvswitch"
"""Xen's own, which joins an interface to a bridge of Open vSwitch."""


@dataclass(frozen=True)
class Hosting:
    """What the XML says beside the spec: when, and with which programs of this host, the machine runs."""

    started: int
    """seconds since 1970"""
    processors: int = 0
    """How many the host has; 0: not known."""
    bootloader: str = ""
    """Path of what the spec's boot loader is here."""
    uefi: str = ""
    """Path of UEFI firmware that Xen can start; empty: there is none."""
    usb: Mapping[str, UsbPlace] = field(default_factory=dict)
    """Where its USB devices are, by the uuids of the VUSBs."""
    screen: str = ""
    """Path of the socket at which the screen is seen."""
    switched: frozenset[str] = frozenset()
    """Bridges that are Open vSwitch's."""


def domain(spec: DomainSpec, hosting: Hosting) -> str:
    """The whole machine. Raises NotSupported for what Xen has no place for."""
    _require_possible(spec, hosting)
    root = Element("domain", {"type": "xen"})
    domain_xml.identity(root, spec, hosting.started)
    domain_xml.size(root, spec)
    _pinning(root, spec, hosting)
    _boot(root, spec, hosting)
    _features(root, spec)
    _processor(root, spec)
    _clock(root, spec)
    domain_xml.endings(root, spec)
    devices = add(root, "devices")
    for each in spec.disks:
        if is_seen(each, spec.kind):
            devices.append(_disk(each, spec.kind))
    for nic in sorted(spec.nics, key=lambda each: each.position):
        devices.append(_interface(nic, spec.kind, hosting.switched))
    for usb in spec.usbs:
        devices.append(hostdev_xml.usb(usb, hosting.usb[usb.vusb]))
    for pci in spec.pcis:
        devices.append(hostdev_xml.pci(pci))
    _lines(devices, spec)
    if spec.kind is DomainKind.hvm:
        _screen(devices, spec, hosting)
    return domain_xml.render(root)


def disk(spec: DiskSpec, kind: DomainKind) -> str:
    """One drive, to plug into a running machine of a kind."""
    return domain_xml.render(_disk(spec, kind))


def interface(spec: NicSpec, kind: DomainKind, switched: frozenset[str] = frozenset()) -> str:
    """One network interface, likewise."""
    return domain_xml.render(_interface(spec, kind, switched))


def with_medium(drive: Element, medium: Disk | None) -> str:
    """A drive, as libvirt describes it, that holds another disk, or none."""
    for tag in ("driver", "source", "backingStore"):
        domain_xml.remove(drive, tag)
    drive.set("type", "file")
    if medium is not None:
        _content(drive, medium)
    return ElementTree.tostring(drive, encoding="unicode")


def is_seen(spec: DiskSpec, kind: DomainKind) -> bool:
    """Whether there is anything to see: an empty drive needs a device model."""
    return spec.disk is not None or kind is DomainKind.hvm


def target(spec: DiskSpec, kind: DomainKind) -> tuple[str, str]:
    """Name and bus of a drive: xvda, xen. Raises NotSupported if its position has no place."""
    name = domain_xml.letters(spec.position)
    match spec.device:
        case "disk":
            return f"xvd{name}", "xen"
        case "cdrom" if kind is not DomainKind.hvm:
            return f"xvd{name}", "xen"
        case "cdrom" if spec.position < IDE_PLACES:
            return f"hd{name}", "ide"
    raise NotSupported(f"there is no place for a {spec.device} at position {spec.position}", vbd=spec.vbd)


def _require_possible(spec: DomainSpec, hosting: Hosting) -> None:
    if spec.tpm is not None:
        raise NotSupported("libxl has no TPM for guests", tpm="missing")
    if spec.usbs and spec.kind is not DomainKind.hvm:
        raise NotSupported("without a device model a guest has no USB devices", kind=spec.kind.value)
    if spec.secure_boot:
        raise NotSupported("libxl keeps no keys for secure boot", firmware=spec.firmware)
    if spec.has_uefi and not hosting.uefi:
        raise NotSupported("this host has no UEFI firmware for Xen: apt-get install ovmf", firmware="uefi")


def _pinning(root: Element, spec: DomainSpec, hosting: Hosting) -> None:
    tune = Element("cputune")
    domain_xml.pinning(tune, spec, hosting.processors)
    if len(tune):
        root.append(tune)


def _boot(root: Element, spec: DomainSpec, hosting: Hosting) -> None:
    if spec.bootloader:
        add(root, "bootloader", hosting.bootloader)
        if spec.bootloader_args:
            add(root, "bootloader_args", domain_xml.line(spec.bootloader_args))
    os = add(root, "os")
    kind, machine = OS_TYPES[spec.kind]
    add(os, "type", kind, arch="x86_64", machine=machine)
    if spec.has_uefi:
        add(os, "loader", hosting.uefi, readonly="yes", type="pflash")
    own_kernel = spec.kind is not DomainKind.hvm
    domain_xml.kernel(os, spec, f"{spec.kernel_args} {spec.legacy_args}".strip() if own_kernel else "")
    if spec.kind is DomainKind.hvm:
        for device in dict.fromkeys(spec.boot_order.lower()):
            if device in BOOT_DEVICES:
                add(os, "boot", dev=BOOT_DEVICES[device])


def _features(root: Element, spec: DomainSpec) -> None:
    if spec.kind is not DomainKind.hvm:
        return
    has = spec.hardware
    element = add(root, "features")
    for name, there in (("acpi", has.acpi), ("apic", has.apic), ("pae", has.pae), ("viridian", bool(has.viridian))):
        if there:
            add(element, name)


def _processor(root: Element, spec: DomainSpec) -> None:
    """Only what is unusual: with this element and without more, libxl lets the guest run guests of its own."""
    has = spec.hardware
    if spec.kind is not DomainKind.hvm or (has.nx and not has.nested_virt):
        return
    cpu = add(root, "cpu", mode="host-passthrough")
    for name in _lacking(spec):
        add(cpu, "feature", policy="disable", name=name)


def _lacking(spec: DomainSpec) -> Iterator[str]:
    if not spec.hardware.nx:
        yield "nx"
    if not spec.hardware.nested_virt:
        yield from ("vmx", "svm")


def _clock(root: Element, spec: DomainSpec) -> None:
    if spec.kind is DomainKind.hvm:
        element = add(root, "clock", offset="variable", adjustment=str(spec.clock_offset), basis="utc")
    else:
        # Its clock is the hypervisor's.
        element = add(root, "clock", offset="utc")
    if mode := TSC_MODES.get(spec.hardware.tsc_mode):
        add(element, "timer", name="tsc", mode=mode)
    if spec.kind is DomainKind.hvm:
        add(element, "timer", name="hpet", present="yes" if spec.hardware.hpet else "no")


def _disk(spec: DiskSpec, kind: DomainKind) -> Element:
    # Without a device model a CD is a disk that is only read, and can be plugged.
    device = spec.device if kind is DomainKind.hvm else "disk"
    element = Element("disk", {"type": "file", "device": device})
    if spec.disk is not None:
        _content(element, spec.disk)
    name, bus = target(spec, kind)
    add(element, "target", dev=name, bus=bus)
    if spec.read_only or spec.device == "cdrom" or (spec.disk is not None and spec.disk.read_only):
        add(element, "readonly")
    add(element, "alias", name=domain_xml.ALIAS + spec.vbd)
    return element


def _content(element: Element, medium: Disk) -> None:
    """The medium of a drive and who serves it: the kernel for a block device, else a process in the control domain."""
    match medium.kind:
        case "block":
            element.set("type", "block")
            add(element, "driver", name="phy", type=medium.format.value)
            add(element, "source", dev=medium.path)
        case "file":
            add(element, "driver", name="qemu", type=medium.format.value)
            add(element, "source", file=medium.path)
        case _:
            raise NotSupported(f"Xen opens no disk of the kind {medium.kind}", path=medium.path)


def _interface(nic: NicSpec, kind: DomainKind, switched: frozenset[str]) -> Element:
    element = domain_xml.interface(nic, EMULATED_NIC if kind is DomainKind.hvm else "netfront")
    if nic.bridge in switched:
        add(element, "script", path=SWITCH_SCRIPT)
    return element


def _lines(devices: Element, spec: DomainSpec) -> None:
    """The console of a guest that knows Xen, or the serial line of one that does not."""
    if spec.kind is not DomainKind.hvm:
        add(add(devices, "console", type="pty"), "target", type="xen", port="0")
    elif spec.hardware.serial:
        add(add(devices, "serial", type="pty"), "target", port="0")


def _screen(devices: Element, spec: DomainSpec, hosting: Hosting) -> None:
    if spec.hardware.usb and spec.hardware.tablet:
        add(devices, "input", type="tablet", bus="usb")
    # libxl hands an address with a colon to QEMU as it is, if the port is the first: neither has a word for a socket.
    graphics = add(devices, "graphics", type="vnc", port=FIRST_PORT, autoport="no")
    if spec.screen.keymap:
        graphics.set("keymap", spec.screen.keymap)
    add(graphics, "listen", type="address", address=f"unix:{hosting.screen}")
    domain_xml.video(devices, spec.screen)

"""Domain XML for QEMU, emulated or on KVM: pure functions from a spec to the text that libvirt takes."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from xapid.backends.domain import domain_xml, hostdev_xml, qemu_board
from xapid.backends.domain.domain_facts import Description, target_of
from xapid.backends.domain.domain_xml import GuestFolder, add
from xapid.backends.domain.interface import DiskSpec, DomainKind, DomainSpec, NicSpec
from xapid.backends.domain.qemu_agent import CHANNEL
from xapid.backends.domain.qemu_board import Accel as Accel
from xapid.backends.domain.qemu_board import Hosting as Hosting
from xapid.backends.interface import NotSupported
from xapid.backends.storage.interface import Disk

NIC_MODEL = "virtio"
IDE_PLACES = 4
FLOPPY_PLACES = 2
USB_CONTROLLER = "piix3-uhci"
UEFI_USB_CONTROLLER = "qemu-xhci"
USB_DEVICES_CONTROLLER = "qemu-xhci"
"""Of devices of the host, whatever their speed; the guest's own pointer stays where old systems find it."""
USB_PORTS = 8
PLACES_TO_PLUG = 8
"""Ports for disks and interfaces that a machine with UEFI may get while it runs: its board has none of its own."""
OTHERS_IN_PORTS = 4
"""USB, balloon, randomness, and the port of the agent."""
TPM_MODEL = "tpm-crb"
SWITCH = "openvswitch"
"""The kind of port by which libvirt joins an interface to a bridge of Open vSwitch."""


def domain(spec: DomainSpec, hosting: Hosting) -> str:
    """The whole machine. Raises NotSupported for what QEMU has no place for."""
    root = Element("domain", {"type": "kvm" if hosting.accel is Accel.kvm else "qemu"})
    domain_xml.identity(root, spec, hosting.started)
    qemu_board.generation(root, spec)
    domain_xml.size(root, spec)
    qemu_board.tuning(root, spec, hosting)
    qemu_board.sysinfo(root, spec, hosting.folder)
    qemu_board.boot(root, spec, hosting)
    qemu_board.features(root, spec, hosting.accel)
    qemu_board.processor(root, spec, hosting.accel)
    qemu_board.clock(root, spec, hosting.accel)
    domain_xml.endings(root, spec)
    devices = add(root, "devices")
    order = _boot_order(spec)
    for each in spec.disks:
        devices.append(_disk(each, hosting.buffered, order.get(each.vbd, 0), spec.has_uefi))
    # The guest numbers its interfaces as they come.
    for nic in _by_position(spec.nics):
        devices.append(_interface(nic, hosting.switched, order.get(nic.vif, 0)))
    _fixed_devices(devices, spec, hosting)
    return domain_xml.render(root)


def is_text_only(spec: DomainSpec) -> bool:
    """Whether it has a line and no screen. A paravirtual one that boots from its disk does that as any other here."""
    return spec.kind is not DomainKind.hvm and bool(spec.kernel) and spec.hardware.serial


def disk(spec: DiskSpec, buffered: frozenset[str] = frozenset()) -> str:
    """One drive, to plug into a running machine: a disk, whose place is the same on every board."""
    return domain_xml.render(_disk(spec, buffered))


def interface(spec: NicSpec, switched: frozenset[str] = frozenset()) -> str:
    """One network interface, to plug into a running machine. ``switched``: see ``Hosting``, as below."""
    return domain_xml.render(_interface(spec, switched))


def resumed(saved: Description, spec: DomainSpec, hosting: Hosting) -> str:
    """A machine as it was saved, with the files, bridges and sockets that it has now.

    Built from what was saved, since the hardware must be the very same, what was plugged in included.
    """
    root = saved.root
    # libvirt makes the console anew from the serial line.
    for path in ("title", "metadata", "devices/console"):
        domain_xml.remove(root, path)
    domain_xml.label(root, spec, hosting.started)
    for tag, file in (("kernel", spec.kernel), ("initrd", spec.ramdisk)):
        if file and (element := root.find(f"os/{tag}")) is not None:
            element.text = file
    _put_disks(saved, spec, hosting.buffered)
    _join_bridges(saved, spec, hosting.switched)
    for serial in root.iterfind("devices/serial"):
        _set(serial, "source", path=str(hosting.folder.serial))
        _set(serial, "log", file=str(hosting.folder.serial_log))
    for channel in root.iterfind(f"devices/channel/target[@name='{CHANNEL}']/.."):
        _set(channel, "source", path=str(hosting.folder.agent))
    for graphics in root.iterfind("devices/graphics"):
        graphics.attrib.pop("socket", None)
        _set(graphics, "listen", socket=str(hosting.folder.vnc))
    if (flash := root.find("os/nvram")) is not None:
        flash.text = str(hosting.flash)
    for entry in root.iterfind("sysinfo[@type='fwcfg']/entry[@file]"):
        entry.set("file", str(hosting.folder.data))
    return domain_xml.render(root)


def snapshot(moves: dict[str, Disk], others: list[str]) -> str:
    """A snapshot by which the guest goes on in other files that are there: device name to file; others stay."""
    root = Element("domainsnapshot")
    disks = add(root, "disks")
    for device, new in moves.items():
        if new.kind == "nbd":
            raise NotSupported("an open disk cannot be moved to a network block device", path=new.path)
        element = add(disks, "disk", name=device, snapshot="external", type=new.kind)
        add(element, "driver", type=new.format.value)
        _source(element, new)
    for device in others:
        add(disks, "disk", name=device, snapshot="no")
    return domain_xml.render(root)


def mirror(disk: Disk) -> str:
    """The file, or device, in which a disk is written a second time; nothing is beneath it."""
    if disk.kind == "nbd":
        raise NotSupported("an open disk cannot be moved to a network block device", path=disk.path)
    root = Element("disk", type=disk.kind)
    add(root, "driver", type=disk.format.value)
    _source(root, disk)
    add(root, "backingStore")
    return domain_xml.render(root)


def put_medium(drive: Element, medium: Disk | None, buffered: frozenset[str] = frozenset()) -> None:
    """Make a drive, as libvirt describes it, hold another disk, or none."""
    # What libvirt found beneath the old file is not beneath the new one.
    for tag in ("driver", "source", "backingStore"):
        domain_xml.remove(drive, tag)
    drive.set("type", "file")
    _content(drive, medium, drive.get("device", "disk"), buffered)


def join_bridge(interface: Element, nic: NicSpec, switched: frozenset[str] = frozenset()) -> None:
    """Put an interface, as libvirt describes it, on another bridge."""
    _set(interface, "source", bridge=nic.bridge)
    # One that was saved names the port that it had on that bridge.
    domain_xml.remove(interface, "virtualport")
    if nic.bridge in switched:
        add(interface, "virtualport", type=SWITCH)


def target(spec: DiskSpec, sata: bool = False) -> tuple[str, str]:
    """Name and bus of a drive: vda, virtio. ``sata``: the board has no IDE. Raises NotSupported if it has no place."""
    name = domain_xml.letters(spec.position)
    match spec.device:
        case "disk":
            return f"vd{name}", "virtio"
        case "cdrom" if sata:
            return f"sd{name}", "sata"
        case "cdrom" if spec.position < IDE_PLACES:
            return f"hd{name}", "ide"
        case "cdrom":
            return f"sd{domain_xml.letters(spec.position - IDE_PLACES)}", "sata"
        case "floppy" if spec.position < FLOPPY_PLACES:
            return f"fd{name}", "fdc"
    raise NotSupported(f"there is no place for a {spec.device} at position {spec.position}", vbd=spec.vbd)


def _put_disks(saved: Description, spec: DomainSpec, buffered: frozenset[str]) -> None:
    # A copy of a suspended machine has VBDs of its own; its drives are in the same places.
    by_place = {target_of(drive): drive for drive in saved.disks.values()}
    for each in spec.disks:
        drive = saved.disks.get(each.vbd, by_place.get(target(each, spec.has_uefi)[0]))
        if drive is not None:
            put_medium(drive, each.disk, buffered)
            _set(drive, "alias", name=domain_xml.ALIAS + each.vbd)


def _interface(nic: NicSpec, switched: frozenset[str], boot: int = 0) -> Element:
    element = domain_xml.interface(nic, NIC_MODEL, boot)
    if nic.bridge in switched:
        add(element, "virtualport", type=SWITCH)
    if nic.link:
        add(element, "target", dev=nic.link)
    return element


def _join_bridges(saved: Description, spec: DomainSpec, switched: frozenset[str]) -> None:
    in_order = list(saved.interfaces.values())
    for place, nic in enumerate(_by_position(spec.nics)):
        element = saved.interfaces.get(nic.vif, in_order[place] if place < len(in_order) else None)
        if element is not None:
            join_bridge(element, nic, switched)
            _set(element, "alias", name=domain_xml.ALIAS + nic.vif)
            if nic.link:
                _set(element, "target", dev=nic.link)


def _set(parent: Element, tag: str, **attributes: str) -> None:
    """Set attributes of a child that is there or is made."""
    element = parent.find(tag)
    if element is None:
        element = add(parent, tag)
    element.attrib.update(attributes)


def _boot_order(spec: DomainSpec) -> dict[str, int]:
    """uuids of devices to their place in the boot order, from 1; empty when a kernel is booted directly."""
    if spec.kernel:
        return {}
    disks = sorted(spec.disks, key=lambda each: each.position)
    kinds: dict[str, list[str]] = {
        "c": [each.vbd for each in disks if each.device == "disk"],
        "d": [each.vbd for each in disks if each.device == "cdrom"],
        "n": [nic.vif for nic in _by_position(spec.nics)],
    }
    order = [uuid for kind in dict.fromkeys(spec.boot_order.lower()) for uuid in kinds.get(kind, [])]
    return {uuid: place for place, uuid in enumerate(order, 1)}


def _by_position(nics: Iterable[NicSpec]) -> list[NicSpec]:
    return sorted(nics, key=lambda each: each.position)


def _disk(spec: DiskSpec, buffered: frozenset[str], boot: int = 0, sata: bool = False) -> Element:
    element = Element("disk", {"type": "file", "device": spec.device})
    _content(element, spec.disk, spec.device, buffered)
    name, bus = target(spec, sata)
    add(element, "target", dev=name, bus=bus)
    if spec.device != "floppy":
        # As long as virtio lets it be.
        add(element, "serial", spec.vbd.replace("-", "")[:20])
    if spec.read_only or spec.device == "cdrom" or (spec.disk is not None and spec.disk.read_only):
        add(element, "readonly")
    if boot:
        add(element, "boot", order=str(boot))
    add(element, "alias", name=domain_xml.ALIAS + spec.vbd)
    return element


def _content(element: Element, medium: Disk | None, device: str, buffered: frozenset[str]) -> None:
    """The medium of a drive and how QEMU opens it. The format is always said, or a guest could choose it."""
    if medium is None:
        add(element, "driver", name="qemu", type="raw")
        return
    element.set("type", "network" if medium.kind == "nbd" else medium.kind)
    driver = add(element, "driver", name="qemu", type=medium.format.value)
    if device == "disk":
        driver.set("cache", "writeback" if medium.path in buffered else "none")
        if medium.kind == "block" and medium.path not in buffered:
            # A device never makes its caller wait for a place to be found; a file does, and is for threads.
            driver.set("io", "native")
        driver.set("discard", "unmap")
        driver.set("detect_zeroes", "unmap")
    _source(element, medium)


def _source(element: Element, medium: Disk) -> None:
    match medium.kind:
        case "block":
            add(element, "source", dev=medium.path)
        case "nbd":
            source = add(element, "source", protocol="nbd", **({"name": medium.export} if medium.export else {}))
            add(source, "host", transport="unix", socket=medium.path)
        case _:
            add(element, "source", file=medium.path)


def _fixed_devices(devices: Element, spec: DomainSpec, hosting: Hosting) -> None:
    """What every machine has: screen, serial line, a port for an agent, balloon, a source of randomness, a way to say
    that it crashed.
    """
    has = spec.hardware
    _usb(devices, spec, hosting)
    for pci in spec.pcis:
        devices.append(hostdev_xml.pci(pci))
    if spec.has_uefi:
        _ports(devices, spec)
    if spec.tpm is not None:
        tpm = add(devices, "tpm", model=TPM_MODEL)
        # Without the last word libvirt would delete what it keeps when the machine stops.
        add(tpm, "backend", type="emulator", version="2.0", persistent_state="yes")
    if has.usb and has.tablet:
        add(devices, "input", type="tablet", bus="usb")
    if has.serial:
        _serial(devices, hosting.folder)
    if has.parallel:
        parallel = add(devices, "parallel", type="dev")
        add(parallel, "source", path=has.parallel)
        add(parallel, "target", port="0")
    _agent(devices, hosting.folder)
    if not is_text_only(spec):
        _screen(devices, spec, hosting.folder)
    add(devices, "memballoon", model="virtio")
    rng = add(devices, "rng", model="virtio")
    add(rng, "backend", "/dev/urandom", model="random")
    add(devices, "panic", model="isa")
    if "crash_ctl" in has.viridian and hosting.accel is Accel.kvm:
        add(devices, "panic", model="hyperv")


def _usb(devices: Element, spec: DomainSpec, hosting: Hosting) -> None:
    """What the guest has of USB by itself, and beside it a controller of their own for devices of the host."""
    has_own = spec.hardware.usb
    if has_own:
        add(devices, "controller", type="usb", model=UEFI_USB_CONTROLLER if spec.has_uefi else USB_CONTROLLER)
    elif not spec.usbs:
        add(devices, "controller", type="usb", model="none")
    if not spec.usbs:
        return
    bus = "1" if has_own else "0"
    add(devices, "controller", type="usb", index=bus, model=USB_DEVICES_CONTROLLER, ports=str(USB_PORTS))
    for port, each in enumerate(spec.usbs, 1):
        element = hostdev_xml.usb(each, hosting.usb[each.vusb])
        add(element, "address", type="usb", bus=bus, port=str(port))
        devices.append(element)


def _ports(devices: Element, spec: DomainSpec) -> None:
    """Of a board without slots: one for whatever needs one, and those that are to stay free."""
    taken = sum(each.device == "disk" for each in spec.disks) + len(spec.nics) + OTHERS_IN_PORTS
    taken += bool(spec.usbs) + len(spec.pcis)
    add(devices, "controller", type="pci", model="pcie-root")
    for _ in range(taken + PLACES_TO_PLUG):
        add(devices, "controller", type="pci", model="pcie-root-port")


def _serial(devices: Element, folder: GuestFolder) -> None:
    serial = add(devices, "serial", type="unix")
    add(serial, "source", mode="bind", path=str(folder.serial))
    add(serial, "log", file=str(folder.serial_log), append="on")
    add(add(serial, "target", type="isa-serial", port="0"), "model", name="isa-serial")


def _agent(devices: Element, folder: GuestFolder) -> None:
    channel = add(devices, "channel", type="unix")
    add(channel, "source", mode="bind", path=str(folder.agent))
    add(channel, "target", type="virtio", name=CHANNEL)


def _screen(devices: Element, spec: DomainSpec, folder: GuestFolder) -> None:
    """Reached by a socket alone, which nobody else can open."""
    graphics = add(devices, "graphics", type="vnc")
    if spec.screen.keymap:
        graphics.set("keymap", spec.screen.keymap)
    add(graphics, "listen", type="socket", socket=str(folder.vnc))
    domain_xml.video(devices, spec.screen)

"""What libvirt's XML says of a machine that runs."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from xapid.backends.domain.domain_xml import ALIAS, NAMESPACE
from xapid.backends.domain.interface import DomainKind, Endpoint
from xapid.backends.domain.qemu_agent import CHANNEL


@dataclass(frozen=True)
class Label:
    """What a domain's metadata says of it; there is one only in machines of ours."""

    vm: str
    """uuid"""
    kind: DomainKind
    started: float
    line_as_screen: bool
    """If it has a line and no screen: whether the line is shown as one."""


def parse(xml: str) -> Element:
    """The XML that libvirt made."""
    return ElementTree.fromstring(xml)  # noqa: S314 -- libvirt wrote it out itself, without any entity of its own


class Description:
    """A domain as libvirt describes it."""

    def __init__(self, xml: str) -> None:
        self.root = parse(xml)

    @property
    def label(self) -> Label | None:
        """None: the machine is not ours."""
        machine = self.root.find(f"metadata/{{{NAMESPACE}}}machine")
        if machine is None:
            return None
        return Label(
            machine.get("vm", ""),
            DomainKind(machine.get("kind", "hvm")),
            float(machine.get("started", "0")),
            machine.get("terminal") != "no",
        )

    @property
    def title(self) -> str:
        return self.root.findtext("title", "")

    @property
    def has_acpi(self) -> bool:
        return self.root.find("features/acpi") is not None

    @property
    def has_agent(self) -> bool:
        """Whether an agent in the guest has opened its port."""
        return any(
            target.get("name") == CHANNEL and target.get("state") == "connected"
            for target in self.root.iterfind("devices/channel/target")
        )

    @property
    def clock_offset(self) -> int:
        """Seconds by which its clock is before UTC; changes when the guest sets it."""
        clock = self.root.find("clock[@offset='variable']")
        return 0 if clock is None else int(clock.get("adjustment", "0"))

    @property
    def disks(self) -> dict[str, Element]:
        """Drives by the uuid of their VBD."""
        return self._named("devices/disk")

    @property
    def interfaces(self) -> dict[str, Element]:
        """Network interfaces by the uuid of their VIF."""
        return self._named("devices/interface")

    @property
    def usbs(self) -> dict[str, Element]:
        """USB devices of the host by the uuid of their VUSB."""
        return self._named("devices/hostdev[@type='usb']")

    @property
    def pcis(self) -> tuple[str, ...]:
        """Addresses of the PCI devices of the host that it has."""
        places = self.root.iterfind("devices/hostdev[@type='pci']/source/address")
        numbers = ([int(place.get(part, "0"), 0) for part in ("domain", "bus", "slot", "function")] for place in places)
        return tuple("{:04x}:{:02x}:{:02x}.{:x}".format(*each) for each in numbers)

    @property
    def consoles(self) -> tuple[Endpoint, ...]:
        """Screen and serial line, as far as they are Unix sockets."""
        found: list[Endpoint] = []
        listen = self.root.find("devices/graphics[@type='vnc']/listen[@type='socket']")
        if listen is not None and (path := listen.get("socket")):
            found.append(Endpoint("rfb", path))
        serial = self.root.find("devices/serial[@type='unix']")
        if serial is not None:
            source, log = serial.find("source"), serial.find("log")
            if source is not None and (path := source.get("path")):
                found.append(Endpoint("vt100", path, "" if log is None else log.get("file", "")))
        return tuple(found)

    def _named(self, path: str) -> dict[str, Element]:
        found: dict[str, Element] = {}
        for element in self.root.iterfind(path):
            alias = element.find("alias")
            name = "" if alias is None else alias.get("name", "")
            if name.startswith(ALIAS):
                found[name.removeprefix(ALIAS)] = element
        return found


def source_of(disk: Element) -> str:
    """Path of what a drive holds; empty: nothing."""
    source = disk.find("source")
    if source is None:
        return ""
    host = source.find("host")
    return (host.get("socket") if host is not None else source.get("file") or source.get("dev")) or ""


def target_of(disk: Element) -> str:
    """The name of a drive among those of its machine: vda, hdc."""
    target = disk.find("target")
    return "" if target is None else target.get("dev", "")

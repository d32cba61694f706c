"""What libvirt's domain XML says alike for every hypervisor: who the machine is, whose, how big, and its edges."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from xapid.backends.domain.interface import DomainSpec, NicSpec, Screen

NAMESPACE = "urn:xapid:machine:1"
"""Of the element in a domain's metadata which says that the machine is ours."""
ElementTree.register_namespace("xapid", NAMESPACE)

ALIAS = "ua-"
"""A device is called this and the uuid of its VBD, VIF or VUSB; libvirt leaves such names to its users."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAKS = re.compile(r"\s+")


@dataclass(frozen=True)
class GuestFolder:
    """Where the sockets and the log of one guest lie."""

    path: Path

    @property
    def vnc(self) -> Path:
        return self.path / "vnc"

    @property
    def serial(self) -> Path:
        return self.path / "serial"

    @property
    def serial_log(self) -> Path:
        return self.path / "serial.log"

    @property
    def agent(self) -> Path:
        """Where the agent in the guest is spoken to."""
        return self.path / "agent"

    @property
    def data(self) -> Path:
        """What the guest is told, if it is told anything."""
        return self.path / "vm-data.json"


def text(value: str) -> str:
    """The value without the characters that XML cannot hold at all."""
    return _NOT_XML.sub("", value)


def line(value: str) -> str:
    """The value as one line of XML text."""
    return _LINE_BREAKS.sub(" ", text(value)).strip()


def add(parent: Element, tag: str, content: str | None = None, **attributes: str) -> Element:
    """Append an element, with text and attributes."""
    element = SubElement(parent, tag, {name: text(value) for name, value in attributes.items()})
    if content is not None:
        element.text = text(content)
    return element


def render(element: Element) -> str:
    """The XML of an element, indented."""
    ElementTree.indent(element)
    return ElementTree.tostring(element, encoding="unicode") + "\n"


def letters(position: int) -> str:
    """The letters of a device in its row: 0 is a, 25 z, 26 aa."""
    name = ""
    position += 1
    while position:
        position, digit = divmod(position - 1, 26)
        name = string.ascii_lowercase[digit] + name
    return name


def remove(parent: Element, path: str) -> None:
    """Remove every element at a path below."""
    way, _, tag = path.rpartition("/")
    for holder in parent.findall(way) if way else [parent]:
        for element in holder.findall(tag):
            holder.remove(element)


def identity(domain: Element, spec: DomainSpec, started: int) -> None:
    """Who the machine is, and whose. Its name is its uuid: labels need not be unique."""
    add(domain, "name", spec.uuid)
    add(domain, "uuid", spec.uuid)
    label(domain, spec, started)


def label(domain: Element, spec: DomainSpec, started: int) -> None:
    """The title, for people, and the mark that the machine is ours."""
    if title := line(spec.name):
        add(domain, "title", title)
    machine = SubElement(add(domain, "metadata"), f"{{{NAMESPACE}}}machine")
    machine.attrib.update(vm=spec.uuid, kind=spec.kind.value, started=str(started))
    if not spec.line_as_screen:
        machine.set("terminal", "no")


def size(domain: Element, spec: DomainSpec) -> None:
    """Memory and processors, at most and now."""
    add(domain, "memory", str(spec.memory_static_max // 1024), unit="KiB")
    add(domain, "currentMemory", str(min(spec.memory_target, spec.memory_static_max) // 1024), unit="KiB")
    add(domain, "vcpu", str(spec.vcpus_max), placement="static", current=str(min(spec.vcpus, spec.vcpus_max)))


def pinning(tune: Element, spec: DomainSpec, processors: int) -> None:
    """Which of the host's processors each of the machine's may run on. Of those that it has; 0: that is not known."""
    for number, wanted in enumerate(spec.scheduling.affinity):
        if cpus := [cpu for cpu in wanted if not processors or cpu < processors]:
            add(tune, "vcpupin", vcpu=str(number), cpuset=",".join(map(str, cpus)))


def kernel(os: Element, spec: DomainSpec, arguments: str) -> None:
    """A kernel that is booted directly, if there is one."""
    if spec.kernel:
        add(os, "kernel", spec.kernel)
        if spec.ramdisk:
            add(os, "initrd", spec.ramdisk)
    if arguments:
        add(os, "cmdline", line(arguments))


def video(devices: Element, screen: Screen) -> None:
    """The graphics card."""
    model = add(add(devices, "video"), "model", type="cirrus" if screen.card == "cirrus" else "vga")
    if screen.memory:
        model.set("vram", str(screen.memory * 1024))


def endings(domain: Element, spec: DomainSpec) -> None:
    """What follows when the guest ends by itself."""
    add(domain, "on_poweroff", "destroy")
    add(domain, "on_reboot", spec.on_reboot)
    add(domain, "on_crash", spec.on_crash)


def interface(nic: NicSpec, model: str, boot: int = 0) -> Element:
    """A network interface on a bridge; ``boot``: its place in the boot order, 0 for none."""
    element = Element("interface", {"type": "bridge"})
    add(element, "mac", address=nic.mac)
    add(element, "source", bridge=nic.bridge)
    add(element, "model", type=model)
    add(element, "mtu", size=str(nic.mtu))
    if boot:
        add(element, "boot", order=str(boot))
    add(element, "alias", name=ALIAS + nic.vif)
    return element

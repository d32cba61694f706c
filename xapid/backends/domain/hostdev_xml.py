"""Devices of the host in libvirt's domain XML, alike for every hypervisor."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from xapid.backends.domain.domain_xml import ALIAS, add
from xapid.backends.domain.host_devices import UsbPlace
from xapid.backends.domain.interface import PciSpec, UsbSpec


def usb(spec: UsbSpec, place: UsbPlace) -> Element:
    """A USB device: that very one, and no start without it."""
    element = Element("hostdev", {"mode": "subsystem", "type": "usb", "managed": "yes"})
    source = add(element, "source", startupPolicy="mandatory")
    add(source, "vendor", id=f"0x{spec.vendor}")
    add(source, "product", id=f"0x{spec.product}")
    add(source, "address", bus=str(place.bus), device=str(place.device))
    add(element, "alias", name=ALIAS + spec.vusb)
    return element


def pci(spec: PciSpec) -> Element:
    """A PCI device, which libvirt takes from its driver on the host, and gives back to it."""
    element = Element("hostdev", {"mode": "subsystem", "type": "pci", "managed": "yes"})
    domain, bus, place = spec.address.split(":")
    slot, function = place.split(".")
    parts = {"domain": domain, "bus": bus, "slot": slot, "function": function}
    add(add(element, "source"), "address", **{name: f"0x{number}" for name, number in parts.items()})
    return element

"""Devices of the host in libvirt's domain XML, alike for every hypervisor."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from xapid.backends.domain.domain_xml import ALIAS, add
from xapid.backends.domain.host_devices import UsbPlace
from xapid.backends.domain.interface import UsbSpec


def usb(spec: UsbSpec, place: UsbPlace) -> Element:
    """A USB device: that very one, and no start without it."""
    element = Element("hostdev", {"mode": "subsystem", "type": "usb", "managed": "yes"})
    source = add(element, "source", startupPolicy="mandatory")
    add(source, "vendor", id=f"0x{spec.vendor}")
    add(source, "product", id=f"0x{spec.product}")
    add(source, "address", bus=str(place.bus), device=str(place.device))
    add(element, "alias", name=ALIAS + spec.vusb)
    return element

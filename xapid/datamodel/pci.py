"""The class PCI."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, Object, Param, Ref, Set, dynamic, enum_of, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class PciDom0Access(enum.StrEnum):
    """Whether the host itself uses a device now, and whether that changes at its next start."""

    enabled = "enabled"
    """The host uses it."""
    disable_on_reboot = "disable_on_reboot"
    """The host uses it until it reboots."""
    disabled = "disabled"
    """The host leaves it to guests."""
    enable_on_reboot = "enable_on_reboot"
    """The host leaves it to guests until it reboots."""


class PCI(Object, roles=POOL_OPERATOR, since="boston"):
    """A PCI device of a host."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    class_id: str = static("", "Number of the class of devices that it belongs to, in hexadecimal digits.")
    class_name: str = static("", "Name of the class of devices that it belongs to.")
    vendor_id: str = static("", "Number of its vendor, in hexadecimal digits.")
    vendor_name: str = static("", "Name of its vendor.")
    device_id: str = static("", "Number that its vendor gave this product, in hexadecimal digits.")
    device_name: str = static("", "Name of the product.")
    host: Ref[Host] = static(NULL, "The host that it is in.")
    pci_id: str = static("", "Its address on the host, such as 0000:00:02.0.")
    dependencies: Set[Ref[PCI]] = dynamic(doc="Other devices of the host that it depends on.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    subsystem_vendor_id: str = static(
        "", "Number of the vendor of the card that it is on, in hexadecimal digits.", since="clearwater-whetstone"
    )
    subsystem_vendor_name: str = static(
        "", "Name of the vendor of the card that it is on.", since="clearwater-whetstone"
    )
    subsystem_device_id: str = static(
        "", "Number that this vendor gave the card, in hexadecimal digits.", since="clearwater-whetstone"
    )
    subsystem_device_name: str = static("", "Name of the card that it is on.", since="clearwater-whetstone")
    driver_name: str = static(
        "", "Name of the driver by which the host uses it; empty if there is none.", since="kolkata"
    )

    disable_dom0_access = message(
        (
            "Keep the host itself from using the device after its next start, so that guests can; refused for the "
            "device that it boots from."
        ),
        Param("self", ref("PCI"), "The PCI device."),
        result=enum_of(PciDom0Access),
        since="24.14.0",
        state="prototyped",
    )
    enable_dom0_access = message(
        "Let the host itself use the device after its next start.",
        Param("self", ref("PCI"), "The PCI device."),
        result=enum_of(PciDom0Access),
        since="24.14.0",
        state="prototyped",
    )
    get_dom0_access_status = message(
        "Tell whether the host itself uses the device, now and after its next start.",
        Param("self", ref("PCI"), "The PCI device."),
        result=enum_of(PciDom0Access),
        since="24.14.0",
        state="prototyped",
    )

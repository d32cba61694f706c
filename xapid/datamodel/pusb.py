"""The class PUSB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import BOOL, NULL, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.usb_group import USB_group


class PUSB(Object, roles=POOL_ADMIN, since="inverness"):
    """A USB device that is plugged into a host, and that machines can be given."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    USB_group: Ref[USB_group] = static(NULL, "The group of devices of this kind.")
    host: Ref[Host] = static(NULL, "The host that it is plugged into.")
    path: str = static("", "The bus and port that it is plugged into, as the kernel writes them.")
    vendor_id: str = static("", "Number of its vendor, in hexadecimal digits.")
    vendor_desc: str = static("", "Name of its vendor.")
    product_id: str = static("", "Number that its vendor gave this product, in hexadecimal digits.")
    product_desc: str = static("", "Name of the product.")
    serial: str = static("", "Serial number of the device; empty if it tells none.")
    version: str = static("", "The version that the device tells of itself.")
    description: str = static("", "Words about the device, for people.")
    passthrough_enabled: bool = dynamic(
        False, "Whether machines may be given the device; the host leaves it alone then."
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    speed: float = static(-1.0, "How fast its connection is, in Mbit/s; -1 if not known.", since="stockholm")

    scan = message(
        "Look for USB devices that came or went.",
        Param("host", ref("host"), "The host to look at."),
    )
    set_passthrough_enabled = message(
        "Say whether machines may be given the device.",
        Param("self", ref("PUSB"), "The USB device."),
        Param("value", BOOL, "True if they may."),
    )

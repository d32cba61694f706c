"""The class VUSB."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import STRING_MAP, Object, Param, Ref, Set, derived, dynamic, message, ref, rw

if TYPE_CHECKING:
    from xapid.datamodel.usb_group import USB_group
    from xapid.datamodel.vm import VM


class VusbOperations(enum.StrEnum):
    """What can be asked of a virtual USB device, and what can be going on with it."""

    attach = "attach"
    """It is connected as the machine starts; no message does it."""
    plug = "plug"
    """It is put into a running machine."""
    unplug = "unplug"
    """It is taken out of a running machine."""


class VUSB(Object, roles=POOL_ADMIN, since="inverness"):
    """A virtual USB device of a machine, by which it gets one device out of a group of USB devices."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    allowed_operations: Set[VusbOperations] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, VusbOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    VM: Ref[VM] = dynamic(doc="The machine that has the virtual device.")
    USB_group: Ref[USB_group] = dynamic(doc="The group out of which the machine gets a device.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    currently_attached: bool = dynamic(False, "Whether the machine has the device plugged in.", since="rio")

    create = message(
        "Give a machine a device of a group from its next start on.",
        Param("VM", ref("VM"), "The machine."),
        Param("USB_group", ref("USB_group"), "The group of which it gets a device."),
        Param("other_config", STRING_MAP, "Free keys of clients.", default={}),
        result=ref("VUSB"),
    )
    unplug = message(
        "Take the device from the running machine.",
        Param("self", ref("VUSB"), "The virtual USB device."),
    )
    destroy = message(
        "Destroy the virtual device, which must not be attached.",
        Param("self", ref("VUSB"), "The virtual USB device."),
    )

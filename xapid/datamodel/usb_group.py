"""The class USB_group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, Ref, Set, dynamic, inverse, message, ref, rw

if TYPE_CHECKING:
    from xapid.datamodel.pusb import PUSB
    from xapid.datamodel.vusb import VUSB


class USB_group(Object, roles=POOL_ADMIN, since="inverness"):
    """USB devices of one kind in the pool; a machine gets any one of them."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    PUSBs: Set[Ref[PUSB]] = inverse("PUSB.USB_group", "The USB devices in this group.")
    VUSBs: Set[Ref[VUSB]] = inverse(
        "VUSB.USB_group", "The virtual USB devices that get their devices out of this group."
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    create = message(
        "Make a group, which is empty at first.",
        Param("name_label", STRING, "Its name, for people.", default=""),
        Param("name_description", STRING, "Its description, for people.", default=""),
        Param("other_config", STRING_MAP, "Free keys of clients.", default={}),
        result=ref("USB_group"),
    )
    destroy = message(
        "Destroy the group; refused as long as it has devices, or virtual devices.",
        Param("self", ref("USB_group"), "The group."),
    )

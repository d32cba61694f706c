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
    ""

    attach = "attach"
    plug = "plug"
    unplug = "unplug"


class VUSB(Object, roles=POOL_ADMIN, since="inverness"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    allowed_operations: Set[VusbOperations] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, VusbOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    VM: Ref[VM] = dynamic()
    USB_group: Ref[USB_group] = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    currently_attached: bool = dynamic(False, since="rio")

    create = message(
        "",
        Param("VM", ref("VM")),
        Param("USB_group", ref("USB_group")),
        Param("other_config", STRING_MAP, default={}),
        result=ref("VUSB"),
    )
    unplug = message("", Param("self", ref("VUSB")))
    destroy = message("", Param("self", ref("VUSB")))

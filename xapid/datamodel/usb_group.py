"""The class USB_group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, Ref, Set, dynamic, inverse, message, ref, rw

if TYPE_CHECKING:
    from xapid.datamodel.pusb import PUSB
    from xapid.datamodel.vusb import VUSB


class USB_group(Object, roles=POOL_ADMIN, since="inverness"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    PUSBs: Set[Ref[PUSB]] = inverse("PUSB.USB_group")
    VUSBs: Set[Ref[VUSB]] = inverse("VUSB.USB_group")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    create = message(
        "",
        Param("name_label", STRING, default=""),
        Param("name_description", STRING, default=""),
        Param("other_config", STRING_MAP, default={}),
        result=ref("USB_group"),
    )
    destroy = message("", Param("self", ref("USB_group")))

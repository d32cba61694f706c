"""The class PUSB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import BOOL, NULL, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.usb_group import USB_group


class PUSB(Object, roles=POOL_ADMIN, since="inverness"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    USB_group: Ref[USB_group] = static(NULL)
    host: Ref[Host] = static(NULL)
    path: str = static("")
    vendor_id: str = static("")
    vendor_desc: str = static("")
    product_id: str = static("")
    product_desc: str = static("")
    serial: str = static("")
    version: str = static("")
    description: str = static("")
    passthrough_enabled: bool = dynamic(False)
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    speed: float = static(-1.0, since="stockholm")

    scan = message("", Param("host", ref("host")))
    set_passthrough_enabled = message("", Param("self", ref("PUSB")), Param("value", BOOL))

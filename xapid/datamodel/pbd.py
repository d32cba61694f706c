"""The class PBD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.errors import SR_UNKNOWN_DRIVER
from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import STRING_MAP, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.sr import SR


class PBD(Object, roles=POOL_OPERATOR, constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = static()
    SR: Ref[SR] = static()
    device_config: dict[str, str] = static()
    currently_attached: bool = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")

    plug = message("", Param("self", ref("PBD")), errors=(SR_UNKNOWN_DRIVER,))
    unplug = message("", Param("self", ref("PBD")))
    set_device_config = message("", Param("self", ref("PBD")), Param("value", STRING_MAP), since="miami")

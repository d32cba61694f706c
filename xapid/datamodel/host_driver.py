"""The class Host_driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import NULL, Object, Param, Ref, Set, dynamic, inverse, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel.driver_variant import Driver_variant
    from xapid.datamodel.host import Host


class Host_driver(Object, roles=POOL_ADMIN, since="25.2.0", state="prototyped"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    host: Ref[Host] = static(NULL, state="prototyped")
    name: str = dynamic(state="prototyped")
    friendly_name: str = dynamic(state="prototyped")
    variants: Set[Ref[Driver_variant]] = inverse("Driver_variant.driver", state="prototyped")
    active_variant: Ref[Driver_variant] = dynamic(state="prototyped")
    selected_variant: Ref[Driver_variant] = dynamic(state="prototyped")
    type: str = dynamic(state="prototyped")
    description: str = dynamic(state="prototyped")
    info: str = dynamic(state="prototyped")

    select = message(
        "",
        Param("self", ref("Host_driver")),
        Param("variant", ref("Driver_variant")),
        state="prototyped",
    )
    deselect = message("", Param("self", ref("Host_driver")), state="prototyped")
    rescan = message("", Param("host", ref("host")), state="prototyped")

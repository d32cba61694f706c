"""The class PVS_server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import INT, NULL, STRING, Object, Param, Ref, Set, dynamic, message, ref, set_of, static

if TYPE_CHECKING:
    from xapid.datamodel.pvs_site import PVS_site


class PVS_server(Object, roles=POOL_OPERATOR, since="ely"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    addresses: Set[str] = static(())
    first_port: int = static(0)
    last_port: int = static(0)
    site: Ref[PVS_site] = static(NULL)

    introduce = message(
        "",
        Param("addresses", set_of(STRING)),
        Param("first_port", INT),
        Param("last_port", INT),
        Param("site", ref("PVS_site"), late=True),
        result=ref("PVS_server"),
    )
    forget = message("", Param("self", ref("PVS_server")))

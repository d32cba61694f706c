"""The class PVS_server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import INT, NULL, STRING, Object, Param, Ref, Set, dynamic, message, ref, set_of, static

if TYPE_CHECKING:
    from xapid.datamodel.pvs_site import PVS_site


class PVS_server(Object, roles=POOL_OPERATOR, since="ely"):
    """A server that streams disks to machines (PVS)."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    addresses: Set[str] = static((), "The IPv4 addresses of the server.")
    first_port: int = static(0, "The first of the UDP ports that the server answers on.")
    last_port: int = static(0, "The last of the UDP ports that the server answers on.")
    site: Ref[PVS_site] = static(NULL, "The site that the server belongs to.")

    introduce = message(
        "Refused with OPENVSWITCH_NOT_ACTIVE: proxies need a virtual switch, and the hosts have plain bridges.",
        Param("addresses", set_of(STRING), "The IPv4 addresses of the server."),
        Param("first_port", INT, "The first of its UDP ports."),
        Param("last_port", INT, "The last of its UDP ports."),
        Param("site", ref("PVS_site"), "The site that it belongs to.", late=True),
        result=ref("PVS_server"),
    )
    forget = message(
        "Forget a server of an older pool; it is not told.",
        Param("self", ref("PVS_server"), "The server."),
    )

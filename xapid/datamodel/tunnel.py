"""The class tunnel."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import IS_TUNNEL_ACCESS_PIF, OPENVSWITCH_NOT_ACTIVE, TRANSPORT_PIF_NOT_CONFIGURED
from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, Object, Param, Ref, dynamic, enum_of, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.pif import PIF


class TunnelProtocol(enum.StrEnum):
    ""

    gre = "gre"
    vxlan = "vxlan"


class Tunnel(Object, name="tunnel", roles=POOL_OPERATOR, since="cowley"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    access_PIF: Ref[PIF] = static(NULL)
    transport_PIF: Ref[PIF] = static(NULL)
    status: dict[str, str] = rw({"active": "false"})
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    protocol: TunnelProtocol = rw(TunnelProtocol.gre, since="1.250.0")

    create = message(
        "",
        Param("transport_PIF", ref("PIF")),
        Param("network", ref("network")),
        Param("protocol", enum_of(TunnelProtocol), default=TunnelProtocol.gre),
        result=ref("tunnel"),
        errors=(
            OPENVSWITCH_NOT_ACTIVE,
            TRANSPORT_PIF_NOT_CONFIGURED,
            IS_TUNNEL_ACCESS_PIF,
        ),
    )
    destroy = message("", Param("self", ref("tunnel")))

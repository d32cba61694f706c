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
    """How packets are wrapped on their way through a tunnel."""

    gre = "gre"
    """By Generic Routing Encapsulation."""
    vxlan = "vxlan"
    """By Virtual Extensible LAN, in UDP."""


class Tunnel(Object, name="tunnel", roles=POOL_OPERATOR, since="cowley"):
    """One host's end of tunnels to other hosts, by which a network spans them on top of another network."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    access_PIF: Ref[PIF] = static(NULL, "The host interface by which the host is on the network inside.")
    transport_PIF: Ref[PIF] = static(NULL, "The host interface that the wrapped packets go over.")
    status: dict[str, str] = rw(
        {"active": "false"},
        "Whether the tunnel works, under the key active; kept by what controls the virtual switches.",
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    protocol: TunnelProtocol = rw(TunnelProtocol.gre, "How packets are wrapped.", since="1.250.0")

    create = message(
        "Make a tunnel, and bring it up; refused with OPENVSWITCH_NOT_ACTIVE unless every host works with Open vSwitch.",
        Param("transport_PIF", ref("PIF"), "The host interface that the wrapped packets go over."),
        Param("network", ref("network"), "The network inside."),
        Param("protocol", enum_of(TunnelProtocol), "How packets are wrapped.", default=TunnelProtocol.gre),
        result=ref("tunnel"),
        errors=(
            OPENVSWITCH_NOT_ACTIVE,
            TRANSPORT_PIF_NOT_CONFIGURED,
            IS_TUNNEL_ACCESS_PIF,
        ),
    )
    destroy = message(
        "Take the tunnel down and remove it, with the host interface that is its near end.",
        Param("self", ref("tunnel"), "The tunnel."),
    )

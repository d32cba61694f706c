"""Messages of class tunnel: networks that reach over others to other hosts."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PIF, Host, Network
from xapid.datamodel.errors import NOT_IMPLEMENTED, OPENVSWITCH_NOT_ACTIVE
from xapid.datamodel.tunnel import TunnelProtocol
from xapid.rules import pif as rules
from xapid.runtime.context import Context

OPEN_VSWITCH = "openvswitch"


def create(ctx: Context, transport_PIF: PIF, network: Network, protocol: TunnelProtocol) -> NoReturn:
    """Open vSwitch alone makes tunnels, and no host of ours works with it yet."""
    rules.check_new_tunnel(ctx.store, transport_PIF, network)
    if any(host.software_version.get("network_backend") != OPEN_VSWITCH for host in ctx.store.all(Host)):
        raise OPENVSWITCH_NOT_ACTIVE()
    raise NOT_IMPLEMENTED("tunnel.create")

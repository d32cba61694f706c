"""Messages of class tunnel: networks that reach over others to other hosts."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PIF, Network
from xapid.datamodel.errors import OPENVSWITCH_NOT_ACTIVE
from xapid.datamodel.tunnel import TunnelProtocol
from xapid.rules import pif as rules
from xapid.runtime.context import Context


def create(ctx: Context, transport_PIF: PIF, network: Network, protocol: TunnelProtocol) -> NoReturn:
    """Open vSwitch alone makes tunnels, and no host of ours works with it."""
    rules.check_new_tunnel(ctx.store, transport_PIF, network)
    raise OPENVSWITCH_NOT_ACTIVE()

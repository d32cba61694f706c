"""Messages of class tunnel: networks that reach over others to other hosts."""

from __future__ import annotations

import itertools
import uuid

from xapid.backends.network.interface import UNTAGGED
from xapid.datamodel import PIF, Network, Tunnel
from xapid.datamodel.tunnel import TunnelProtocol
from xapid.ops.pif import upper
from xapid.rules import pif as rules
from xapid.rules.addresses import seeded_mac
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction

UNKNOWN_MTU = -1
"""Of a tunnel that was never up."""


async def create(ctx: Context, transport_PIF: PIF, network: Network, protocol: TunnelProtocol) -> str:
    """Make a tunnel, and bring it up. One that cannot come up is not made."""
    async with ctx.lock(ctx.store.get(Network, transport_PIF.network), network):
        transport = ctx.now(transport_PIF)
        rules.check_new_tunnel(ctx.store, transport, network)
        rules.check_transport(transport)
        with ctx.write() as tx:
            tunnel, access = _make(tx, transport, network.ref, protocol)
        await upper.bring_up_new(ctx, tunnel, access)
    return str(tunnel.ref)


def _make(tx: Transaction, transport: PIF, network: str, protocol: TunnelProtocol) -> tuple[Tunnel, PIF]:
    access = tx.create(
        PIF,
        device=free_device(tx.store, transport.host),
        network=network,
        host=transport.host,
        MAC=seeded_mac(str(uuid.uuid4()), 0),
        MTU=UNKNOWN_MTU,
        VLAN=UNTAGGED,
        metrics=transport.metrics,
        currently_attached=False,
        IPv6=("",),
    )
    return tx.create(Tunnel, access_PIF=access.ref, transport_PIF=transport.ref, protocol=protocol), access


def free_device(store: Store, host: str) -> str:
    """The name of a new near end of a tunnel, at a host by its reference."""
    taken = {pif.device for pif in store.where(PIF, host=host)}
    return next(name for name in map("tunnel{}".format, itertools.count()) if name not in taken)


async def destroy(ctx: Context, self: Tunnel) -> None:
    """Take a tunnel down, and remove it with its near end."""
    access = upper.of(ctx, self, self.access_PIF)
    if access is None:
        return
    rules.check_unplug(ctx.store, access)
    await upper.take_down(ctx, self, access)

"""Messages of class network_sriov: networks that consist of the virtual functions of cards."""

from __future__ import annotations

from xapid.backends.network.interface import UNTAGGED, NetworkDriver
from xapid.datamodel import PIF, Host, Network, NetworkSriov
from xapid.ops.pif import upper
from xapid.ops.vlan import MAC
from xapid.rules import pif as rules
from xapid.runtime.context import Context
from xapid.store.transaction import Transaction


async def create(ctx: Context, pif: PIF, network: Network) -> str:
    """Let a network consist of the virtual functions of a card, and make them. If they cannot be had, it does not."""
    async with ctx.lock(ctx.store.get(Network, pif.network), network):
        card = ctx.now(pif)
        rules.check_new_sriov(ctx.store, card, network)
        with ctx.write() as tx:
            sriov, logical = _make(tx, card, network.ref)
        await upper.bring_up_new(ctx, sriov, logical)
    return str(sriov.ref)


def _make(tx: Transaction, card: PIF, network: str) -> tuple[NetworkSriov, PIF]:
    logical = tx.create(
        PIF,
        device=card.device,
        network=network,
        host=card.host,
        MAC=MAC,
        MTU=card.MTU,
        VLAN=UNTAGGED,
        metrics=card.metrics,
        currently_attached=False,
        primary_address_type=card.primary_address_type,
    )
    return tx.create(NetworkSriov, physical_PIF=card.ref, logical_PIF=logical.ref), logical


async def destroy(ctx: Context, self: NetworkSriov) -> None:
    """Take the virtual functions away that we made, and remove what stands for them."""
    logical = upper.of(ctx, self, self.logical_PIF)
    if logical is None:
        return
    rules.check_no_vlans(ctx.store, logical)
    rules.check_unplug(ctx.store, logical)
    await upper.take_down(ctx, self, logical)


async def get_remaining_capacity(ctx: Context, self: NetworkSriov) -> int:
    """How many virtual functions of the card are held for no guest."""
    card = ctx.store.get(PIF, self.physical_PIF)
    there = await ctx.network(ctx.store.get(Host, card.host)).call(NetworkDriver.functions, card.device)
    return there.free

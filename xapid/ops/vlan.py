"""Messages of class VLAN: networks that share the wire of an interface, told apart by tags."""

from __future__ import annotations

from xapid.datamodel import PIF, VLAN, Network
from xapid.datamodel.errors import PIF_IS_MANAGEMENT_INTERFACE
from xapid.ops.pif.forgetting import remove
from xapid.ops.pif.plugging import bring_down, bring_up
from xapid.rules import pif as rules
from xapid.runtime.context import Context

MAC = "fe:ff:ff:ff:ff:ff"
"""Of every untagged interface: it has that of its card on the wire."""


async def create(ctx: Context, tagged_PIF: PIF, tag: int, network: Network) -> str:
    """Make a VLAN, and bring it up. One that cannot come up is not made."""
    rules.check_new_vlan(ctx.store, tagged_PIF, tag, network)
    with ctx.write() as tx:
        vlan = tx.create(VLAN, tagged_PIF=tagged_PIF.ref, tag=tag)
        untagged = tx.create(
            PIF,
            device=tagged_PIF.device,
            network=network.ref,
            host=tagged_PIF.host,
            MAC=MAC,
            MTU=tagged_PIF.MTU,
            VLAN=tag,
            metrics=tagged_PIF.metrics,
            currently_attached=False,
            VLAN_master_of=vlan.ref,
            IPv6=("",),
        )
        tx.set(vlan, untagged_PIF=untagged.ref)
    try:
        await bring_up(ctx, untagged)
    except BaseException:
        _remove(ctx, vlan, untagged)
        raise
    return str(vlan.ref)


async def destroy(ctx: Context, self: VLAN) -> None:
    """Take a VLAN down, and remove it with its untagged interface."""
    untagged = ctx.store.find(PIF, self.untagged_PIF)
    if untagged is None:
        with ctx.write() as tx:
            tx.delete(self)
        return
    rules.check_unbonded(ctx.store, untagged)
    if untagged.management:
        raise PIF_IS_MANAGEMENT_INTERFACE(untagged.ref)
    rules.check_unplug(ctx.store, untagged)
    await bring_down(ctx, untagged)
    _remove(ctx, self, untagged)


def _remove(ctx: Context, vlan: VLAN, untagged: PIF) -> None:
    with ctx.write() as tx:
        tx.delete(ctx.now(vlan))
        remove(tx, ctx.store, ctx.now(untagged))

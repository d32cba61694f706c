"""Messages of class VLAN: networks that share the wire of an interface, told apart by tags."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import PIF, VLAN, Network
from xapid.datamodel.errors import PIF_IS_MANAGEMENT_INTERFACE
from xapid.ops.pif import upper
from xapid.rules import pif as rules
from xapid.runtime.context import Context
from xapid.store.transaction import Transaction

MAC = "fe:ff:ff:ff:ff:ff"
"""Of every untagged interface: it has that of its card on the wire."""


async def create(ctx: Context, tagged_PIF: PIF, tag: int, network: Network) -> str:
    """Make a VLAN, and bring it up. One that cannot come up is not made."""
    async with ctx.lock(ctx.store.get(Network, tagged_PIF.network), network):
        tagged_PIF = ctx.now(tagged_PIF)
        rules.check_new_vlan(ctx.store, tagged_PIF, tag, network)
        with ctx.write() as tx:
            vlan, untagged = make(tx, tagged_PIF, tag, network.ref)
        await upper.bring_up_new(ctx, vlan, untagged)
    return str(vlan.ref)


def make(tx: Transaction, tagged: PIF, tag: int, network: str, **fields: Any) -> tuple[VLAN, PIF]:
    """The rows of a VLAN on an interface, in a network by its reference."""
    vlan = tx.create(VLAN, tagged_PIF=tagged.ref, tag=tag)
    values: dict[str, Any] = {"currently_attached": False, "IPv6": ("",)}
    untagged = tx.create(
        PIF,
        device=tagged.device,
        network=network,
        host=tagged.host,
        MAC=MAC,
        MTU=tagged.MTU,
        VLAN=tag,
        metrics=tagged.metrics,
        VLAN_master_of=vlan.ref,
        **values | fields,
    )
    return tx.set(vlan, untagged_PIF=untagged.ref), untagged


def pool_introduce(ctx: Context, tagged_PIF: PIF, untagged_PIF: PIF, tag: int, other_config: dict[str, str]) -> str:
    """The record alone, as a host that joins the pool brings it along."""
    with ctx.write() as tx:
        made = tx.create(
            VLAN, tagged_PIF=tagged_PIF.ref, untagged_PIF=untagged_PIF.ref, tag=tag, other_config=other_config
        )
    return str(made.ref)


async def destroy(ctx: Context, self: VLAN) -> None:
    """Take a VLAN down, and remove it with its untagged interface."""
    untagged = upper.of(ctx, self, self.untagged_PIF)
    if untagged is None:
        return
    rules.check_unbonded(ctx.store, untagged)
    if untagged.management:
        raise PIF_IS_MANAGEMENT_INTERFACE(untagged.ref)
    rules.check_unplug(ctx.store, untagged)
    await upper.take_down(ctx, self, untagged)

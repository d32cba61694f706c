"""VLANs as they were made once: by the name of a device."""

from __future__ import annotations

from xapid.backends.network.interface import UNTAGGED
from xapid.datamodel import PIF, Host, Network
from xapid.datamodel import VLAN as Vlan
from xapid.datamodel.errors import INVALID_VALUE, PIF_IS_PHYSICAL
from xapid.ops import vlan
from xapid.rules import pif as rules
from xapid.runtime.context import Context


async def create_VLAN(ctx: Context, device: str, network: str, host: Host, VLAN: int) -> str:
    """A VLAN on the device of a host. Returns its untagged interface."""
    below = rules.untagged(ctx.store, device, host.ref)
    if below is None:
        raise INVALID_VALUE("device", device)
    made = await vlan.create(ctx, below, VLAN, ctx.store.get(Network, network))
    return ctx.store.get(Vlan, made).untagged_PIF


async def destroy(ctx: Context, self: PIF) -> None:
    """Take a VLAN away, by its untagged interface."""
    if self.VLAN == UNTAGGED:
        raise PIF_IS_PHYSICAL()
    await vlan.destroy(ctx, ctx.store.get(Vlan, self.VLAN_master_of))

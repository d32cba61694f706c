"""VLANs on every host of a pool."""

from __future__ import annotations

from collections.abc import Iterable

from xapid.datamodel import PIF, VLAN, Host, HostMetrics, Network
from xapid.datamodel.errors import INVALID_VALUE
from xapid.ops import vlan
from xapid.rules import pif as rules
from xapid.runtime.context import Context


async def create_VLAN(ctx: Context, device: str, network: str, VLAN: int) -> list[str]:
    """A VLAN on the device of this name that each host has. Returns the untagged interfaces."""
    found = [rules.untagged(ctx.store, device, host.ref) for host in ctx.store.all(Host)]
    below = [pif for pif in found if pif is not None]
    if len(below) < len(found):
        raise INVALID_VALUE("device", device)
    return await _on_each(ctx, below, VLAN, ctx.store.get(Network, network))


async def create_VLAN_from_PIF(ctx: Context, pif: PIF, network: Network, VLAN: int) -> list[str]:
    """A VLAN on the interface by which each host that lives sees the network of one."""
    below = [other for other in ctx.store.where(PIF, network=pif.network) if _lives(ctx, other.host)]
    return await _on_each(ctx, below, VLAN, network)


def _lives(ctx: Context, host: str) -> bool:
    metrics = ctx.store.find(HostMetrics, ctx.store.get(Host, host).metrics)
    return metrics is not None and metrics.live


async def _on_each(ctx: Context, below: Iterable[PIF], tag: int, network: Network) -> list[str]:
    """What was made before one of them failed is removed again."""
    made: list[VLAN] = []
    try:
        for pif in below:
            made.append(ctx.store.get(VLAN, await vlan.create(ctx, pif, tag, ctx.now(network))))
    except BaseException:
        for each in made:
            await vlan.destroy(ctx, ctx.now(each))
        raise
    return [ctx.now(each).untagged_PIF for each in made]

"""What is said of all interfaces of a host at once, by installers and by hosts of a pool among themselves."""

from __future__ import annotations

from xapid.datamodel import PIF, VLAN, Bond, Host, Network, Pool, Tunnel
from xapid.ops import management, tunnel, vlan
from xapid.ops.pif.forgetting import remove
from xapid.runtime.context import Context


def reset_networking(ctx: Context, host: Host) -> None:
    """Forget the interfaces of a host, and what is made of them. They stay as they are: it is to be looked at anew."""
    store = ctx.store
    pifs = store.where(PIF, host=host.ref)
    mine = {pif.ref for pif in pifs}
    with ctx.write() as tx:
        for bond in tuple(store.all(Bond)):
            if bond.master in mine:
                tx.delete(bond)
        for each in tuple(store.all(VLAN)):
            if each.tagged_PIF in mine:
                tx.delete(each)
        for over in tuple(store.all(Tunnel)):
            if over.transport_PIF in mine:
                tx.delete(over)
        for pif in pifs:
            remove(tx, store, pif)


def sync_pif_currently_attached(ctx: Context, host: Host, bridges: tuple[str, ...]) -> None:
    """Note which interfaces are up: those whose networks have one of these bridges."""
    with ctx.write() as tx:
        for pif in ctx.store.where(PIF, host=host.ref):
            tx.set(pif, currently_attached=ctx.store.get(Network, pif.network).bridge in bridges)


async def sync_vlans(ctx: Context, host: Host) -> None:
    """Make the VLANs of the coordinator on the devices of the same names of another host."""
    coordinator = ctx.store.one(Pool).master
    if host.ref == coordinator:
        return
    own = {pif.device: pif for pif in ctx.store.where(PIF, host=host.ref) if pif.VLAN < 0 and pif.physical}
    for each in tuple(ctx.store.all(VLAN)):
        below = ctx.store.get(PIF, each.tagged_PIF)
        here = own.get(below.device)
        if below.host != coordinator or here is None:
            continue
        if not any(mine.tag == each.tag for mine in ctx.store.where(VLAN, tagged_PIF=here.ref)):
            untagged = ctx.store.get(PIF, each.untagged_PIF)
            await vlan.create(ctx, here, each.tag, ctx.store.get(Network, untagged.network))


async def sync_tunnels(ctx: Context, host: Host) -> None:
    """Make the tunnels of the coordinator on another host, over its interfaces in the same networks."""
    coordinator = ctx.store.one(Pool).master
    if host.ref == coordinator:
        return
    for each in tuple(ctx.store.all(Tunnel)):
        access, transport = ctx.store.get(PIF, each.access_PIF), ctx.store.get(PIF, each.transport_PIF)
        there = ctx.store.where(PIF, network=access.network, host=host.ref)
        here = ctx.store.where(PIF, network=transport.network, host=host.ref)
        if transport.host == coordinator and here and not there:
            await tunnel.create(ctx, here[0], ctx.store.get(Network, access.network), each.protocol)


async def signal_networking_change(ctx: Context) -> None:
    """Lead clients to the address that the management of this host has now."""
    await management.look(ctx)

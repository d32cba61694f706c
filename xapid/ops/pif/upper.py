"""Interfaces that stand over others, each with an object that says how: of VLANs, of tunnels, of virtual functions."""

from __future__ import annotations

from xapid.datamodel import PIF, VLAN, NetworkSriov, Tunnel
from xapid.ops.pif.forgetting import remove
from xapid.ops.pif.plugging import bring_down, connect
from xapid.runtime.context import Context

Over = VLAN | NetworkSriov | Tunnel


async def bring_up_new(ctx: Context, over: Over, pif: PIF) -> None:
    """Bring up what has just been made. What cannot come up is not made."""
    try:
        await connect(ctx, pif)
    except BaseException:
        _remove(ctx, over, pif)
        raise


async def take_down(ctx: Context, over: Over, pif: PIF) -> None:
    """Take an interface down, and remove it with its object."""
    await bring_down(ctx, pif)
    _remove(ctx, over, pif)


def of(ctx: Context, over: Over, ref: str) -> PIF | None:
    """The interface of an object. Where it is gone, the object goes."""
    pif = ctx.store.find(PIF, ref)
    if pif is None:
        with ctx.write() as tx:
            tx.delete(over)
    return pif


def _remove(ctx: Context, over: Over, pif: PIF) -> None:
    with ctx.write() as tx:
        tx.delete(ctx.now(over))
        remove(tx, ctx.store, ctx.now(pif))

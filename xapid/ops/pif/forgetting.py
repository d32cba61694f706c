"""Interfaces of a host are forgotten."""

from __future__ import annotations

from xapid.datamodel import PIF, PIF_metrics
from xapid.ops.pif.plugging import bring_down
from xapid.rules import pif as rules
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction


async def forget(ctx: Context, self: PIF) -> None:
    """Take the interface from its bridge, and forget it."""
    rules.check_forget(ctx.store, self)
    if self.managed:
        await bring_down(ctx, self)
    with ctx.write() as tx:
        remove(tx, ctx.store, ctx.now(self))


def db_forget(ctx: Context, self: PIF) -> None:
    """The interface stays as it is; only its object goes."""
    with ctx.write() as tx:
        remove(tx, ctx.store, self)


def remove(tx: Transaction, store: Store, pif: PIF) -> None:
    """Remove a row, with its metrics, unless others show them too: VLANs and tunnels those of what they are on."""
    tx.delete(pif)
    metrics = store.find(PIF_metrics, pif.metrics)
    if metrics is not None and not any(other.metrics == metrics.ref for other in store.where(PIF, host=pif.host)):
        tx.delete(metrics)

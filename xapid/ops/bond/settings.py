"""How bonds spread their packets is changed, while they are up."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import PIF, Bond
from xapid.datamodel.bond import BondMode
from xapid.ops.pif.rewiring import change_one
from xapid.rules import bond as rules
from xapid.runtime.context import Context


async def set_mode(ctx: Context, self: Bond, value: BondMode) -> None:
    """Change the mode. Properties that it does not have go, and get their defaults where it has more."""
    await _changed(ctx, self, mode=value, properties=rules.completed(value, self.properties))


async def set_property(ctx: Context, self: Bond, name: str, value: str) -> None:
    """Set a property that the mode has."""
    rules.check_property(self.mode, name, value)
    await _changed(ctx, self, properties={**self.properties, name: value})


async def _changed(ctx: Context, bond: Bond, **fields: Any) -> None:
    """A bond that was down is up afterwards."""
    await change_one(ctx, ctx.store.get(PIF, bond.master), lambda tx: tx.set(ctx.now(bond), **fields))

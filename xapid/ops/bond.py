"""Messages of class Bond: interfaces joined into one."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PIF, Network
from xapid.datamodel.bond import BondMode
from xapid.datamodel.errors import NOT_IMPLEMENTED, PIF_BOND_NEEDS_MORE_MEMBERS
from xapid.runtime.context import Context


def create(
    ctx: Context, network: str, members: tuple[str, ...], MAC: str, mode: BondMode, properties: dict[str, str]
) -> NoReturn:
    if not members:
        raise PIF_BOND_NEEDS_MORE_MEMBERS()
    for ref in members:
        ctx.store.get(PIF, ref)
    ctx.store.get(Network, network)
    raise NOT_IMPLEMENTED("Bond.create")

"""Messages of class PVS_proxy. Streaming disks to guests needs a virtual switch, and hosts have plain bridges."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import VIF, PVS_proxy
from xapid.datamodel.errors import OPENVSWITCH_NOT_ACTIVE
from xapid.runtime.context import Context


def create(ctx: Context, site: str, vif: VIF) -> NoReturn:
    raise OPENVSWITCH_NOT_ACTIVE()


def destroy(ctx: Context, self: PVS_proxy) -> None:
    """A record that came with a pool of old: nothing is at work here."""
    with ctx.write() as tx:
        tx.delete(self)

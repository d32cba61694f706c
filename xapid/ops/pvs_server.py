"""Messages of class PVS_server. Streaming disks to guests needs a virtual switch, and hosts have plain bridges."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PVS_server
from xapid.datamodel.errors import OPENVSWITCH_NOT_ACTIVE
from xapid.runtime.context import Context


def introduce(ctx: Context, addresses: tuple[str, ...], first_port: int, last_port: int, site: str) -> NoReturn:
    raise OPENVSWITCH_NOT_ACTIVE()


def forget(ctx: Context, self: PVS_server) -> None:
    """A record that came with a pool of old."""
    with ctx.write() as tx:
        tx.delete(self)

"""Messages of class SDN_controller. There is no virtual switch that could be controlled."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import SDN_controller
from xapid.datamodel.errors import OPERATION_NOT_ALLOWED
from xapid.datamodel.sdn_controller import SdnControllerProtocol
from xapid.runtime.context import Context


def introduce(ctx: Context, protocol: SdnControllerProtocol, address: str, port: int) -> NoReturn:
    raise OPERATION_NOT_ALLOWED("the hosts have no virtual switch that could be controlled")


def forget(ctx: Context, self: SDN_controller) -> None:
    """A record that came with a pool of old."""
    with ctx.write() as tx:
        tx.delete(self)

"""Messages of class crashdump: disks with the memory of machines that crashed."""

from __future__ import annotations

import logging

from xapid.datamodel import VDI, Crashdump
from xapid.datamodel.errors import ApiError
from xapid.ops.vdi import disks
from xapid.runtime.context import Context

log = logging.getLogger(__name__)


async def destroy(ctx: Context, self: Crashdump) -> None:
    """The record goes although the disk cannot: it is a disk like any other then."""
    disk = ctx.store.find(VDI, self.VDI)
    try:
        if disk is not None:
            await disks.destroy(ctx, disk)
    except ApiError as error:
        log.warning("the disk of crash dump %s stays: %s", self.uuid, error)
    finally:
        with ctx.write() as tx:
            tx.delete(self)

"""What a host hears of its own drives: that a disc was put in."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import PurePosixPath

from xapid.datamodel import PBD, SR, VBD, VDI
from xapid.datamodel.errors import ApiError
from xapid.ops import sr, vbd
from xapid.runtime.context import Context

log = logging.getLogger(__name__)

DRIVES = ("udev", "local")
"""Types of the repositories that drives of hosts are in."""


async def notify(ctx: Context, ty: str, params: str) -> None:
    """``cdrom`` and ``inserted:sr0``: guests that have the drive see the disc, and its record tells its size.

    A disc that is taken out needs nothing, and other news is of no interest. Who tells it does not wait for what comes
    of it, so that failures are logged alone.
    """
    what, _, device = params.partition(":")
    if (ty, what) != ("cdrom", "inserted") or not device:
        return
    name = PurePosixPath(device).name
    for disc in list(_discs(ctx, name)):
        try:
            await sr.look(ctx, ctx.store.get(SR, disc.SR))
        except ApiError as error:
            log.warning("the disc in %s cannot be looked at: %s", name, error)
        for drive in list(ctx.store.where(VBD, VDI=disc.ref)):
            try:
                await vbd.put_again(ctx, drive, disc)
            except ApiError as error:
                log.warning("the disc in %s cannot be shown by VBD %s: %s", name, drive.uuid, error)


def _discs(ctx: Context, name: str) -> Iterator[VDI]:
    for pbd in ctx.store.where(PBD, host=ctx.runtime.localhost):
        row = ctx.store.find(SR, pbd.SR)
        if row is not None and pbd.currently_attached and row.type in DRIVES:
            yield from (disc for disc in ctx.store.where(VDI, SR=row.ref) if PurePosixPath(disc.location).name == name)

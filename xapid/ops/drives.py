"""Volumes opened for the drives of a machine, and closed again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from xapid.backends.interface import InUse
from xapid.backends.storage.interface import OPEN_ELSEWHERE, Disk, StorageDriver
from xapid.datamodel import SR, VBD, VDI, Host
from xapid.datamodel.errors import VDI_IN_USE, ApiError
from xapid.datamodel.vbd import VbdMode
from xapid.datamodel.vdi import OnBoot
from xapid.ops import repositories
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo

T = TypeVar("T")
log = logging.getLogger(__name__)


async def open_volumes(ctx: Context, undo: Undo, host: Host, vbds: Sequence[VBD]) -> dict[str, Disk]:
    """Open the disks in these drives on a host, all at once. Returns how the guest opens each, by its VBD."""
    filled = [(vbd, ctx.store.get(VDI, vbd.VDI)) for vbd in vbds if not vbd.empty]
    if not filled:
        return {}
    disks = await all_of([open_volume(ctx, undo, host, vbd, vdi) for vbd, vdi in filled])
    return {vbd.ref: disk for (vbd, _), disk in zip(filled, disks, strict=True)}


async def open_volume(ctx: Context, undo: Undo, host: Host, vbd: VBD, vdi: VDI) -> Disk:
    """Open one disk for a drive."""
    repository = repositories.on(ctx, ctx.store.get(SR, vdi.SR), host)
    volume, write = repository.volume(vdi), vbd.mode is VbdMode.RW
    undo.push(repository.channel, StorageDriver.detach, volume, vbd.uuid)
    channel = repository.channel.saying(InUse, partial(_in_use, vdi))
    return await channel.call(StorageDriver.attach, volume, vbd.uuid, write)


def forgetful(ctx: Context, vbds: Sequence[VBD]) -> list[VDI]:
    """Those of the disks in these drives that are to begin anew with each start."""
    written = [vbd.VDI for vbd in vbds if not vbd.empty and vbd.mode is VbdMode.RW]
    disks = [vdi for ref in written if (vdi := ctx.store.find(VDI, ref)) is not None]
    return [vdi for vdi in disks if vdi.on_boot is OnBoot.reset]


async def rewind_volumes(ctx: Context, host: Host, vbds: Sequence[VBD]) -> None:
    """Forget what was written to such disks."""
    await all_of([_rewind(ctx, host, vdi) for vdi in forgetful(ctx, vbds)])


def _in_use(vdi: VDI, error: InUse) -> ApiError | None:
    """None: what the driver says tells of another host."""
    return None if error.facts.get("code") == OPEN_ELSEWHERE else VDI_IN_USE(vdi.ref)


async def _rewind(ctx: Context, host: Host, vdi: VDI) -> None:
    repository = repositories.on(ctx, ctx.store.get(SR, vdi.SR), host)
    channel = repository.channel.saying(InUse, partial(_in_use, vdi))
    await channel.call(StorageDriver.rewind, repository.volume(vdi))


def held(ctx: Context, vbds: Sequence[VBD]) -> AbstractAsyncContextManager[None]:
    """For closing the disks of these drives, and recording that: within the block nobody opens them anew for a guest.

    Who branches a disk leases the new file to the drives that have it open, and holds the disk in the same way.
    """
    return ctx.lock(*(vdi for vbd in vbds if (vdi := ctx.store.find(VDI, vbd.VDI)) is not None))


async def close_volumes(ctx: Context, host: Host, vbds: Sequence[VBD]) -> None:
    """Close what these drives have open. What cannot be closed is logged: the guest is gone all the same."""
    # As they are now: a disk may have moved to another repository since the caller looked.
    latest = [ctx.store.find(VBD, vbd.ref) or vbd for vbd in vbds]
    filled = [(vbd, vdi) for vbd in latest if (vdi := ctx.store.find(VDI, vbd.VDI)) is not None]
    if filled:
        await all_of([_close(ctx, host, vbd, vdi) for vbd, vdi in filled])


async def _close(ctx: Context, host: Host, vbd: VBD, vdi: VDI) -> None:
    try:
        repository = repositories.on(ctx, ctx.store.get(SR, vdi.SR), host)
        await repository.channel.repeatable(StorageDriver.detach, repository.volume(vdi), vbd.uuid)
    except ApiError as error:
        log.error("VDI %s cannot be closed for VBD %s: %s", vdi.uuid, vbd.uuid, error)


async def all_of(work: Sequence[Awaitable[T]]) -> list[T]:
    """Do several things at once. If some fail the first error is raised, but only when all have ended."""
    if len(work) == 1:
        return [await work[0]]
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]

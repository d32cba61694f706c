"""What a disk holds, and which pool's database."""

from __future__ import annotations

from typing import NoReturn

from xapid.backends.interface import NotSupported
from xapid.backends.storage.interface import StorageDriver
from xapid.datamodel import SR, VDI
from xapid.datamodel.errors import NOT_IMPLEMENTED, VDI_INCOMPATIBLE_TYPE
from xapid.datamodel.vdi import VdiOperations, VdiType
from xapid.ops import full_copies, repositories
from xapid.rules.vdi import TYPE_WORDS
from xapid.runtime.context import Context
from xapid.store.rows import new_uuid


async def checksum(ctx: Context, self: VDI) -> str:
    """MD5, in hexadecimal digits, of all that a machine would read of a disk; none may write it meanwhile."""
    try:
        return await _digest(ctx, self)
    except NotSupported as error:
        raise repositories.of(ctx, ctx.store.get(SR, self.SR)).channel.translated(error) from error


async def same(ctx: Context, one: VDI, other: VDI) -> bool:
    """Whether two disks hold the same. Of those whose driver cannot tell it is not known, so that they do not."""
    if one.virtual_size != other.virtual_size:
        return False
    try:
        return await _digest(ctx, one) == await _digest(ctx, other)
    except NotSupported:
        return False


async def _digest(ctx: Context, vdi: VDI) -> str:
    async with repositories.marked(ctx, [(vdi, VdiOperations.copy)]) as undo:
        latest = ctx.now(vdi)
        repository = repositories.of(ctx, ctx.store.get(SR, latest.SR))
        with ctx.task.cancellable():
            async with full_copies.opened(ctx, undo, repository.host, latest, new_uuid()) as disk:
                channel = repository.channel.letting_through(NotSupported)
                found = await channel.call(StorageDriver.digest, repository.volume(latest), disk)
        with ctx.write():
            pass  # Records that nothing is left to be made good.
        return found


def open_database(ctx: Context, self: VDI) -> NoReturn:
    """A session with the database that a disk holds. None of ours is kept on disks yet."""
    if self.type is not VdiType.metadata:
        raise VDI_INCOMPATIBLE_TYPE(self.ref, TYPE_WORDS[self.type])
    raise NOT_IMPLEMENTED("VDI.open_database")


def read_database_pool_uuid(ctx: Context, self: str) -> str:
    """The pool whose database a disk holds. None has been opened to look, so none is known; as the original does, the
    reference itself is not looked at."""
    return ""

"""Full copies of disks, also into repositories of another type, and over disks that are there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from xapid.backends.storage.interface import Disk, NewVolume, StorageDriver, Volume
from xapid.datamodel import SR, VDI, Host
from xapid.ops import branches, repositories
from xapid.ops.repositories import Repository
from xapid.rules import volume_spec
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.rows import new_uuid
from xapid.store.transaction import Transaction


@dataclass(frozen=True)
class Copy:
    """A full copy of a disk; nothing of it is recorded yet."""

    source: VDI
    repository: Repository
    volume: Volume

    def record(self, tx: Transaction) -> VDI:
        """Its row; the repository is said to be so much fuller."""
        fields = branches.new_disk(tx.store, self.source, self.volume, "")
        return repositories.put_disk(tx, self.repository, **fields)


async def copied(ctx: Context, undo: Undo, vdi: VDI, target: SR, base: VDI | None = None, progress: str = "") -> Copy:
    """Copy a disk whose marks the caller holds; with ``base`` only what differs from that. While that goes on the task
    can be cancelled. ``progress``: the task that is told how far it is.
    """
    origin = ctx.store.get(SR, vdi.SR)
    host = repositories.host_seeing(ctx, target, origin)
    source, repository = repositories.on(ctx, origin, host), repositories.on(ctx, target, host)
    volume = source.volume(ctx.now(vdi))
    new = NewVolume(new_uuid(), volume.size, vdi.name_label, purpose=vdi.type)
    repositories.expect(ctx, undo, new)
    undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
    with ctx.task.cancellable():
        if origin.type == target.type and base is None:
            made = await repository.channel.call(StorageDriver.copy, volume, repository.spec, new, progress)
        else:
            empty = await repository.channel.call(StorageDriver.create, repository.spec, new)
            made = await _fill(ctx, undo, host, vdi, base, repository, empty, progress)
    return Copy(vdi, repository, made)


async def written_over(ctx: Context, undo: Undo, vdi: VDI, base: VDI | None, into: VDI, progress: str = "") -> Volume:
    """Write a disk over another, whose marks the caller holds too. Returns what is there then."""
    target = ctx.store.get(SR, into.SR)
    host = repositories.host_seeing(ctx, target, ctx.store.get(SR, vdi.SR))
    repository = repositories.on(ctx, target, host)
    with ctx.task.cancellable():
        return await _fill(ctx, undo, host, vdi, base, repository, repository.volume(into), progress)


async def _fill(
    ctx: Context,
    undo: Undo,
    host: Host,
    vdi: VDI,
    base: VDI | None,
    repository: Repository,
    target: Volume,
    progress: str,
) -> Volume:
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(opened(ctx, undo, host, vdi, target.uuid))
        below = None if base is None else await stack.enter_async_context(opened(ctx, undo, host, base, target.uuid))
        return await repository.channel.call(StorageDriver.fill, target, source, below, progress)


@asynccontextmanager
async def opened(ctx: Context, undo: Undo, host: Host, vdi: VDI, reader: str) -> AsyncIterator[Disk]:
    """Within the block a disk is open to be read on a host, for a reader that is known by a uuid."""
    repository = repositories.on(ctx, ctx.store.get(SR, vdi.SR), host)
    volume = repository.volume(ctx.now(vdi))
    undo.push(repository.channel, StorageDriver.detach, volume, reader)
    yield await repository.channel.call(StorageDriver.attach, volume, reader, False)
    await repository.channel.call(StorageDriver.detach, volume, reader)

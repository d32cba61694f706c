"""The disk of a running machine moved to another repository, while its guest reads and writes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from xapid.backends.datapath.interface import DatapathDriver
from xapid.backends.interface import NotSupported
from xapid.backends.storage.interface import Disk, Feature, NewVolume, StorageDriver, Volume, VolumeFormat
from xapid.datamodel import SR, VBD, VDI, VM, Host
from xapid.datamodel.errors import (
    INVALID_VALUE,
    SR_OPERATION_NOT_SUPPORTED,
    VDI_IS_SHARABLE,
    VDI_NEEDS_VM_FOR_MIGRATE,
    ApiError,
)
from xapid.datamodel.vbd import VbdMode
from xapid.datamodel.vdi import VdiOperations
from xapid.datamodel.vm import VmOperations
from xapid.ops import branches, repositories
from xapid.ops.full_copies import Copy
from xapid.ops.repositories import Repository
from xapid.ops.vdi.disks import destroy, grow_in_guest, record_size
from xapid.ops.vm.change import assert_same_domain
from xapid.rules import volume_spec
from xapid.rules.sr import features
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.rows import new_uuid
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)

FORMAT = "dest-img-format"
"""Among the options: the format of the image in the new repository."""
EVERY = 0.5
"""Seconds between two looks at how far a mirror is."""


@dataclass(frozen=True)
class _Move:
    """A disk on its way: the new volume is a mirror of what the guest writes to."""

    vm: VM
    vbd: VBD
    source: VDI
    origin: Repository
    before: Volume
    made: Copy
    disk: Disk
    datapath: Channel


async def pool_migrate(ctx: Context, vdi: str, sr: str, options: dict[str, str]) -> str:
    """Move the disk of a running machine to another repository. The record of the moved disk is another one."""
    row = ctx.store.find(VDI, vdi)
    opened = [] if row is None else branches.open_in_guests(ctx.store, row)
    if row is None or not opened:
        raise VDI_NEEDS_VM_FOR_MIGRATE(vdi)
    target, kind = ctx.store.get(SR, sr), _format(options)
    if Feature.VDI_CREATE not in features(ctx.store, target):
        raise SR_OPERATION_NOT_SUPPORTED(target.ref)
    if row.sharable or len(opened) > 1:
        raise VDI_IS_SHARABLE(row.ref)
    ((vm, vbd),) = opened
    if vbd.mode is not VbdMode.RW:
        raise VDI_NEEDS_VM_FOR_MIGRATE(vdi)
    async with (
        ctx.operation(vm, VmOperations.migrate_send),
        repositories.marked(ctx, [(row, VdiOperations.mirror)]) as undo,
    ):
        assert_same_domain(ctx, vm)
        if not ctx.now(vbd).currently_attached:
            raise VDI_NEEDS_VM_FOR_MIGRATE(vdi)
        move = await _mirrored(ctx, undo, ctx.now(vm), ctx.now(vbd), ctx.now(row), target, kind)
        # What the guest has open is closed by nobody, and branched by nobody, until that is over.
        async with ctx.lock(move.source):
            assert_same_domain(ctx, vm)
            moved = await _go_over(ctx, undo, move)
    await _destroy(ctx, move)
    return moved


def _format(options: dict[str, str]) -> VolumeFormat | None:
    wanted = options.get(FORMAT, "")
    if wanted and wanted not in VolumeFormat.__members__:
        raise INVALID_VALUE(FORMAT, wanted)
    return VolumeFormat(wanted) if wanted else None


async def _mirrored(
    ctx: Context, undo: Undo, vm: VM, vbd: VBD, source: VDI, target: SR, kind: VolumeFormat | None
) -> _Move:
    """Make a volume in the new repository, and have it hold what the disk holds. While that goes on the task can be
    cancelled; if it fails, or the machine ends, the new volume goes.
    """
    host = ctx.store.get(Host, vm.resident_on)
    origin = repositories.on(ctx, ctx.store.get(SR, source.SR), host)
    repository = repositories.on(ctx, target, host)
    datapath = ctx.datapath(host).saying(NotSupported, lambda _: SR_OPERATION_NOT_SUPPORTED(source.SR))
    new = NewVolume(new_uuid(), source.virtual_size, source.name_label, kind, source.type)
    repositories.expect(ctx, undo, new)
    undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
    volume = await repository.channel.call(StorageDriver.create, repository.spec, new)
    if volume.size != source.virtual_size:
        # Both are to be of one size, and this repository makes volumes of others.
        await grow_in_guest(ctx, vm, vbd, volume.size)
        record_size(ctx, source, await origin.channel.call(StorageDriver.stat, origin.volume(source)), settle=False)
        source = ctx.now(source)
    undo.push(repository.channel, StorageDriver.detach, volume, vbd.uuid)
    disk = await repository.channel.call(StorageDriver.attach, volume, vbd.uuid, True)
    undo.push(datapath, DatapathDriver.unmirror, vm.uuid, vbd.uuid)
    with ctx.task.cancellable():
        await datapath.call(DatapathDriver.mirror, vm.uuid, vbd.uuid, disk)
        while not (state := await datapath.call(DatapathDriver.mirrored, vm.uuid, vbd.uuid)).in_step:
            ctx.progress(state.fraction)
            await ctx.clock.sleep(EVERY)
        volume = await repository.channel.call(StorageDriver.stat, volume)
    made = Copy(source, repository, volume)
    return _Move(vm, vbd, source, origin, origin.volume(source), made, disk, datapath)


async def _go_over(ctx: Context, undo: Undo, move: _Move) -> str:
    """Record that the disk is in its new place, then let the guest go on there alone. Returns the new record.

    A crash before the guest has gone over is made good at the next start: both places hold the same.
    """
    with ctx.write(settle=False) as tx:
        moved = move.made.record(tx)
        _refer(tx, move.source, moved)
        undo.settle(tx)
        undo.push(move.origin.channel, StorageDriver.detach, move.before, move.vbd.uuid)
        undo.push(move.datapath, DatapathDriver.move, move.vm.uuid, move.vbd.uuid, move.disk)
    try:
        move.datapath.wait_for(ctx.until)
        # One that has ended has written the same to both places.
        await branches.let_go_on(move.datapath, move.vm.uuid, DatapathDriver.move, move.vbd.uuid, move.disk)
    except asyncio.CancelledError:
        # The daemon stops, and whether the guest has gone over is not known: the next start sees to it.
        undo.leave()
        raise
    except Exception:
        with ctx.write(settle=False) as tx:
            undo.settle(tx)
            _refer(tx, moved, move.source)
            tx.delete(moved)
            size, physical = move.made.volume.size, move.made.volume.physical
            repositories.add_to_figures(tx, ctx.store, move.made.repository.row, -size, -physical)
            undo.push(move.made.repository.channel, StorageDriver.destroy, move.made.volume)
            undo.push(move.made.repository.channel, StorageDriver.detach, move.made.volume, move.vbd.uuid)
            undo.push(move.datapath, DatapathDriver.unmirror, move.vm.uuid, move.vbd.uuid)
        raise
    try:
        await move.origin.channel.repeatable(StorageDriver.detach, move.before, move.vbd.uuid)
    except ApiError as error:
        log.error("the lease of %s cannot be given back: %s", move.before.uuid, error)
    with ctx.write():
        pass  # Records that nothing is left to be made good.
    return str(moved.ref)


def _refer(tx: Transaction, old: VDI, new: VDI) -> None:
    """All that knew a disk as one knows it as another: drives, also those of machines that are off, and snapshots."""
    for vbd in tx.store.where(VBD, VDI=old.ref):
        tx.set(vbd, VDI=new.ref)
    for snapshot in tx.store.where(VDI, snapshot_of=old.ref):
        tx.set(snapshot, snapshot_of=new.ref)


async def _destroy(ctx: Context, move: _Move) -> None:
    """If the old disk cannot be destroyed it stays, for somebody to look at: the machine goes on in the new one."""
    try:
        await destroy(ctx, ctx.now(move.source))
    except ApiError as error:
        log.error("VDI %s has moved to %s and cannot be destroyed: %s", move.before.uuid, move.made.volume.uuid, error)

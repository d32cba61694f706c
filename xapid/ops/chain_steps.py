"""One step by which a chain of images becomes shorter: one of them is written over the one that it continues."""

from __future__ import annotations

import logging

from xapid.backends.datapath.interface import DatapathDriver
from xapid.backends.interface import Failed
from xapid.backends.storage.interface import Merged, StorageDriver, Volume
from xapid.datamodel import SR, VBD, VDI, VM, Host
from xapid.datamodel.map_keys import DIRTY, PARENT
from xapid.ops import repositories
from xapid.ops.repositories import Repository
from xapid.rules import volume_spec
from xapid.rules.chains import Kind, Step, Trees, Way, way
from xapid.runtime.context import Context
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)

LABEL = "Garbage Collection"
"""Of the task that clients see, as the original calls it."""
EVERY = 0.5
"""Seconds between two looks at how far a datapath is."""


async def merge(ctx: Context, sr: SR, step: Step, how: Way, speed: int) -> None:
    """Do it. The disks that it touches are nobody else's meanwhile, and while it takes long the task can be cancelled.

    ``speed``: bytes a second at most; 0: any number.
    """
    repository = repositories.of(ctx, sr)
    volume = repository.volume(ctx.now(step.vdi))
    if how.through is None or how.through.vm is None:
        await _merge_closed(ctx, repository, volume, step.vdi, speed)
    else:
        await _merge_open(ctx, repository, volume, step.vdi, how.through.vm, how.through.vbd, speed)


async def shorten(ctx: Context, vdi: VDI) -> bool:
    """Make the chain of a disk, whose marks the caller's task holds, one image shorter. Whether that could be done.

    It is a part of the call with undo steps of its own: those of the call stay as they are.
    """
    sr = ctx.store.get(SR, vdi.SR)
    trees = Trees.of(ctx.store, sr)
    chain = trees.chain(ctx.now(vdi))
    steps = [step for step in trees.steps(sr) if step.kind is Kind.inner and step.vdi in chain]
    for step in sorted(steps, key=lambda step: step.vdi.physical_utilisation):
        how = way(ctx.store, trees, step, but=ctx.task.ref)
        if how is not None:
            with ctx.part(LABEL) as part:
                await merge(part, sr, step, how, 0)
            return True
    return False


async def _merge_closed(ctx: Context, repository: Repository, volume: Volume, vdi: VDI, speed: int) -> None:
    """Nobody has it open: the driver does it."""
    owner = new_uuid()
    ctx.runtime.leaseholders.add(owner)
    try:
        async with ctx.undoing() as undo:
            if vdi.managed:
                undo.push(repository.channel, StorageDriver.detach, volume, owner)
                await repository.channel.call(StorageDriver.attach, volume, owner, True)
            with ctx.task.cancellable():
                await repository.channel.call(StorageDriver.merge, volume, owner, speed, ctx.task.ref)
            await _join(ctx, repository, volume, vdi, settle=not vdi.managed)
            if vdi.managed:
                # Until its lease is given back, which a crash must not prevent, that is still to be done.
                await repository.channel.call(StorageDriver.detach, volume, owner)
                with ctx.write():
                    pass
    finally:
        ctx.runtime.leaseholders.discard(owner)


async def _merge_open(
    ctx: Context, repository: Repository, volume: Volume, vdi: VDI, vm: VM, vbd: VBD, speed: int
) -> None:
    """One running machine reads it: its datapath does it."""
    datapath = ctx.datapath(ctx.store.get(Host, vm.resident_on))
    async with ctx.undoing() as undo:
        undo.push(repository.channel, StorageDriver.end_merge, volume, False)
        joint = await repository.channel.call(StorageDriver.begin_merge, volume, vbd.uuid)
        undo.push(datapath, DatapathDriver.unmerge, vm.uuid, vbd.uuid)
        with ctx.task.cancellable():
            await datapath.call(DatapathDriver.merge, vm.uuid, vbd.uuid, joint.image, joint.into, speed)
            while (far := await datapath.call(DatapathDriver.merging, vm.uuid, vbd.uuid)) is not None:
                ctx.progress(far)
                await ctx.clock.sleep(EVERY)
        await _join(ctx, repository, volume, vdi)


async def _join(ctx: Context, repository: Repository, volume: Volume, vdi: VDI, *, settle: bool = True) -> None:
    """Let both be one, on the disk and in the records. No scan sees one without the other.

    ``settle``: whether nothing that was done so far is taken back then.
    """
    async with ctx.lock(repository.row):
        with ctx.write(settle=False) as tx:
            owed = _owe_scan(tx, ctx.now(repository.row))
        repository.channel.wait_for(ctx.until)
        merged = await repository.channel.call(StorageDriver.end_merge, volume, True)
        if merged is None:
            raise repository.channel.translated(Failed(f"{volume.uuid} was not merged into what it continues"))
        with ctx.write(settle=settle) as tx:
            _record(tx, ctx.store, ctx.now(vdi), merged)
            if owed:
                _owe_nothing(tx, ctx.now(repository.row))
    log.info("%s went into what it continued; %s is no more", volume.uuid, merged.gone)


def _owe_scan(tx: Transaction, sr: SR) -> bool:
    """Whoever comes after a crash is to see where the disks are. Returns whether nobody else wants that already."""
    if DIRTY.of(sr):
        return False
    tx.set(sr, other_config={**sr.other_config, DIRTY.name: ""})
    return True


def _owe_nothing(tx: Transaction, sr: SR) -> None:
    tx.set(sr, other_config={key: value for key, value in sr.other_config.items() if key != DIRTY.name})


def _record(tx: Transaction, store: Store, upper: VDI, merged: Merged) -> None:
    """Rows of two volumes that became one."""
    lower = store.find_uuid(VDI, PARENT.of(upper))
    if lower is None:
        return  # Its record is gone with its volume.
    sr = store.get(SR, upper.SR)
    before = lower.virtual_size + upper.virtual_size, lower.physical_utilisation + upper.physical_utilisation
    if upper.managed:
        tx.set(upper, **volume_spec.facts(merged.kept, upper.sm_config, PARENT.of(lower)))
        tx.delete(lower)
    else:
        for heir in [row for row in store.where(VDI, SR=sr.ref) if PARENT.of(row) == upper.uuid]:
            tx.set(heir, sm_config={**heir.sm_config, PARENT.name: lower.uuid})
        tx.set(lower, **volume_spec.facts(merged.kept, lower.sm_config, PARENT.of(lower)))
        tx.delete(upper)
    virtual, physical = merged.kept.size - before[0], merged.kept.physical - before[1]
    repositories.add_to_figures(tx, store, sr, virtual, physical)

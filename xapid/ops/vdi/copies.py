"""Snapshots, clones and copies of a disk."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import SR, VBD, VDI
from xapid.datamodel.errors import (
    NOT_IMPLEMENTED,
    VDI_IN_USE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_READONLY,
    VDI_TOO_SMALL,
)
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import NULL
from xapid.datamodel.vdi import VdiOperations, VdiType
from xapid.ops import branches, full_copies, repositories
from xapid.ops.vdi.disks import record_size
from xapid.rules.vdi import TYPE_WORDS
from xapid.runtime.context import Context


async def snapshot(ctx: Context, vdi: VDI, driver_params: dict[str, str]) -> str:
    """A disk with the contents as of now. A running guest that has the disk open goes on."""
    return await _branch(ctx, vdi, StorageOperations.vdi_snapshot, VdiOperations.snapshot, driver_params)


async def clone(ctx: Context, vdi: VDI, driver_params: dict[str, str]) -> str:
    """A disk that shares what is the same with its source, and goes its own way from now on."""
    return await _branch(ctx, vdi, StorageOperations.vdi_clone, VdiOperations.clone, driver_params)


async def _branch(
    ctx: Context, vdi: VDI, sr_operation: StorageOperations, operation: VdiOperations, driver_params: dict[str, str]
) -> str:
    _check_has_data(vdi)
    sr = ctx.store.get(SR, vdi.SR)
    async with repositories.marked(ctx, [(sr, sr_operation), (vdi, operation)]) as undo:
        snapshot = operation is VdiOperations.snapshot
        twigs = await branches.grow(ctx, undo, [vdi], snapshot=snapshot, driver_params=driver_params)
        return await branches.finish(ctx, undo, twigs, lambda tx, made: str(made[vdi.ref].ref))


async def copy(ctx: Context, vdi: VDI, sr: str, base_vdi: str, into_vdi: str) -> str:
    """A full copy of a disk: in the same or another repository, or over a disk that is there.

    With ``base_vdi`` nothing is written but what differs from that one. Who names a disk to be written over need not
    name its repository.
    """
    base = None if base_vdi == NULL else ctx.store.get(VDI, base_vdi)
    if into_vdi != NULL:
        return await _copy_over(ctx, vdi, base, ctx.store.get(VDI, into_vdi))
    target = ctx.store.get(SR, sr)
    _check_has_data(vdi)
    async with repositories.marked(ctx, [(vdi, VdiOperations.copy)]) as undo:
        source = ctx.now(vdi)
        made = await full_copies.copied(ctx, undo, source, target, base, ctx.task.ref)
        with ctx.write() as tx:
            return str(made.record(tx).ref)


async def _copy_over(ctx: Context, vdi: VDI, base: VDI | None, into: VDI) -> str:
    _check_has_data(vdi)
    if into.read_only:
        raise VDI_READONLY(into.ref)
    if into.virtual_size < vdi.virtual_size:
        raise VDI_TOO_SMALL(into.ref, str(vdi.virtual_size))
    marks = [(vdi, VdiOperations.copy), (into, VdiOperations.blocked)]
    async with repositories.marked(ctx, marks) as undo:
        if any(vbd.currently_attached for vbd in ctx.store.where(VBD, VDI=into.ref)):
            raise VDI_IN_USE(into.ref, VdiOperations.copy)
        written = await full_copies.written_over(ctx, undo, ctx.now(vdi), base, ctx.now(into), ctx.task.ref)
        record_size(ctx, into, written)
        return str(into.ref)


def _check_has_data(vdi: VDI) -> None:
    if vdi.type is VdiType.cbt_metadata:
        raise VDI_INCOMPATIBLE_TYPE(vdi.ref, TYPE_WORDS[vdi.type])


async def revert(ctx: Context, snapshot: VDI) -> NoReturn:
    """Make a disk again, in place, what its snapshot kept. No type of repository here can: VM.revert takes clones."""
    sr = ctx.store.get(SR, snapshot.SR)
    marks = [(sr, StorageOperations.vdi_revert), (snapshot, VdiOperations.revert_from)]
    async with repositories.marked(ctx, marks):
        raise NOT_IMPLEMENTED("VDI.revert")

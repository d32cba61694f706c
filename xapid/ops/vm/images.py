"""Copies of the images in which suspended machines sleep.

Hypervisors read an image as a plain file, so that it is copied whole: a branch of it would be none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xapid.backends.storage.interface import NewVolume, StorageDriver, Volume
from xapid.datamodel import SR, VDI
from xapid.ops import repositories
from xapid.ops.repositories import Repository
from xapid.ops.vdi import record_copy
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
        return record_copy(tx, tx.store, self.source, self.repository.row, self.volume)


async def copied(ctx: Context, undo: Undo, vdi: VDI, target: SR) -> Copy:
    """Copy a disk whose marks the caller holds. While that goes on the task can be cancelled."""
    repository = repositories.of(ctx, target)
    before = repositories.of(ctx, ctx.store.get(SR, vdi.SR)).volume(ctx.now(vdi))
    new = NewVolume(new_uuid(), before.size, vdi.name_label, purpose=vdi.type)
    repositories.expect(ctx, undo, new)
    undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
    with ctx.task.cancellable():
        volume = await repository.channel.call(StorageDriver.copy, before, repository.spec, new, "")
    return Copy(vdi, repository, volume)


async def copies_of(ctx: Context, undo: Undo, images: Iterable[VDI]) -> list[Copy]:
    """Copies of images beside them."""
    return [await copied(ctx, undo, image, ctx.store.get(SR, image.SR)) for image in images]


def recorded(tx: Transaction, copies: Iterable[Copy]) -> dict[str, VDI]:
    """The rows of copies, by the references of what they are of."""
    return {copy.source.ref: copy.record(tx) for copy in copies}


def take_back(tx: Transaction, undo: Undo, copies: Iterable[Copy]) -> None:
    """Forget copies that were recorded, and let the volumes be destroyed."""
    for copy in copies:
        undo.push(copy.repository.channel, StorageDriver.destroy, copy.volume)
        row = tx.store.find_uuid(VDI, copy.volume.uuid)
        if row is not None:
            tx.delete(row)

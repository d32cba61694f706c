"""Copies of the images in which suspended machines sleep.

Hypervisors read an image as a plain file, so that it is copied whole: a branch of it would be none.
"""

from __future__ import annotations

from collections.abc import Iterable

from xapid.backends.storage.interface import StorageDriver
from xapid.datamodel import SR, VDI
from xapid.ops import full_copies
from xapid.ops.full_copies import Copy
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.transaction import Transaction


async def copies_of(ctx: Context, undo: Undo, images: Iterable[VDI]) -> list[Copy]:
    """Copies of images beside them."""
    return [await full_copies.copied(ctx, undo, image, ctx.store.get(SR, image.SR)) for image in images]


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

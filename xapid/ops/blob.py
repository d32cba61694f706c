"""Messages of class blob: the objects of binary data. The data itself comes and goes over HTTP."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import Blob
from xapid.datamodel.errors import MAP_DUPLICATE_KEY
from xapid.datamodel.types import EPOCH, Object
from xapid.runtime.context import Context
from xapid.store.transaction import Transaction

ANY_BYTES = "application/octet-stream"


def create(ctx: Context, mime_type: str, public: bool) -> str:
    with ctx.write() as tx:
        return str(_create(tx, mime_type, public).ref)


def _create(tx: Transaction, mime_type: str, public: bool) -> Blob:
    return tx.create(Blob, mime_type=mime_type or ANY_BYTES, public=public, last_updated=EPOCH)


def destroy(ctx: Context, self: Blob) -> None:
    with ctx.write() as tx:
        tx.delete(self)


def attach_new_blob(ctx: Context, row: Object, name: str, mime_type: str, public: bool) -> str:
    """Make a blob and enter it by its name into ``blobs`` of an object. Raises MAP_DUPLICATE_KEY."""
    blobs: dict[str, Any] = row.__dict__["blobs"]
    if name in blobs:
        raise MAP_DUPLICATE_KEY(row.spec.name, "blobs", row.ref, name)
    with ctx.write() as tx:
        blob = _create(tx, mime_type, public)
        tx.set(row, blobs={**blobs, name: blob.ref})
    return str(blob.ref)

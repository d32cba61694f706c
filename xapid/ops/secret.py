"""Messages of class secret: passwords that other objects only point to."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import Secret
from xapid.datamodel.errors import INTERNAL_ERROR
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> str:
    with ctx.write() as tx:
        return str(tx.create(Secret, **args).ref)


def introduce(ctx: Context, uuid: str, value: str) -> str:
    """As another pool has it, whose maps refer to it by its uuid."""
    if uuid and uuid in ctx.store.uuids:
        raise INTERNAL_ERROR(f"there is an object with the uuid {uuid} already")
    with ctx.write() as tx:
        return str(tx.create(Secret, uuid=uuid, value=value).ref)


def destroy(ctx: Context, self: str) -> None:
    with ctx.write() as tx:
        tx.delete(ctx.store.get(Secret, self))

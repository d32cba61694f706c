"""Messages of class secret: passwords that other objects only point to."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import Secret
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> str:
    with ctx.write() as tx:
        return str(tx.create(Secret, **args).ref)


def destroy(ctx: Context, self: str) -> None:
    with ctx.write() as tx:
        tx.delete(ctx.store.get(Secret, self))

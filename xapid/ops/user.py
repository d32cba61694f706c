"""Messages of class user: records of local users. Who may log in is the password file's affair."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import User
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> str:
    with ctx.write() as tx:
        return str(tx.create(User, **args).ref)


def destroy(ctx: Context, self: str) -> None:
    with ctx.write() as tx:
        tx.delete(ctx.store.get(User, self))

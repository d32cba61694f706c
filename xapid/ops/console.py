"""Messages of class console. Consoles come and go with the machine they show, never by hand."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import NOT_IMPLEMENTED
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> str:
    raise NOT_IMPLEMENTED("Console.create")


def destroy(ctx: Context, self: str) -> None:
    raise NOT_IMPLEMENTED("Console.destroy")

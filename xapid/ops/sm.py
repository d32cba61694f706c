"""Messages of class SM: the kinds of storage repositories."""

from __future__ import annotations

from xapid.datamodel import SM
from xapid.runtime.context import Context


def get_driver_filename(ctx: Context, self: str) -> str:
    return ctx.store.get(SM, self).driver_filename

"""Messages of class PGPU: graphics processors that guests share."""

from __future__ import annotations

from xapid.datamodel import PGPU
from xapid.datamodel.errors import NOT_IMPLEMENTED
from xapid.runtime.context import Context


def get_remaining_capacity(ctx: Context, self: str, vgpu_type: str) -> int:
    """How many more guests a processor can serve. One that is not known serves nobody."""
    if ctx.store.find(PGPU, self) is not None:
        raise NOT_IMPLEMENTED("PGPU.get_remaining_capacity")
    return 0

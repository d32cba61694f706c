"""Messages of class pool_patch: packages of the time before updates."""

from __future__ import annotations

from xapid.runtime.context import Context


def clean(ctx: Context, self: str) -> None:
    """Remove what was unpacked; nothing ever is."""

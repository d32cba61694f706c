"""Messages of class Driver_variant."""

from __future__ import annotations

from xapid.datamodel import Driver_variant, Host_driver
from xapid.ops import host_driver
from xapid.runtime.context import Context


async def select(ctx: Context, self: Driver_variant) -> None:
    """Choose the variant to be used after the next boot."""
    await host_driver.select(ctx, ctx.store.get(Host_driver, self.driver), self)

"""The secret of the pool as one host keeps it: a new one is accepted, then shown, then the only one."""

from __future__ import annotations

import asyncio

from xapid.auth.pool_secret import PoolSecret
from xapid.datamodel import Host
from xapid.datamodel.errors import INTERNAL_ERROR
from xapid.runtime.context import Context


async def update_pool_secret(ctx: Context, host: Host, pool_secret: str) -> None:
    """Take the secret of another pool."""
    await asyncio.to_thread(_secret(ctx).only, pool_secret)


async def notify_accept_new_pool_secret(ctx: Context, host: Host, old_ps: str, new_ps: str) -> None:
    """Let in whoever has either."""
    await _check(ctx, old_ps)
    _secret(ctx).accept(new_ps)


async def notify_send_new_pool_secret(ctx: Context, host: Host, old_ps: str, new_ps: str) -> None:
    """Show the new one to others, and let in whoever has either."""
    await _check(ctx, old_ps)
    await _check(ctx, new_ps)
    _secret(ctx).accept(old_ps)
    await asyncio.to_thread(_secret(ctx).replace, new_ps)


async def cleanup_pool_secret(ctx: Context, host: Host, old_ps: str, new_ps: str) -> None:
    """Forget the old one."""
    await _check(ctx, new_ps)
    await asyncio.to_thread(_secret(ctx).only, new_ps)


async def _check(ctx: Context, secret: str) -> None:
    if not await asyncio.to_thread(_secret(ctx).is_right, secret):
        raise INTERNAL_ERROR("this is not the secret of the pool")


def _secret(ctx: Context) -> PoolSecret:
    secret: PoolSecret = ctx.runtime.services["pool_secret"]
    return secret

"""How the hosts of a pool trust each other: by a secret, and by certificates that they verify."""

from __future__ import annotations

import asyncio

from xapid.auth.pool_secret import PoolSecret, fresh_secret
from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import (
    HA_IS_ENABLED,
    INTERNAL_ERROR,
    NOT_IMPLEMENTED,
    NOT_SUPPORTED_DURING_UPGRADE,
    RBAC_PERMISSION_DENIED,
)
from xapid.datamodel.pool import PoolAllowedOperations
from xapid.rules.pool import upgrading
from xapid.runtime.context import Context

ROTATE = "pool.rotate_secret"
"""What only those may who may do all."""


async def initial_auth(ctx: Context) -> str:
    """The secret of the pool, for a host that joins it. Who has it may do all, so it is for those who may that."""
    if not ctx.session.may(ROTATE):
        raise RBAC_PERMISSION_DENIED("pool.initial_auth", "No permission. Allowed to: pool-admin")
    secret: PoolSecret = ctx.runtime.services["pool_secret"]
    try:
        return await asyncio.to_thread(secret.current)
    except OSError as error:
        raise INTERNAL_ERROR(f"the secret cannot be read: {error.strerror}") from error


async def rotate_secret(ctx: Context) -> None:
    """Make a new secret; the old one lets nobody in any more."""
    pool = ctx.store.one(Pool)
    if pool.ha_enabled:
        raise HA_IS_ENABLED()
    if upgrading(ctx.store):
        raise NOT_SUPPORTED_DURING_UPGRADE()
    if len(ctx.store.all(Host)) > 1:
        raise NOT_IMPLEMENTED("pool.rotate_secret")
    secret: PoolSecret = ctx.runtime.services["pool_secret"]
    async with ctx.lock(pool):
        await asyncio.to_thread(secret.only, fresh_secret())
        with ctx.write() as tx:
            tx.set(ctx.now(pool), is_psr_pending=False)


async def enable_tls_verification(ctx: Context) -> None:
    """From now on hosts believe each other only what their certificates prove."""
    pool, found = ctx.store.one(Pool), ctx.store.all(Host)
    if len(found) > 1:
        raise NOT_IMPLEMENTED("pool.enable_tls_verification")
    async with ctx.operation(pool, PoolAllowedOperations.tls_verification_enable):
        with ctx.write() as tx:
            for host in found:
                tx.set(host, tls_verification_enabled=True)
            tx.set(ctx.now(pool), tls_verification_enabled=True, wlb_verify_cert=True)


def is_slave(ctx: Context, host: Host) -> bool:
    """Whether the host that is asked is not the coordinator; it is."""
    return ctx.runtime.localhost != ctx.store.one(Pool).master


def emergency_transition_to_master(ctx: Context) -> None:
    """Become the coordinator, which this host is already."""
    pool = ctx.store.one(Pool)
    if pool.ha_enabled:
        raise HA_IS_ENABLED()
    if pool.master != ctx.runtime.localhost:
        raise NOT_IMPLEMENTED("pool.emergency_transition_to_master")

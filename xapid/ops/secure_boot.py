"""Certificates for secure boot: a pool has one set of them, and its hosts have them in files for their guests."""

from __future__ import annotations

import logging
from typing import NoReturn

from xapid.backends.host import uefi
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import BadConfig
from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import INVALID_VALUE, NOT_IMPLEMENTED, OPERATION_NOT_ALLOWED
from xapid.datamodel.pool import PoolGuestSecurebootReadiness
from xapid.runtime.context import Context

log = logging.getLogger(__name__)

NEEDED = frozenset({"PK.auth", "KEK.auth", "db.auth"})
"""Without any of these a guest cannot check what it boots."""
REVOKED = "dbx.auth"


async def set_custom_uefi_certificates(ctx: Context, self: Pool, value: str) -> None:
    """Have guests start with others than those of the system; empty: with those again."""
    if not ctx.config.guests.custom_uefi_certificates:
        raise OPERATION_NOT_ALLOWED("the setting guests.custom_uefi_certificates does not allow this")
    hosts = list(ctx.store.all(Host))
    if any(host.ref != ctx.runtime.localhost for host in hosts):
        raise NOT_IMPLEMENTED("pool.set_custom_uefi_certificates")
    async with ctx.lock(self):
        for host in hosts:
            await _use(ctx, host, value)
        with ctx.write() as tx:
            tx.set(ctx.now(self), custom_uefi_certificates=value)


async def _use(ctx: Context, host: Host, archive: str) -> None:
    machine = ctx.machine(host).saying(
        BadConfig, lambda error: INVALID_VALUE("custom_uefi_certificates", error.message)
    )
    await machine.call(HostDriver.use_uefi_certificates, archive)


async def write_uefi_certificates_to_disk(ctx: Context, host: Host) -> None:
    """Have the host's files as the pool wants them, and tell what came with the system."""
    pool = ctx.store.one(Pool)
    async with ctx.lock(pool):
        own = ctx.now(pool).custom_uefi_certificates if ctx.config.guests.custom_uefi_certificates else ""
        await _use(ctx, host, own)
        shipped = await ctx.machine(host).call(HostDriver.uefi_certificates)
        with ctx.write() as tx:
            tx.set(ctx.now(host), uefi_certificates=shipped)
            if host.ref == ctx.now(pool).master:
                tx.set(ctx.now(pool), uefi_certificates=shipped)


def certificates(ctx: Context) -> dict[str, bytes]:
    """The files that guests start with, of the pool's own choice or of its systems."""
    pool = ctx.store.one(Pool)
    own = pool.custom_uefi_certificates if ctx.config.guests.custom_uefi_certificates else ""
    archive = own or pool.uefi_certificates
    if not archive:
        return {}
    try:
        return uefi.unpacked(archive)
    except BadConfig as error:
        log.warning("the pool has certificates for secure boot that cannot be read: %s", error.message)
        return {}


async def get_guest_secureboot_readiness(ctx: Context, self: Pool) -> PoolGuestSecurebootReadiness:
    """Whether guests of the coordinator find certificates to check their loaders with."""
    files = set(await ctx.machine(ctx.store.get(Host, self.master)).call(HostDriver.used_uefi_certificates))
    if not files >= NEEDED:
        return PoolGuestSecurebootReadiness.not_ready
    return PoolGuestSecurebootReadiness.ready if REVOKED in files else PoolGuestSecurebootReadiness.ready_no_dbx


def set_uefi_certificates(ctx: Context, self: Pool, value: str) -> NoReturn:
    raise OPERATION_NOT_ALLOWED("certificates of one's own go by pool.set_custom_uefi_certificates")

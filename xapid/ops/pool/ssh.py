"""Logins to all hosts of the pool. A host on which it fails keeps none of the others from it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import (
    DISABLE_SSH_PARTIALLY_FAILED,
    ENABLE_SSH_PARTIALLY_FAILED,
    HOST_OFFLINE,
    SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED,
    SET_SSH_AUTO_MODE_PARTIALLY_FAILED,
    SET_SSH_TIMEOUT_PARTIALLY_FAILED,
    ApiError,
)
from xapid.ops.host import ssh
from xapid.rules.host import is_live
from xapid.runtime.context import Context

log = logging.getLogger(__name__)


async def enable_ssh(ctx: Context, self: Pool) -> None:
    await _everywhere(ctx, ENABLE_SSH_PARTIALLY_FAILED, lambda host: ssh.enable_ssh(ctx, host))


async def disable_ssh(ctx: Context, self: Pool) -> None:
    await _everywhere(ctx, DISABLE_SSH_PARTIALLY_FAILED, lambda host: ssh.disable_ssh(ctx, host))


async def set_ssh_enabled_timeout(ctx: Context, self: Pool, value: int) -> None:
    await _everywhere(ctx, SET_SSH_TIMEOUT_PARTIALLY_FAILED, lambda host: ssh.set_ssh_enabled_timeout(ctx, host, value))


async def set_console_idle_timeout(ctx: Context, self: Pool, value: int) -> None:
    await _everywhere(
        ctx, SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED, lambda host: ssh.set_console_idle_timeout(ctx, host, value)
    )


async def set_ssh_auto_mode(ctx: Context, self: Pool, value: bool) -> None:
    await _everywhere(ctx, SET_SSH_AUTO_MODE_PARTIALLY_FAILED, lambda host: ssh.set_ssh_auto_mode(ctx, host, value))


async def _everywhere(ctx: Context, error: type[ApiError], action: Callable[[Host], Awaitable[None]]) -> None:
    """Raises an error that names the hosts on which it failed; why is in the log."""
    failed = []
    for host in list(ctx.store.all(Host)):
        try:
            if not is_live(ctx.store, host):
                raise HOST_OFFLINE(host.ref)
            await action(host)
        except ApiError as reason:
            log.warning("host %s: %s", host.uuid, reason)
            failed.append(host.ref)
    if failed:
        raise error(*failed)

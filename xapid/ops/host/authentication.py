"""The directory that a host is joined to, whose users may log in beside root."""

from __future__ import annotations

import logging
from typing import NoReturn

from xapid.auth.admission import Admission
from xapid.datamodel import Host
from xapid.datamodel.errors import (
    AUTH_ALREADY_ENABLED,
    AUTH_ENABLE_FAILED,
    AUTH_ENABLE_FAILED_UNAVAILABLE,
    AUTH_IS_DISABLED,
    AUTH_UNKNOWN_TYPE,
    XENAPI_MISSING_PLUGIN,
    ApiError,
)
from xapid.ops.host.plugins import call_plugin
from xapid.runtime.context import Context

log = logging.getLogger(__name__)

ACTIVE_DIRECTORY = "AD"
HOOK = "extauth-hook"
"""The plug-in that is told what happens to directories and subjects."""


async def enable_external_auth(
    ctx: Context, host: Host, config: dict[str, str], service_name: str, auth_type: str
) -> None:
    """Join a directory. Nothing of ``config`` is kept: what it holds is used once."""
    async with ctx.lock(host):
        host = ctx.now(host)
        if host.external_auth_type:
            raise AUTH_ALREADY_ENABLED(host.external_auth_type, host.external_auth_service_name)
        _check(ctx, auth_type, config)
        with ctx.write() as tx:
            tx.set(
                host,
                external_auth_type=auth_type,
                external_auth_service_name=service_name,
                external_auth_configuration={},
            )
    await tell_hook(ctx, ctx.now(host), "after-extauth-enable")


def _check(ctx: Context, auth_type: str, config: dict[str, str]) -> None:
    """Raises what keeps a host from joining a directory of this type."""
    if auth_type == ACTIVE_DIRECTORY:
        for key in ("user", "pass"):
            if key not in config:
                raise AUTH_ENABLE_FAILED(f"enable requires {key}")
        raise AUTH_ENABLE_FAILED_UNAVAILABLE("this host cannot speak to an Active Directory; PAM may")
    admission: Admission = ctx.runtime.services["admission"]
    directory = admission.directories.get(auth_type)
    if directory is None:
        raise AUTH_UNKNOWN_TYPE(auth_type)
    fault = directory.fault(config)
    if fault:
        raise AUTH_ENABLE_FAILED_UNAVAILABLE(fault)


async def disable_external_auth(ctx: Context, host: Host, config: dict[str, str], force: bool) -> None:
    """Leave the directory: its users have to go. Without one there is nothing to do."""
    if host.external_auth_type:
        await tell_hook(ctx, host, "before-extauth-disable")
    async with ctx.lock(host):
        with ctx.write() as tx:
            tx.set(host, external_auth_type="", external_auth_service_name="", external_auth_configuration={})
    if host.ref == ctx.runtime.localhost:
        admission: Admission = ctx.runtime.services["admission"]
        admission.end_external()


def external_auth_set_ldaps(ctx: Context, host: Host, ldaps: bool, force: bool) -> NoReturn:
    """It is about an Active Directory, and none can be joined."""
    raise AUTH_IS_DISABLED()


async def tell_hook(ctx: Context, host: Host, event: str) -> None:
    """Run the plug-in about directories, if the host has it. What it does is its own affair."""
    args = {"auth_type": host.external_auth_type, "service_name": host.external_auth_service_name}
    try:
        await call_plugin(ctx, host, HOOK, event, args)
    except XENAPI_MISSING_PLUGIN:
        return
    except ApiError as error:
        log.warning("the plug-in %s failed at %s: %s", HOOK, event, error)

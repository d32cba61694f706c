"""What a host is asked when its pool cannot be: it is its own coordinator, so that little can be wrong."""

from __future__ import annotations

from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import TLS_VERIFICATION_NOT_ENABLED_IN_POOL
from xapid.datamodel.message import Cls
from xapid.ops.alerts import NOTICE, leave
from xapid.runtime.context import Context


def is_in_emergency_mode(ctx: Context) -> bool:
    """Whether it has lost its coordinator, which it is itself."""
    return False


def local_assert_healthy(ctx: Context) -> None:
    """Raises why it is in an emergency."""


def ha_xapi_healthcheck(ctx: Context) -> bool:
    """That it answers at all is the answer."""
    return True


def emergency_clear_mandatory_guidance(ctx: Context) -> None:
    """Forget what has to be done after an update, for who knows better."""
    with ctx.write() as tx:
        tx.set(_here(ctx), pending_guidances=())


def emergency_disable_tls_verification(ctx: Context) -> None:
    """From now on this host believes whatever certificate the others show; the administrator is told."""
    host = _here(ctx)
    with ctx.write() as tx:
        tx.set(host, tls_verification_enabled=False)
    body = "<body><host>TLS verification was disabled in an emergency on this host.</host></body>"
    leave(ctx, "TLS_VERIFICATION_EMERGENCY_DISABLED", NOTICE, Cls.Host, host.uuid, body)


def emergency_reenable_tls_verification(ctx: Context) -> None:
    if not ctx.store.one(Pool).tls_verification_enabled:
        raise TLS_VERIFICATION_NOT_ENABLED_IN_POOL()
    with ctx.write() as tx:
        tx.set(_here(ctx), tls_verification_enabled=True)


def _here(ctx: Context) -> Host:
    return ctx.store.get(Host, ctx.runtime.localhost)

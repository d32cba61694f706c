"""Who may log in beside root: clients with a certificate; how many logins are checked at once; directories."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import Pool
from xapid.datamodel.errors import (
    AUTH_IS_DISABLED,
    AUTH_UNKNOWN_TYPE,
    INTERNAL_ERROR,
    INVALID_VALUE,
    NOT_IMPLEMENTED,
    POOL_AUTH_ENABLE_FAILED,
)
from xapid.runtime.context import Context

DIRECTORY = "AD"


def set_local_auth_max_threads(ctx: Context, self: Pool, value: int) -> None:
    _set_threads(ctx, self, "local_auth_max_threads", value)


def set_ext_auth_max_threads(ctx: Context, self: Pool, value: int) -> None:
    _set_threads(ctx, self, "ext_auth_max_threads", value)


def _set_threads(ctx: Context, pool: Pool, field: str, value: int) -> None:
    if value < 1:
        raise INTERNAL_ERROR(f"{field} must be 1 or more, not {value}")
    with ctx.write() as tx:
        tx.set(pool, **{field: value})


def set_ext_auth_cache_enabled(ctx: Context, self: Pool, value: bool) -> None:
    with ctx.write() as tx:
        tx.set(self, ext_auth_cache_enabled=value)


def set_ext_auth_cache_size(ctx: Context, self: Pool, value: int) -> None:
    if value < 0:
        raise INVALID_VALUE("size", value)
    with ctx.write() as tx:
        tx.set(self, ext_auth_cache_size=value)


def set_ext_auth_cache_expiry(ctx: Context, self: Pool, value: int) -> None:
    if value <= 0:
        raise INVALID_VALUE("expiry", value)
    with ctx.write() as tx:
        tx.set(self, ext_auth_cache_expiry=value)


def enable_client_certificate_auth(ctx: Context, self: Pool, name: str) -> None:
    """From the next connection on clients are asked for a certificate: one for the name is let in without a password.

    While the name is empty nobody's certificate is for it.
    """
    with ctx.write() as tx:
        tx.set(self, client_certificate_auth_enabled=True, client_certificate_auth_name=name)


def disable_client_certificate_auth(ctx: Context, self: Pool) -> None:
    """Who has logged in by a certificate stays."""
    with ctx.write() as tx:
        tx.set(self, client_certificate_auth_enabled=False, client_certificate_auth_name="")


# --- Directories -------------------------------------------------------------------------------------


def enable_external_auth(ctx: Context, pool: Pool, config: dict[str, str], service_name: str, auth_type: str) -> None:
    if auth_type == "":
        return
    if auth_type != DIRECTORY:
        raise AUTH_UNKNOWN_TYPE(auth_type)
    for key in ("user", "pass"):
        if key not in config:
            raise POOL_AUTH_ENABLE_FAILED(pool.master, f"enable requires {key}")
    raise NOT_IMPLEMENTED("pool.enable_external_auth")


def disable_external_auth(ctx: Context, pool: Pool, config: dict[str, str]) -> None:
    """No host is joined to a directory."""


def detect_nonhomogeneous_external_auth(ctx: Context, pool: Pool) -> None:
    """All hosts are alike: none is joined to a directory."""


def external_auth_set_ldaps(ctx: Context, pool: Pool, ldaps: bool, force: bool) -> NoReturn:
    raise AUTH_IS_DISABLED()

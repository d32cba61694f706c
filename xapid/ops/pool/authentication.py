"""Who may log in beside root: clients with a certificate; how many logins are checked at once; directories."""

from __future__ import annotations

from typing import NoReturn

from xapid.auth.admission import Admission
from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import (
    AUTH_IS_DISABLED,
    INTERNAL_ERROR,
    INVALID_VALUE,
    POOL_AUTH_ALREADY_ENABLED,
    POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME,
    ApiError,
    OtherError,
)
from xapid.datamodel.message import Cls
from xapid.ops.alerts import MAJOR, leave
from xapid.ops.host import authentication as hosts
from xapid.runtime.context import Context


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
    admission: Admission = ctx.runtime.services["admission"]
    admission.forget()


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


async def enable_external_auth(
    ctx: Context, pool: Pool, config: dict[str, str], service_name: str, auth_type: str
) -> None:
    """Join every host to a directory, the coordinator first; if one cannot, those that did leave it again."""
    if auth_type == "":
        return
    async with ctx.lock(pool):
        found = sorted(ctx.store.all(Host), key=lambda host: host.ref != pool.master)
        for host in found:
            if host.external_auth_type:
                raise POOL_AUTH_ALREADY_ENABLED(host.ref)
        _refuse_namesakes(found)
        joined: list[Host] = []
        for host in found:
            try:
                await hosts.enable_external_auth(ctx, host, config, service_name, auth_type)
            except ApiError as error:
                for each in joined:
                    await hosts.disable_external_auth(ctx, ctx.now(each), config, True)
                raise _of_pool(host, error) from error
            joined.append(host)


def _refuse_namesakes(found: list[Host]) -> None:
    """A directory knows hosts by their names."""
    names: dict[str, Host] = {}
    for host in found:
        if host.hostname in names:
            raise POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME(host.ref, f"two hosts are called {host.hostname}")
        names[host.hostname] = host


def _of_pool(host: Host, error: ApiError) -> ApiError:
    """What an error of one host is where all were meant."""
    if error.code.startswith("AUTH_ENABLE_FAILED"):
        return OtherError(f"POOL_{error.code}", host.ref, *map(str, error.args))
    return error


async def disable_external_auth(ctx: Context, pool: Pool, config: dict[str, str]) -> None:
    """Every host leaves the directory."""
    async with ctx.lock(pool):
        for host in sorted(ctx.store.all(Host), key=lambda host: host.ref == pool.master):
            await hosts.disable_external_auth(ctx, ctx.now(host), config, False)


def detect_nonhomogeneous_external_auth(ctx: Context, pool: Pool) -> None:
    """Tell the administrator of each host that is joined to another directory than the coordinator is."""
    master = ctx.store.get(Host, pool.master)
    wanted = master.external_auth_type, master.external_auth_service_name
    for host in ctx.store.all(Host):
        if (host.external_auth_type, host.external_auth_service_name) != wanted:
            body = (
                f"host_external_auth_type={host.external_auth_type}, "
                f"host_external_auth_service_name={host.external_auth_service_name}, "
                f"master_external_auth_type={wanted[0]}, master_external_auth_service_name={wanted[1]}"
            )
            leave(ctx, "EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS", MAJOR, Cls.Host, host.uuid, body)


def external_auth_set_ldaps(ctx: Context, pool: Pool, ldaps: bool, force: bool) -> NoReturn:
    """It is about an Active Directory, and none can be joined."""
    raise AUTH_IS_DISABLED()

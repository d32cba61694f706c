"""What can be set of the pool beyond its plain fields, with the checks that go before."""

from __future__ import annotations

import contextlib
from typing import NoReturn
from urllib.parse import urlsplit

from xapid.datamodel import PBD, SR, Host, Pool
from xapid.datamodel.errors import (
    HOSTS_FAILED_TO_ENABLE_CACHING,
    INVALID_VALUE,
    MAP_DUPLICATE_KEY,
    MESSAGE_REMOVED,
    OPENVSWITCH_NOT_ACTIVE,
    OPERATION_NOT_ALLOWED,
    ApiError,
    OtherError,
)
from xapid.ops.blob import attach_new_blob
from xapid.ops.host import binary_storage, caching, extensions
from xapid.runtime.context import Context


def create_new_blob(ctx: Context, pool: Pool, name: str, mime_type: str, public: bool) -> str:
    return attach_new_blob(ctx, pool, name, mime_type, public)


async def has_extension(ctx: Context, self: str, name: str) -> bool:
    """Whether every host has the extension."""
    return all([await extensions.has_extension(ctx, host, name) for host in ctx.store.all(Host)])


def test_archive_target(ctx: Context, self: Pool, config: dict[str, str]) -> NoReturn:
    raise MESSAGE_REMOVED()


# --- The agents of guests ----------------------------------------------------------------------------


def add_to_guest_agent_config(ctx: Context, self: Pool, key: str, value: str) -> None:
    if not _is_guest_agent_setting(key, value):
        raise INVALID_VALUE("guest_agent_config", f"{key} = {value}")
    if key in self.guest_agent_config:
        raise MAP_DUPLICATE_KEY("pool", "guest_agent_config", self.ref, key)
    with ctx.write() as tx:
        tx.set(self, guest_agent_config={**self.guest_agent_config, key: value})


def remove_from_guest_agent_config(ctx: Context, self: Pool, key: str) -> None:
    kept = {name: value for name, value in self.guest_agent_config.items() if name != key}
    with ctx.write() as tx:
        tx.set(self, guest_agent_config=kept)


def _is_guest_agent_setting(key: str, value: str) -> bool:
    if key == "auto_update_enabled":
        return value in ("true", "false")
    if key == "auto_update_url":
        try:
            return urlsplit(value).scheme in ("http", "https")
        except ValueError:
            return False
    return False


# --- What needs another network back end: hosts have plain bridges ----------------------------------


def set_igmp_snooping_enabled(ctx: Context, self: Pool, value: bool) -> NoReturn:
    raise OPENVSWITCH_NOT_ACTIVE()


def set_vswitch_controller(ctx: Context, address: str) -> NoReturn:
    raise OPERATION_NOT_ALLOWED("the hosts have no virtual switch that could be controlled")


# --- Caching on local disks --------------------------------------------------------------------------


def enable_local_storage_caching(ctx: Context, self: Pool) -> None:
    """On each host by a repository of its own that can; hosts without one are named."""
    failed = [host.ref for host in ctx.store.all(Host) if not _caches(ctx, host)]
    if failed:
        raise HOSTS_FAILED_TO_ENABLE_CACHING(*failed)


def _caches(ctx: Context, host: Host) -> bool:
    """Whether one of its repositories serves from now on."""
    for pbd in ctx.store.where(PBD, host=host.ref):
        with contextlib.suppress(ApiError):
            caching.enable_local_storage_caching(ctx, ctx.now(host), ctx.store.get(SR, pbd.SR))
            return True
    return False


def disable_local_storage_caching(ctx: Context, self: Pool) -> None:
    failed = []
    for host in ctx.store.all(Host):
        try:
            caching.disable_local_storage_caching(ctx, host)
        except ApiError:
            failed.append(host.ref)
    if failed:
        raise OtherError("HOSTS_FAILED_TO_DISABLE_CACHING", *failed)


# --- Licences: nothing is restricted -----------------------------------------------------------------


def get_license_state(ctx: Context, self: Pool) -> dict[str, str]:
    """The least of all hosts; they have the same."""
    master = ctx.store.get(Host, self.master)
    return {"edition": master.edition, "expiry": master.license_params["expiry"]}


def apply_edition(ctx: Context, self: Pool, edition: str) -> None:
    """Whatever edition is asked for, the hosts keep all they can do."""


# --- The content of blobs, on every host --------------------------------------------------------------


async def enable_binary_storage(ctx: Context) -> None:
    for each in ctx.store.all(Host):
        await binary_storage.enable_binary_storage(ctx, each)


async def disable_binary_storage(ctx: Context) -> None:
    for each in ctx.store.all(Host):
        await binary_storage.disable_binary_storage(ctx, each)

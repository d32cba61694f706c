"""Whether a host keeps the content of blobs, in files named by their uuids."""

from __future__ import annotations

import asyncio
import shutil

from xapid.datamodel import Host
from xapid.datamodel.errors import NOT_IMPLEMENTED
from xapid.datamodel.map_keys import NO_LOCAL_STORAGE
from xapid.runtime.context import Context


async def enable_binary_storage(ctx: Context, host: Host) -> None:
    _refuse_other(ctx, host, "host.enable_binary_storage")
    async with ctx.lock(host):
        await asyncio.to_thread(ctx.config.blobs.mkdir, 0o700, parents=True, exist_ok=True)
        host = ctx.now(host)
        with ctx.write() as tx:
            tx.set(host, other_config=_without_key(host))


async def disable_binary_storage(ctx: Context, host: Host) -> None:
    """Erase what there is, too."""
    _refuse_other(ctx, host, "host.disable_binary_storage")
    async with ctx.lock(host):
        host = ctx.now(host)
        with ctx.write() as tx:
            tx.set(host, other_config={**host.other_config, NO_LOCAL_STORAGE.name: "true"})
        await asyncio.to_thread(shutil.rmtree, ctx.config.blobs, ignore_errors=True)


def _without_key(host: Host) -> dict[str, str]:
    return {key: value for key, value in host.other_config.items() if key != NO_LOCAL_STORAGE.name}


# --- What comes from the coordinator, which has it all -----------------------------------------------


def sync_data(ctx: Context, host: Host) -> None:
    """Have the host fetch the content of blobs."""
    _refuse_other(ctx, host, "host.sync_data")


def request_config_file_sync(ctx: Context, host: Host, hash: str) -> None:
    """Have the host fetch files of configuration."""
    _refuse_other(ctx, host, "host.request_config_file_sync")


def _refuse_other(ctx: Context, host: Host, message: str) -> None:
    if host.ref != ctx.runtime.localhost:
        raise NOT_IMPLEMENTED(message)

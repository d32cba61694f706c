"""Messages of class PVS_site. Streaming disks to guests needs a virtual switch, and hosts have plain bridges.

So there are only sites that came with a pool of old.
"""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PVS_cache_storage, PVS_proxy, PVS_server, PVS_site
from xapid.datamodel.errors import (
    OPENVSWITCH_NOT_ACTIVE,
    PVS_SITE_CONTAINS_RUNNING_PROXIES,
    PVS_SITE_CONTAINS_SERVERS,
)
from xapid.runtime.context import Context


def introduce(ctx: Context, name_label: str, name_description: str, PVS_uuid: str) -> NoReturn:
    raise OPENVSWITCH_NOT_ACTIVE()


def forget(ctx: Context, self: PVS_site) -> None:
    """Raises what still belongs to the site; caches, and proxies that do not run, go with it."""
    proxies = ctx.store.where(PVS_proxy, site=self.ref)
    running = [each.ref for each in proxies if each.currently_attached]
    if running:
        raise PVS_SITE_CONTAINS_RUNNING_PROXIES(*running)
    servers = ctx.store.where(PVS_server, site=self.ref)
    if servers:
        raise PVS_SITE_CONTAINS_SERVERS(*(each.ref for each in servers))
    with ctx.write() as tx:
        for each in (*proxies, *ctx.store.where(PVS_cache_storage, site=self.ref)):
            tx.delete(each)
        tx.delete(self)


def set_PVS_uuid(ctx: Context, self: PVS_site, value: str) -> None:
    with ctx.write() as tx:
        tx.set(self, PVS_uuid=value)

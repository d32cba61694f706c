"""Messages of class PVS_cache_storage: the room that a host has for what the servers of a site stream."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import SR, VIF, VM, Host, PVS_cache_storage, PVS_proxy, PVS_site
from xapid.datamodel.errors import PVS_CACHE_STORAGE_ALREADY_PRESENT, PVS_CACHE_STORAGE_IS_IN_USE
from xapid.runtime.context import Context
from xapid.store.store import Store


def create(ctx: Context, args: dict[str, Any]) -> str:
    """A record only: its disk is made when a proxy begins to work, and none does here."""
    store = ctx.store
    host, sr, site = store.get(Host, args["host"]), store.get(SR, args["SR"]), store.get(PVS_site, args["site"])
    if any(each.host == host.ref for each in store.where(PVS_cache_storage, site=site.ref)):
        raise PVS_CACHE_STORAGE_ALREADY_PRESENT(site.ref, host.ref)
    with ctx.write() as tx:
        made = tx.create(PVS_cache_storage, host=host.ref, SR=sr.ref, site=site.ref, size=args["size"])
    return str(made.ref)


def destroy(ctx: Context, self: PVS_cache_storage) -> None:
    """Refused while machines of its host use it."""
    if any(_runs_on(ctx.store, each, self.host) for each in ctx.store.where(PVS_proxy, site=self.site)):
        raise PVS_CACHE_STORAGE_IS_IN_USE(self.ref)
    with ctx.write() as tx:
        tx.delete(self)


def _runs_on(store: Store, proxy: PVS_proxy, host: str) -> bool:
    vif = store.find(VIF, proxy.VIF)
    vm = store.find(VM, vif.VM) if vif is not None else None
    return proxy.currently_attached and vm is not None and vm.resident_on == host

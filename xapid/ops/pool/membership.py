"""The hosts of a pool, as long as it has one: what needs no other host."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PIF, Host, Network, Pool
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, NOT_IMPLEMENTED
from xapid.rules.nics import NO_VLAN
from xapid.runtime.context import Context
from xapid.store.store import Store


def designate_new_master(ctx: Context, host: Host) -> None:
    """The coordinator stays what it is; to hand over to another is not built."""
    if host.ref != ctx.store.one(Pool).master:
        raise NOT_IMPLEMENTED("pool.designate_new_master")


def recover_slaves(ctx: Context) -> list[str]:
    """The members that answered: there are none."""
    if len(ctx.store.all(Host)) > 1:
        raise NOT_IMPLEMENTED("pool.recover_slaves")
    return []


def eject(ctx: Context, host: Host) -> NoReturn:
    if host.ref == ctx.store.one(Pool).master:
        raise INTERNAL_ERROR("the coordinator cannot leave its own pool")
    raise NOT_IMPLEMENTED("pool.eject")


async def sync_database(ctx: Context) -> None:
    """Return when all that happened so far is on disk."""
    await ctx.store.settled()


def create_VLAN(ctx: Context, device: str, network: str, VLAN: int) -> NoReturn:
    if not has_untagged_pif(ctx.store, device):
        raise INVALID_VALUE("device", device)
    ctx.store.get(Network, network)
    raise NOT_IMPLEMENTED("pool.create_VLAN")


def has_untagged_pif(store: Store, device: str, host: str = "") -> bool:
    """Whether a host, or any host, has an interface of this name."""
    return any(pif.device == device and pif.VLAN == NO_VLAN for pif in store.all(PIF) if not host or pif.host == host)

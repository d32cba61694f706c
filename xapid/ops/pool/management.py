"""The network by which the hosts of a pool are managed."""

from __future__ import annotations

from xapid.datamodel import PIF, Host, Network, Pool
from xapid.datamodel.errors import HA_IS_ENABLED, PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE, PIF_NOT_PRESENT
from xapid.datamodel.pif import PrimaryAddressType
from xapid.ops import management
from xapid.runtime.context import Context


async def management_reconfigure(ctx: Context, network: Network) -> None:
    """Let all hosts be managed by it: the members first, to which the coordinator stays where it was till then."""
    pool = ctx.store.one(Pool)
    if pool.ha_enabled:
        raise HA_IS_ENABLED()
    pifs: list[PIF] = []
    for host in ctx.store.all(Host):
        found = ctx.store.where(PIF, network=network.ref, host=host.ref)
        if not found:
            raise PIF_NOT_PRESENT(host.ref, network.ref)
        pifs += found[:1]
    present = management.current(ctx.store, pool.master)
    kind = PrimaryAddressType.IPv4 if present is None else present.primary_address_type
    for pif in pifs:
        if pif.primary_address_type is not kind:
            raise PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE(pif.ref)
        management.check(ctx, pif)
    for pif in sorted(pifs, key=lambda pif: pif.host == pool.master):
        await management.management_reconfigure(ctx, ctx.now(pif))

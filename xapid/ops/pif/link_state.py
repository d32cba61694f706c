"""Whether links are up: what is known of interfaces, and how many members of bonds work."""

from __future__ import annotations

from collections.abc import Mapping

from xapid.backends.network.interface import NetworkDriver, Nic
from xapid.datamodel import PIF, Bond, Host, Network, PIF_metrics
from xapid.datamodel.bond import BondMode
from xapid.datamodel.message import Cls
from xapid.datamodel.pif import IpConfigurationMode
from xapid.ops import management
from xapid.ops.alerts import NOTICE, leave
from xapid.rules import wire_spec
from xapid.rules.bond import members_of
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction

EVERY = 5.0
"""Seconds between two looks."""
BOND_STATUS_CHANGED = "BOND_STATUS_CHANGED"


class LinkStates:
    """Of this host, as they were at the last look."""

    def __init__(self) -> None:
        self._up: dict[str, int] = {}
        """How many members of bonds had a link, by the references of the bonds."""

    async def look(self, ctx: Context, host: Host) -> None:
        """See what has changed, and leave messages about bonds that lost members or have them again."""
        await _note_leases(ctx, host)
        nics = {nic.device: nic for nic in await ctx.network(host).call(NetworkDriver.nics)}
        changes = list(_changes(ctx, host, nics))
        bonds = {bond.ref: (bond, members) for bond, members in _bonds(ctx.store, host)}
        if (
            changes
            or bonds.keys() != self._up.keys()
            or any(_links_up(members, nics) != self._up[ref] for ref, (_, members) in bonds.items())
        ):
            with ctx.write() as tx:
                for metrics, fields in changes:
                    tx.set(metrics, **fields, last_updated=ctx.clock.date())
                for bond, members in bonds.values():
                    self._tell(ctx, tx, host, bond, members, _links_up(members, nics))
        self._up = {ref: _links_up(members, nics) for ref, (_, members) in bonds.items()}

    def _tell(self, ctx: Context, tx: Transaction, host: Host, bond: Bond, members: list[PIF], up: int) -> None:
        tx.set(bond, links_up=up)
        before, number = self._up.get(bond.ref), len(members)
        if before == up or number < 2 or (before is None and up == number):
            return
        what = f"is: {up}/{number} up" if before is None else f"changed: {up}/{number} up (was {before}/{number})"
        names = "+".join(sorted(pif.device for pif in members))
        leave(ctx, BOND_STATUS_CHANGED, NOTICE, Cls.Host, host.uuid, f"The status of the {names} bond {what}")


async def _note_leases(ctx: Context, host: Host) -> None:
    """Servers of DHCP may answer late, and give another address at any time."""
    store = ctx.store
    asking = [pif for pif in store.where(PIF, host=host.ref) if _asks(pif)]
    leases = await ctx.network(host).call(NetworkDriver.leases) if asking else {}
    for pif in map(ctx.now, asking):
        lease = leases.get(store.get(Network, pif.network).bridge)
        if lease is None or not _asks(pif):
            continue
        fields = wire_spec.leased_fields(lease.address, lease.gateway)
        if any(getattr(pif, name) != value for name, value in fields.items()):
            with ctx.write() as tx:
                tx.set(pif, **fields)
            if pif.management:
                await management.lead_to(ctx, ctx.now(pif))


def _asks(pif: PIF) -> bool:
    return pif.managed and pif.currently_attached and pif.ip_configuration_mode is IpConfigurationMode.DHCP


def _bonds(store: Store, host: Host) -> list[tuple[Bond, list[PIF]]]:
    found = []
    for bond in store.all(Bond):
        master = store.find(PIF, bond.master)
        if master is not None and master.host == host.ref:
            found.append((bond, members_of(store, bond)))
    return found


def _links_up(members: list[PIF], nics: Mapping[str, Nic]) -> int:
    return sum(pif.device in nics and nics[pif.device].carrier for pif in members)


def _changes(ctx: Context, host: Host, nics: Mapping[str, Nic]) -> list[tuple[PIF_metrics, dict[str, object]]]:
    """What metrics say otherwise than it is."""
    shown = {pif.metrics: _of(nics.get(pif.device)) for pif in ctx.store.where(PIF, host=host.ref) if pif.physical}
    for bond, members in _bonds(ctx.store, host):
        shown[ctx.store.get(PIF, bond.master).metrics] = _of_bond(bond, [nics.get(pif.device) for pif in members])
    found = []
    for ref, fields in shown.items():
        metrics = ctx.store.find(PIF_metrics, ref)
        if metrics is not None and any(getattr(metrics, name) != value for name, value in fields.items()):
            found.append((metrics, fields))
    return found


def _of(nic: Nic | None) -> dict[str, object]:
    """One that is gone keeps what was known of it, without a carrier."""
    return {"carrier": False} if nic is None else {"carrier": nic.carrier, "speed": nic.speed, "duplex": nic.duplex}


def _of_bond(bond: Bond, nics: list[Nic | None]) -> dict[str, object]:
    """As fast as all together that have a link, or as one of them where the others wait for it to fail."""
    up = [nic for nic in nics if nic is not None and nic.carrier]
    active = up[:1] if bond.mode is BondMode.active_backup else up
    duplex = bool(active) and all(nic.duplex for nic in active)
    return {"carrier": bool(up), "speed": sum(nic.speed for nic in active), "duplex": duplex}

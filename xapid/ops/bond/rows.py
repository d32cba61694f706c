"""What the records say before and after interfaces are made one: what was theirs passes to the bond, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xapid.backends.network.interface import UNTAGGED
from xapid.datamodel import PIF, VIF, VLAN, Bond, Cluster_host, Host, Network, PIF_metrics, Tunnel
from xapid.datamodel.bond import BondMode
from xapid.datamodel.types import NULL, DateTime
from xapid.ops import vlan as vlans
from xapid.ops.pif.forgetting import remove
from xapid.rules.bond import local_vifs, members_of
from xapid.rules.pif import NO_ADDRESSES, has_address
from xapid.store.store import Store
from xapid.store.transaction import Transaction

UNKNOWN_MTU = -1
"""Of a bond that was never up."""


@dataclass(frozen=True)
class Order:
    """A bond as it is asked for."""

    device: str
    network: Network
    members: tuple[PIF, ...]
    primary: PIF
    mac: str
    """empty: that of the primary member"""
    mode: BondMode
    properties: dict[str, str]
    now: DateTime


@dataclass(frozen=True)
class Target:
    """Where an interface of a machine is joined to afterwards."""

    vif: VIF
    network: str


# --- Making ------------------------------------------------------------------------------------------


def join(tx: Transaction, order: Order, targets: Iterable[Target]) -> Bond:
    """Make the rows of a bond that is up, and let what its members have pass to it."""
    primary = order.primary
    metrics = tx.create(PIF_metrics, last_updated=order.now)
    master = tx.create(
        PIF,
        device=order.device,
        network=order.network.ref,
        host=primary.host,
        MAC=order.mac or primary.MAC,
        MTU=UNKNOWN_MTU,
        VLAN=UNTAGGED,
        metrics=metrics.ref,
        physical=False,
        currently_attached=True,
        management=any(pif.management for pif in order.members),
        disallow_unplug=any(pif.disallow_unplug for pif in order.members),
        primary_address_type=primary.primary_address_type,
        properties=primary.properties,
        **_addresses(primary),
    )
    bond = tx.create(
        Bond,
        master=master.ref,
        primary_slave=primary.ref,
        mode=order.mode,
        properties=order.properties,
        auto_update_mac=not order.mac,
    )
    for pif in order.members:
        tx.set(pif, bond_slave_of=bond.ref, currently_attached=False, management=False, disallow_unplug=False)
    tx.set(primary, **NO_ADDRESSES)
    _pass_on(tx, order.members, master, targets)
    return bond


def part(tx: Transaction, bond: Bond, targets: Iterable[Target]) -> None:
    """Remove a bond, and let what it has pass to its primary member. Members are up if it was."""
    store = tx.store
    master, primary = store.get(PIF, bond.master), primary_of(store, bond)
    for pif in members_of(store, bond):
        tx.set(pif, bond_slave_of=NULL, currently_attached=master.currently_attached)
    tx.set(
        primary,
        management=master.management,
        disallow_unplug=primary.disallow_unplug or master.disallow_unplug,
        **_addresses(master),
    )
    _pass_on(tx, [master], primary, targets)
    tx.delete(bond)
    remove(tx, store, master)


def primary_of(store: Store, bond: Bond) -> PIF:
    """The member that a bond has its address from; one of the others, if that is gone."""
    primary = store.find(PIF, bond.primary_slave)
    return primary if primary is not None and primary.bond_slave_of == bond.ref else members_of(store, bond)[0]


def _addresses(pif: PIF) -> dict[str, Any]:
    return {name: getattr(pif, name) for name in NO_ADDRESSES}


# --- What passes -------------------------------------------------------------------------------------


def networks_of(store: Store, pifs: Iterable[PIF]) -> set[str]:
    """The networks that lead over interfaces, by them or by what is on them."""
    found: set[str] = set()
    for pif in pifs:
        found |= {pif.network, *(untagged.network for _, untagged in _vlans(store, [pif]))}
        found |= {store.get(PIF, each.access_PIF).network for each in store.where(Tunnel, transport_PIF=pif.ref)}
    return found


def targets_of(store: Store, host: Host, pifs: list[PIF], onto: str) -> list[Target]:
    """Where interfaces of machines go from the networks of interfaces: to the network ``onto``, by its reference.

    Those in VLANs stay, but that of several VLANs with one tag the first is left.
    """
    found = [Target(vif, onto) for vif in local_vifs(store, host, [pif.network for pif in pifs])]
    kept: dict[int, str] = {}
    for vlan, untagged in _vlans(store, pifs):
        network = kept.setdefault(vlan.tag, untagged.network)
        if network != untagged.network:
            found += [Target(vif, network) for vif in local_vifs(store, host, [untagged.network])]
    return found


def _vlans(store: Store, pifs: Iterable[PIF]) -> Iterator[tuple[VLAN, PIF]]:
    for pif in pifs:
        for vlan in store.where(VLAN, tagged_PIF=pif.ref):
            untagged = store.find(PIF, vlan.untagged_PIF)
            if untagged is not None:
                yield vlan, untagged


def _pass_on(tx: Transaction, pifs: Collection[PIF], to: PIF, targets: Iterable[Target]) -> None:
    store = tx.store
    for vlan, untagged in list(_vlans(store, pifs)):
        _pass_on_vlan(tx, vlan, untagged, to)
    for pif in pifs:
        for tunnel in store.where(Tunnel, transport_PIF=pif.ref):
            tx.set(tunnel, transport_PIF=to.ref)
    gone = {pif.ref for pif in pifs}
    for cluster_host in store.all(Cluster_host):
        if cluster_host.PIF in gone:
            tx.set(cluster_host, PIF=to.ref)
    for target in targets:
        tx.set(target.vif, network=target.network)


def _pass_on_vlan(tx: Transaction, vlan: VLAN, untagged: PIF, to: PIF) -> None:
    """Make a VLAN anew on another interface. One with its tag that is there takes its place."""
    store = tx.store
    there = next((each for each in store.where(VLAN, tagged_PIF=to.ref) if each.tag == vlan.tag), None)
    fields: dict[str, Any] = {name: True for name in ("currently_attached", "management") if getattr(untagged, name)}
    if there is None or has_address(untagged):
        fields |= _addresses(untagged)
    if there is None:
        kept = {name: getattr(untagged, name) for name in ("other_config", "disallow_unplug", "primary_address_type")}
        vlans.make(tx, to, vlan.tag, untagged.network, **kept, **fields)
    else:
        tx.set(store.get(PIF, there.untagged_PIF), **fields)
    tx.delete(vlan)
    remove(tx, store, untagged)

"""Which networks may consist of virtual functions (SR-IOV): of one kind of card each."""

from __future__ import annotations

from xapid.datamodel import PIF, VLAN, Network, NetworkSriov, PIF_metrics
from xapid.datamodel.errors import (
    NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS,
    NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS,
    NETWORK_INCOMPATIBLE_WITH_SRIOV,
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE,
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV,
)
from xapid.rules.network import is_sriov
from xapid.store.store import Store


def of_logical(store: Store, pif: PIF | None) -> NetworkSriov | None:
    """The virtual functions that an interface stands for, if it does."""
    return None if pif is None else next(iter(store.where(NetworkSriov, logical_PIF=pif.ref)), None)


def of_physical(store: Store, pif: PIF) -> NetworkSriov | None:
    """The virtual functions of the card that an interface stands for, if it has any."""
    return next(iter(store.where(NetworkSriov, physical_PIF=pif.ref)), None)


def under_vlan(store: Store, pif: PIF) -> PIF | None:
    """What an interface is on, if it is a VLAN on virtual functions."""
    vlan = store.find(VLAN, pif.VLAN_master_of)
    below = None if vlan is None else store.find(PIF, vlan.tagged_PIF)
    return None if of_logical(store, below) is None else below


def check_network(store: Store, pif: PIF, network: Network) -> None:
    """Whether a network may have virtual functions of a card beside what it has on other hosts."""
    for other in store.where(PIF, network=network.ref)[:1]:
        found = of_logical(store, other)
        if found is None:
            raise NETWORK_INCOMPATIBLE_WITH_SRIOV(network.ref)
        if _kind(store, store.find(PIF, found.physical_PIF)) != _kind(store, pif):
            raise NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS(pif.ref, network.ref)


def check_vlan_network(store: Store, pif: PIF, network: Network) -> None:
    """Whether a network may be a VLAN on an interface beside what it is on other hosts."""
    mine = of_logical(store, pif)
    if mine is None:
        if is_sriov(store, network.ref):
            raise NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE(network.ref)
        return
    for other in store.where(PIF, network=network.ref)[:1]:
        found = of_logical(store, under_vlan(store, other))
        if found is None:
            raise NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV(network.ref)
        there, here = store.find(PIF, found.physical_PIF), store.find(PIF, mine.physical_PIF)
        if _kind(store, there) != _kind(store, here):
            raise NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS(pif.ref, network.ref)


def _kind(store: Store, pif: PIF | None) -> tuple[str, str]:
    """Numbers of the vendor and the product of a card; empty where they are not known."""
    metrics = None if pif is None else store.find(PIF_metrics, pif.metrics)
    return ("", "") if metrics is None else (metrics.vendor_id, metrics.device_id)

"""What networks are made of, and which hosts they reach."""

from __future__ import annotations

from xapid.backends.network.interface import UNTAGGED
from xapid.datamodel import PIF, VLAN, VM, Host, Network
from xapid.datamodel.errors import NETWORK_INCOMPATIBLE_WITH_TRUNKS, VLAN_TAG_INVALID
from xapid.datamodel.map_keys import ASSUME_SHARED
from xapid.datamodel.vm import VmPowerState
from xapid.store.store import Store

HIGHEST_TAG = 4094
SRIOV_PATHS = ("PIFs.sriov_logical_PIF_of", "PIFs.VLAN_master_of.tagged_PIF.sriov_logical_PIF_of")
"""What ``is_sriov`` reads, from the network on."""


def is_sriov(store: Store, ref: str) -> bool:
    """Whether a network, by its reference, consists of virtual functions of network cards."""
    network = store.find(Network, ref)
    return network is not None and any(is_sriov_pif(store, pif) for pif in store.rows_of(network, "PIFs"))


def is_sriov_pif(store: Store, pif: PIF) -> bool:
    """Whether an interface stands for virtual functions, or for a VLAN on them."""
    if store.has_any(pif, "sriov_logical_PIF_of"):
        return True
    vlan = store.find(VLAN, pif.VLAN_master_of)
    below = None if vlan is None else store.find(PIF, vlan.tagged_PIF)
    return below is not None and store.has_any(below, "sriov_logical_PIF_of")


def check_tag(tag: int) -> None:
    """Raises VLAN_TAG_INVALID."""
    if not 0 <= tag <= HIGHEST_TAG:
        raise VLAN_TAG_INVALID(tag)


def check_trunks(store: Store, network: str) -> None:
    """Whether interfaces in a network, by its reference, may exchange tagged traffic: not within a VLAN.

    Raises NETWORK_INCOMPATIBLE_WITH_TRUNKS.
    """
    if any(pif.VLAN != UNTAGGED for pif in store.where(PIF, network=network)):
        raise NETWORK_INCOMPATIBLE_WITH_TRUNKS(network)


def reaches(store: Store, network: Network, host: Host) -> bool:
    """Whether VMs on a host can use a network. An internal one is where the first running VM uses it."""
    pifs = store.where(PIF, network=network.ref)
    if pifs:
        return any(pif.host == host.ref for pif in pifs)
    if ASSUME_SHARED.of(network) or not network.managed:
        return True
    used = False
    for vif in store.rows_of(network, "VIFs"):
        vm = store.find(VM, vif.VM)
        if vm is not None and vm.power_state == VmPowerState.Running:
            if vm.resident_on == host.ref:
                return True
            used = True
    return not used

"""What may be done with the interfaces of hosts, in the order in which the original refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xapid.backends.network.interface import UNTAGGED
from xapid.datamodel import PIF, VIF, VLAN, VM, Host, Network, NetworkSriov, Pool, Tunnel
from xapid.datamodel.errors import (
    CANNOT_ADD_TUNNEL_TO_BOND_SLAVE,
    CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL,
    CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL,
    CANNOT_ADD_VLAN_TO_BOND_SLAVE,
    CANNOT_CHANGE_PIF_PROPERTIES,
    CANNOT_FORGET_SRIOV_LOGICAL,
    CANNOT_PLUG_BOND_SLAVE,
    HA_IS_ENABLED,
    INVALID_VALUE,
    IS_TUNNEL_ACCESS_PIF,
    NETWORK_ALREADY_CONNECTED,
    NETWORK_INCOMPATIBLE_WITH_TRUNKS,
    NETWORK_INCOMPATIBLE_WITH_TUNNEL,
    NETWORK_SRIOV_ALREADY_ENABLED,
    NETWORK_UNMANAGED,
    OPENVSWITCH_NOT_ACTIVE,
    PIF_ALREADY_BONDED,
    PIF_DOES_NOT_ALLOW_UNPLUG,
    PIF_IS_MANAGEMENT_INTERFACE,
    PIF_IS_NOT_PHYSICAL,
    PIF_IS_NOT_SRIOV_CAPABLE,
    PIF_IS_VLAN,
    PIF_SRIOV_STILL_EXISTS,
    PIF_TUNNEL_STILL_EXISTS,
    PIF_UNMANAGED,
    PIF_VLAN_EXISTS,
    PIF_VLAN_STILL_EXISTS,
    TRANSPORT_PIF_NOT_CONFIGURED,
    VIF_IN_USE,
)
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode
from xapid.datamodel.types import NULL
from xapid.rules import network as network_rules
from xapid.rules import sriov
from xapid.rules.guest import has_domain
from xapid.rules.nics import SRIOV
from xapid.store.store import Store

NO_ADDRESSES: dict[str, Any] = {
    "ip_configuration_mode": IpConfigurationMode.None_,
    "IP": "",
    "netmask": "",
    "gateway": "",
    "DNS": "",
    "ipv6_configuration_mode": Ipv6ConfigurationMode.None_,
    "IPv6": ("",),
    "ipv6_gateway": "",
}
"""How an interface is reached that is not reached."""
PROPERTIES = {"gro": ("on", "off")}
"""What can be set of a device, and to what."""
TUNNELLING = "openvswitch"
"""The back end that makes tunnels; all hosts must work with it."""


def check_plug(store: Store, pif: PIF) -> None:
    """Raises what forbids that an interface comes up."""
    check_managed(pif)
    check_free(pif)
    for tunnel in store.where(Tunnel, access_PIF=pif.ref):
        check_transport(store.get(PIF, tunnel.transport_PIF))


def check_transport(pif: PIF) -> None:
    """What the packets of tunnels go over has an address."""
    if not has_address(pif):
        raise TRANSPORT_PIF_NOT_CONFIGURED(pif.ref)


def beneath(store: Store, pif: PIF) -> PIF | None:
    """What must be up before an interface: what a tunnel goes over, the card of virtual functions, these under a VLAN.

    A card that is part of a bond, or that somebody else has set up, is left as it is.
    """
    for tunnel in store.where(Tunnel, access_PIF=pif.ref):
        return store.find(PIF, tunnel.transport_PIF)
    functions = sriov.of_logical(store, pif)
    if functions is None:
        return sriov.under_vlan(store, pif)
    card = store.find(PIF, functions.physical_PIF)
    return card if card is not None and card.managed and card.bond_slave_of == NULL else None


def on_top(store: Store, pif: PIF) -> list[PIF]:
    """What goes down before an interface does: near ends of tunnels, virtual functions, and VLANs on these."""
    refs = [tunnel.access_PIF for tunnel in store.where(Tunnel, transport_PIF=pif.ref)]
    refs += [functions.logical_PIF for functions in store.where(NetworkSriov, physical_PIF=pif.ref)]
    if sriov.of_logical(store, pif) is not None:
        refs += [vlan.untagged_PIF for vlan in store.where(VLAN, tagged_PIF=pif.ref)]
    found = (store.find(PIF, ref) for ref in refs)
    return [each for each in found if each is not None]


def check_unplug(store: Store, pif: PIF) -> None:
    """Raises what forbids that an interface goes down, and what is on it with it."""
    _check_unplug(store, pif)
    for each in on_top(store, pif):
        if each.currently_attached:
            check_unplug(store, each)


def _check_unplug(store: Store, pif: PIF) -> None:
    check_managed(pif)
    check_ha(store, pif)
    if pif.management:
        raise PIF_IS_MANAGEMENT_INTERFACE(pif.ref)
    for vif in store.where(VIF, network=pif.network):
        vm = store.find(VM, vif.VM)
        here = vm is not None and vm.resident_on == pif.host and has_domain(vm)
        if here and (vif.currently_attached or vif.current_operations):
            raise VIF_IN_USE(pif.network, vif.ref)
    if pif.disallow_unplug:
        raise PIF_DOES_NOT_ALLOW_UNPLUG(pif.ref)


def check_managed(pif: PIF) -> None:
    if not pif.managed:
        raise PIF_UNMANAGED(pif.ref)


def check_free(pif: PIF) -> None:
    """What is part of a bond comes up with that, and never by itself."""
    if pif.bond_slave_of != NULL:
        raise CANNOT_PLUG_BOND_SLAVE(pif.ref)


def check_ha(store: Store, pif: PIF) -> None:
    """What high availability rests on is left as it is: the interfaces that are up."""
    if pif.currently_attached and store.one(Pool).ha_enabled:
        raise HA_IS_ENABLED()


def check_forget(store: Store, pif: PIF) -> None:
    """Raises the first of the things that still need an interface."""
    if pif.management:
        raise PIF_IS_MANAGEMENT_INTERFACE(pif.ref)
    check_unbonded(store, pif)
    if pif.VLAN != UNTAGGED or store.where(VLAN, tagged_PIF=pif.ref):
        raise PIF_VLAN_STILL_EXISTS(pif.ref)
    if store.where(Tunnel, transport_PIF=pif.ref) or store.where(Tunnel, access_PIF=pif.ref):
        raise PIF_TUNNEL_STILL_EXISTS(pif.ref)
    check_ha(store, pif)
    if store.where(NetworkSriov, logical_PIF=pif.ref):
        raise CANNOT_FORGET_SRIOV_LOGICAL(pif.ref)
    if store.where(NetworkSriov, physical_PIF=pif.ref):
        raise PIF_SRIOV_STILL_EXISTS(pif.ref)


def check_unbonded(store: Store, pif: PIF) -> None:
    if pif.bond_slave_of != NULL or store.members(pif, "bond_master_of"):
        raise PIF_ALREADY_BONDED(pif.ref)


def check_property(store: Store, pif: PIF, name: str, value: str) -> None:
    """Whether a property may be set of an interface."""
    if value not in PROPERTIES.get(name, ()):
        raise INVALID_VALUE("properties", f"{name} = {value}")
    if not (pif.physical and pif.bond_slave_of == NULL) and not store.members(pif, "bond_master_of"):
        raise CANNOT_CHANGE_PIF_PROPERTIES(pif.ref)


def check_new_vlan(store: Store, pif: PIF, tag: int, network: Network) -> None:
    """Whether a network may be a VLAN with this tag on an interface."""
    check_connectable(store, pif.host, network)
    check_managed(pif)
    if pif.bond_slave_of != NULL:
        raise CANNOT_ADD_VLAN_TO_BOND_SLAVE(pif.ref)
    if pif.VLAN != UNTAGGED:
        raise PIF_IS_VLAN(pif.ref)
    if store.members(pif, "tunnel_access_PIF_of"):
        raise IS_TUNNEL_ACCESS_PIF(pif.ref)
    sriov.check_vlan_network(store, pif, network)
    network_rules.check_tag(tag)
    if any(vlan.tag == tag for vlan in store.where(VLAN, tagged_PIF=pif.ref)):
        raise PIF_VLAN_EXISTS(pif.device)
    if any(vif.trunks for vif in store.where(VIF, network=network.ref)):
        raise NETWORK_INCOMPATIBLE_WITH_TRUNKS(network.ref)


def check_new_tunnel(store: Store, pif: PIF, network: Network) -> None:
    """Whether a network may lead through a tunnel over an interface."""
    check_connectable(store, pif.host, network)
    check_managed(pif)
    if pif.bond_slave_of != NULL:
        raise CANNOT_ADD_TUNNEL_TO_BOND_SLAVE(pif.ref)
    if store.members(pif, "tunnel_access_PIF_of"):
        raise IS_TUNNEL_ACCESS_PIF(pif.ref)
    if store.members(pif, "sriov_logical_PIF_of"):
        raise CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL(pif.ref)
    vlan = store.find(VLAN, pif.VLAN_master_of)
    below = None if vlan is None else store.find(PIF, vlan.tagged_PIF)
    if below is not None and store.members(below, "sriov_logical_PIF_of"):
        raise CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL(pif.ref)
    if network_rules.is_sriov(store, network.ref):
        raise NETWORK_INCOMPATIBLE_WITH_TUNNEL(network.ref)
    if any(each.software_version.get("network_backend") != TUNNELLING for each in store.all(Host)):
        raise OPENVSWITCH_NOT_ACTIVE()


def check_new_sriov(store: Store, pif: PIF, network: Network) -> None:
    """Whether a network may consist of the virtual functions of a card."""
    if not network.managed:
        raise NETWORK_UNMANAGED(network.ref)
    check_managed(pif)
    if not pif.physical:
        raise PIF_IS_NOT_PHYSICAL(pif.ref)
    if sriov.of_physical(store, pif) is not None:
        raise NETWORK_SRIOV_ALREADY_ENABLED(pif.ref)
    if SRIOV not in pif.capabilities:
        raise PIF_IS_NOT_SRIOV_CAPABLE(pif.ref)
    check_connectable(store, pif.host, network)
    sriov.check_network(store, pif, network)


def check_no_vlans(store: Store, pif: PIF) -> None:
    if store.where(VLAN, tagged_PIF=pif.ref):
        raise PIF_VLAN_STILL_EXISTS(pif.ref)


def check_connectable(store: Store, host: str, network: Network) -> None:
    """Whether a network may be given an interface of a host, by its reference."""
    if not network.managed:
        raise NETWORK_UNMANAGED(network.ref)
    for other in on_host(store.where(PIF, network=network.ref), host):
        raise NETWORK_ALREADY_CONNECTED(host, other.ref)


def on_host(pifs: Iterable[PIF], host: str) -> list[PIF]:
    return [pif for pif in pifs if pif.host == host]


def untagged(store: Store, device: str, host: str) -> PIF | None:
    """The interface of a host that its system calls so, without a tag."""
    found = (pif for pif in store.where(PIF, host=host) if pif.device == device and pif.VLAN == UNTAGGED)
    return next(found, None)


def has_address(pif: PIF) -> bool:
    """Whether an interface is configured to have an address of the host."""
    return (
        pif.ip_configuration_mode is not IpConfigurationMode.None_
        or pif.ipv6_configuration_mode is not Ipv6ConfigurationMode.None_
    )

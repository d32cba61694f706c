"""Which interfaces of a host may be made one, in the order in which the original refuses, and what goes with them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from xapid.backends.network.interface import UNTAGGED
from xapid.datamodel import PIF, VIF, VM, Bond, Host, Network, Pool
from xapid.datamodel.bond import BondMode
from xapid.datamodel.errors import (
    HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE,
    INCOMPATIBLE_PIF_PROPERTIES,
    INVALID_VALUE,
    IS_TUNNEL_ACCESS_PIF,
    MAC_INVALID,
    NETWORK_INCOMPATIBLE_WITH_BOND,
    PIF_BOND_MORE_THAN_ONE_IP,
    PIF_CANNOT_BOND_CROSS_HOST,
    PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE,
    PIF_IS_SRIOV_LOGICAL,
    PIF_VLAN_EXISTS,
)
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode, PrimaryAddressType
from xapid.datamodel.types import NULL
from xapid.rules import network as network_rules
from xapid.rules import pif as pif_rules
from xapid.rules import placement
from xapid.store.store import Store

_MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
_WHOLE = re.compile(r"[+-]?(0[xX][0-9a-fA-F][0-9a-fA-F_]*|0[oO][0-7][0-7_]*|0[bB][01][01_]*|[0-9][0-9_]*)", re.ASCII)
_LONGEST_NUMBER = 64
"""Characters."""
_HIGHEST = 2**62
"""Of the integers of the original."""


def whole_number(text: str) -> int:
    """A number as the original reads it: ``7``, ``0x7``, ``1_000``. Raises ValueError."""
    if len(text) > _LONGEST_NUMBER or not _WHOLE.fullmatch(text):
        raise ValueError(text)
    digits = text.replace("_", "")
    value = int(digits, 10 if digits.lstrip("+-").isdecimal() else 0)
    if not -_HIGHEST <= value < _HIGHEST:
        raise ValueError(text)
    return value


def _is_whole(text: str) -> bool:
    try:
        whole_number(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Property:
    """A setting of a bond."""

    default: str
    """empty: none"""
    accepts: Callable[[str], bool]


PROPERTIES: dict[BondMode, dict[str, Property]] = {
    BondMode.lacp: {
        "hashing_algorithm": Property("tcpudp_ports", ("src_mac", "tcpudp_ports").__contains__),
        "lacp-time": Property("slow", ("fast", "slow").__contains__),
        "lacp-aggregation-key": Property("", _is_whole),
        "lacp-fallback-ab": Property("true", ("true", "false").__contains__),
    }
}
"""What can be set in a mode; in others nothing."""


def members_of(store: Store, bond: Bond) -> list[PIF]:
    """The interfaces that a bond is made of."""
    return store.where(PIF, bond_slave_of=bond.ref)


def members_of_master(store: Store, pif: PIF) -> list[PIF]:
    """The interfaces that an interface is made of, if it is that of a bond."""
    return [member for bond in store.where(Bond, master=pif.ref) for member in members_of(store, bond)]


def check_property(mode: BondMode, name: str, value: str) -> None:
    """Raises INVALID_VALUE."""
    found = PROPERTIES.get(mode, {}).get(name)
    if found is None or not found.accepts(value):
        raise INVALID_VALUE("properties", f"{name} = {value}")


def completed(mode: BondMode, properties: Mapping[str, str]) -> dict[str, str]:
    """The properties that make sense in a mode, with the defaults of those that are not set."""
    known = PROPERTIES.get(mode, {})
    kept = {name: value for name, value in properties.items() if name in known and known[name].accepts(value)}
    return {name: each.default for name, each in known.items() if each.default} | kept


def check_place(store: Store, host: str, network: Network) -> None:
    """Whether a network may lead out of a host, by its reference, over a bond."""
    pif_rules.check_connectable(store, host, network)
    if network_rules.is_sriov(store, network.ref):
        raise NETWORK_INCOMPATIBLE_WITH_BOND(network.ref)


def check_settings(mac: str, mode: BondMode, properties: Mapping[str, str]) -> None:
    """Whether a bond may be so. An empty address is that of its first member."""
    if mac and not _MAC.fullmatch(mac):
        raise MAC_INVALID(mac)
    for name, value in properties.items():
        check_property(mode, name, value)


def primary_of(members: list[PIF]) -> PIF:
    """The member whose addresses a bond takes over: that of the management, one that has some, or the first."""
    for pif in members:
        if pif.management:
            return pif
    return next((pif for pif in members if has_primary_address(pif)), members[0])


def has_primary_address(pif: PIF) -> bool:
    """Whether an interface is configured to have an address of the version that it is known by."""
    if pif.primary_address_type is PrimaryAddressType.IPv4:
        return pif.ip_configuration_mode is not IpConfigurationMode.None_
    return pif.ipv6_configuration_mode is not Ipv6ConfigurationMode.None_


def check_members(store: Store, members: list[PIF]) -> None:
    """Whether interfaces may be made one."""
    kind = primary_of(members).primary_address_type
    for pif in members:
        if pif.primary_address_type is not kind:
            raise PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE(pif.ref)
    for pif in members:
        pif_rules.check_managed(pif)
        _check_member(store, pif)
        if pif.management:
            check_ha(store)
    if len({pif.host for pif in members}) > 1:
        raise PIF_CANNOT_BOND_CROSS_HOST
    if any(pif.properties != members[0].properties for pif in members):
        raise INCOMPATIBLE_PIF_PROPERTIES
    if sum(map(has_primary_address, members)) > 1:
        raise PIF_BOND_MORE_THAN_ONE_IP


def _check_member(store: Store, pif: PIF) -> None:
    if pif.VLAN != UNTAGGED:
        raise PIF_VLAN_EXISTS(pif.device)
    if store.members(pif, "tunnel_access_PIF_of"):
        raise IS_TUNNEL_ACCESS_PIF(pif.ref)
    if store.members(pif, "sriov_logical_PIF_of"):
        raise PIF_IS_SRIOV_LOGICAL(pif.ref)
    pif_rules.check_unbonded(store, pif)


def check_ha(store: Store) -> None:
    """A bond with the management neither comes nor goes while high availability rests on it."""
    if store.one(Pool).ha_enabled:
        raise HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE


def free_device(store: Store, host: str, others: Iterable[str]) -> str:
    """The name of a new bond of a host. ``others``: what its system has."""
    taken = {pif.device for pif in store.where(PIF, host=host)}.union(others)
    return next(name for name in map("bond{}".format, itertools.count()) if name not in taken)


def local_vifs(store: Store, host: Host, networks: Iterable[str]) -> list[VIF]:
    """The interfaces of machines in networks, by their references, that are a host's affair.

    Those of machines that run there, or that can start there alone, or nowhere.
    """
    local: dict[str, bool] = {}
    found = []
    for network in dict.fromkeys(networks):
        for vif in store.where(VIF, network=network):
            if vif.VM not in local:
                vm = store.find(VM, vif.VM)
                local[vif.VM] = vm is not None and _is_local(store, vm, host)
            if local[vif.VM]:
                found.append(vif)
    return found


def _is_local(store: Store, vm: VM, host: Host) -> bool:
    if vm.resident_on != NULL:
        return vm.resident_on == host.ref
    return all(each.ref == host.ref for each in placement.possible_hosts(store, vm))

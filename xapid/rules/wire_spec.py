"""From the rows of an interface of the host to the wire that its driver lays, and back."""

from __future__ import annotations

import ipaddress
from typing import Any

from xapid.backends.network.interface import (
    UNTAGGED,
    Addressing,
    AddressMode,
    Bonding,
    Bridge,
    Connected,
    Hashing,
    Naming,
    Route,
    Spreading,
    Tuning,
    Uplink,
    Wire,
)
from xapid.datamodel import PIF, VLAN, Bond, Network, Tunnel
from xapid.datamodel.bond import BondMode
from xapid.datamodel.errors import PIF_CONFIGURATION_ERROR
from xapid.datamodel.map_keys import (
    BOND_DOWN_DELAY,
    BOND_HASHING,
    BOND_KEY,
    BOND_LACP_TIME,
    BOND_MIIMON,
    BOND_MODE,
    BOND_UP_DELAY,
    BOND_USE_CARRIER,
    BRIDGE_SWITCHES,
    DEFAULT_ROUTE,
    ETHTOOL_ADVERTISE,
    ETHTOOL_DUPLEX,
    ETHTOOL_SPEED,
    ETHTOOL_SWITCHES,
    NAMES_FIRST,
    PIF_MTU,
    SEARCH_DOMAINS,
    STATIC_ROUTES,
    MapKey,
)
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode
from xapid.datamodel.types import NULL
from xapid.rules.bond import members_of, whole_number
from xapid.store.store import Store

SPREADING = {
    BondMode.active_backup: Spreading.active_backup,
    BondMode.lacp: Spreading.lacp,
    BondMode.balance_slb: Spreading.by_source,
}
MODES = {
    IpConfigurationMode.None_: AddressMode.none,
    IpConfigurationMode.DHCP: AddressMode.dhcp,
    IpConfigurationMode.Static: AddressMode.static,
}
MODES_OF_IPV6 = {
    Ipv6ConfigurationMode.None_: AddressMode.none,
    Ipv6ConfigurationMode.DHCP: AddressMode.dhcp,
    Ipv6ConfigurationMode.Static: AddressMode.static,
    Ipv6ConfigurationMode.Autoconf: AddressMode.autoconf,
}


def wire(store: Store, pif: PIF) -> Wire:
    """The wire of an interface, as its row and that of its network say. Raises PIF_CONFIGURATION_ERROR."""
    network = store.get(Network, pif.network)
    vlan = store.find(VLAN, pif.VLAN_master_of)
    below = pif if vlan is None else store.get(PIF, vlan.tagged_PIF)
    bond = next(iter(store.where(Bond, master=below.ref)), None)
    leads_out = _is_chosen(store, pif, DEFAULT_ROUTE)
    tunnel = bool(store.where(Tunnel, access_PIF=pif.ref))
    return Wire(
        Bridge(network.bridge, network.uuid, mtu(store, pif)),
        None if tunnel else Uplink(below.device, pif.VLAN, None if bond is None else bonding(store, bond)),
        _ipv4(pif, leads_out),
        _ipv6(pif, leads_out),
        Naming(
            tuple(each for each in pif.DNS.split(",") if each),
            SEARCH_DOMAINS.of(pif),
            _is_chosen(store, pif, NAMES_FIRST),
        ),
        tuple(Route(*each) for each in STATIC_ROUTES.of(network)),
        (*(_tuning(store, pif, bond) if vlan is None and not tunnel else ()), *_bridge_tuning(network)),
        pif.MAC if tunnel else "",
    )


def mtu(store: Store, pif: PIF) -> int:
    """Bytes in a packet of an interface that is up."""
    return PIF_MTU.of(pif) or store.get(Network, pif.network).MTU


def bonding(store: Store, bond: Bond) -> Bonding:
    """What a bond is made of, and how it works. Keys of its interface go before its own properties."""
    master, primary = store.get(PIF, bond.master), store.find(PIF, bond.primary_slave)
    members = sorted((pif.device for pif in members_of(store, bond)), key=_natural)
    mode = BondMode(BOND_MODE.of(master) or bond.mode)
    hashing = BOND_HASHING.of(master) or bond.properties.get("hashing_algorithm", "")
    key = BOND_KEY.of(master) or bond.properties.get("lacp-aggregation-key", "")
    lacp = mode is BondMode.lacp
    return Bonding(
        tuple(members),
        master.MAC if primary is None or not bond.auto_update_mac else primary.MAC,
        mtu(store, master),
        SPREADING[mode],
        Hashing.ports if lacp and hashing != "src_mac" else Hashing.source,
        lacp and (BOND_LACP_TIME.of(master) or bond.properties.get("lacp-time")) == "fast",
        whole_number(key) if lacp and key else None,
        BOND_MIIMON.of(master),
        BOND_DOWN_DELAY.of(master),
        BOND_UP_DELAY.of(master),
        BOND_USE_CARRIER.of(master),
        bond.properties.get("lacp-fallback-ab") != "false",
    )


def _tuning(store: Store, pif: PIF, bond: Bond | None) -> tuple[Tuning, ...]:
    """How the devices are to work that an interface consists of."""
    devices = [pif] if bond is None else members_of(store, bond)
    found = [Tuning(each.device, tuple(_device_settings(each, pif).items())) for each in devices]
    return tuple(sorted(found, key=lambda each: _natural(each.device)))


def _bridge_tuning(network: Network) -> tuple[Tuning, ...]:
    """How the bridge is to work, where somebody says so."""
    wanted = {name: key.of(network) for name, key in BRIDGE_SWITCHES.items()}
    settings = tuple((name, "on" if value else "off") for name, value in wanted.items() if value is not None)
    return (Tuning(network.bridge, settings),) if settings else ()


def _device_settings(device: PIF, pif: PIF) -> dict[str, str]:
    """Keys of a device go before properties of what it is part of."""
    found = {name: value for name, value in pif.properties.items() if name in ETHTOOL_SWITCHES}
    for name, key in ETHTOOL_SWITCHES.items():
        if (value := key.of(device)) is not None:
            found[name] = "on" if value else "off"
    if speed := ETHTOOL_SPEED.of(device):
        found["speed"] = str(speed)
    if duplex := ETHTOOL_DUPLEX.of(device):
        found["duplex"] = duplex
    if advertise := ETHTOOL_ADVERTISE.of(device):
        found["advertise"] = f"0x{int(advertise, 16):x}"
    return found


def _natural(device: str) -> tuple[str, int]:
    """eth10 comes after eth9."""
    name = device.rstrip("0123456789")
    return name, int(device.removeprefix(name) or 0)


def _is_chosen(store: Store, pif: PIF, key: MapKey[bool]) -> bool:
    """Whether an interface is the one that has a key, of several the first; where none has it, that of the management.

    So the way out of the host and its name servers are chosen.
    """
    own = store.where(PIF, host=pif.host)
    chosen = [each.ref for each in own if key.of(each) and each.bond_slave_of == NULL]
    return pif.ref in chosen[:1] if chosen else pif.management


def _ipv4(pif: PIF, leads_out: bool) -> Addressing:
    mode = MODES[pif.ip_configuration_mode]
    if mode is not AddressMode.static:
        return Addressing(mode, leads_out=leads_out and mode is AddressMode.dhcp)
    try:
        address = ipaddress.IPv4Interface(f"{pif.IP}/{pif.netmask}")
    except ValueError as error:
        # In the original the reason is empty.
        raise PIF_CONFIGURATION_ERROR(pif.ref, "") from error
    return Addressing(mode, str(address), pif.gateway if leads_out else "")


def _ipv6(pif: PIF, leads_out: bool) -> Addressing:
    mode = MODES_OF_IPV6[pif.ipv6_configuration_mode]
    if mode is not AddressMode.static:
        return Addressing(mode)
    return Addressing(mode, next(iter(pif.IPv6), ""), pif.ipv6_gateway if leads_out else "")


def connected_fields(pif: PIF, made: Connected) -> dict[str, Any]:
    """What a row says once the wire is laid: an address that others gave is noted, one that was set stands there."""
    fields: dict[str, Any] = {"currently_attached": True, "MTU": made.mtu}
    if not pif.physical and pif.VLAN == UNTAGGED:
        # That of the member which the bond has it from, where none was given.
        fields["MAC"] = made.mac
    if pif.ip_configuration_mode is IpConfigurationMode.DHCP:
        ipv4 = next((each for each in made.addresses if ":" not in each), "")
        if ipv4:
            fields |= leased_fields(ipv4, made.gateway)
    ipv6 = tuple(each for each in made.addresses if ":" in each)
    if ipv6 and pif.ipv6_configuration_mode in (Ipv6ConfigurationMode.DHCP, Ipv6ConfigurationMode.Autoconf):
        fields["IPv6"] = ipv6
    return fields


def leased_fields(address: str, gateway: str) -> dict[str, Any]:
    """What the row of an interface says of what a server of DHCP gave; ``address``: with prefix length."""
    ipv4 = ipaddress.IPv4Interface(address)
    return {"IP": str(ipv4.ip), "netmask": str(ipv4.netmask), "gateway": gateway}

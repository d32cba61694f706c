"""From the rows of an interface of the host to the wire that its driver lays, and back."""

from __future__ import annotations

import ipaddress
from typing import Any

from xapid.backends.network.interface import Addressing, AddressMode, Bridge, Connected, Uplink, Wire
from xapid.datamodel import PIF, VLAN, Network
from xapid.datamodel.errors import PIF_CONFIGURATION_ERROR
from xapid.datamodel.map_keys import DEFAULT_ROUTE, PIF_MTU
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode
from xapid.store.store import Store

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
    leads_out = _leads_out(store, pif)
    return Wire(
        Bridge(network.bridge, network.uuid, PIF_MTU.of(pif) or network.MTU),
        Uplink(below.device, pif.VLAN),
        _ipv4(pif, leads_out),
        _ipv6(pif, leads_out),
        tuple(each for each in pif.DNS.split(",") if each),
    )


def _leads_out(store: Store, pif: PIF) -> bool:
    """Whether the way out of the host leads over an interface: of those that are to be it over the first."""
    chosen = [each.ref for each in store.where(PIF, host=pif.host) if DEFAULT_ROUTE.of(each)]
    return pif.ref in chosen[:1] if chosen else pif.management


def _ipv4(pif: PIF, leads_out: bool) -> Addressing:
    mode = MODES[pif.ip_configuration_mode]
    if mode is not AddressMode.static:
        return Addressing(mode)
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
    if pif.ip_configuration_mode is IpConfigurationMode.DHCP:
        ipv4 = next((ipaddress.IPv4Interface(each) for each in made.addresses if ":" not in each), None)
        if ipv4 is not None:
            fields |= {"IP": str(ipv4.ip), "netmask": str(ipv4.netmask), "gateway": made.gateway}
    ipv6 = tuple(each for each in made.addresses if ":" in each)
    if ipv6 and pif.ipv6_configuration_mode in (Ipv6ConfigurationMode.DHCP, Ipv6ConfigurationMode.Autoconf):
        fields["IPv6"] = ipv6
    return fields

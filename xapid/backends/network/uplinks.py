"""How bridges of ours lead out of the host: the interface, or a VLAN of it, that is their port, and their addresses.

An interface that becomes a port gives up nothing: it had no addresses before. Links that we make carry our mark.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

from xapid.backends.interface import AlreadyExists, Failed, InUse, NotFound
from xapid.backends.network.interface import UNTAGGED, Addressing, AddressMode, Connected, Uplink, Wire
from xapid.backends.network.links import Link, is_interface, named, read_addresses, read_gateways, read_links

MARK = "xapid-vlan"
"""The alias of VLANs of ours."""
LONGEST = 15
"""Letters in the name of a link."""


def check(netlink: Any, wire: Wire) -> None:
    """Whether an interface is ours to take. Raises what ``connect`` does."""
    links, addresses = read_links(netlink), read_addresses(netlink)
    device = _device(links, wire.uplink)
    port = named(links, port_name(wire.uplink))
    if wire.uplink.tag != UNTAGGED and port is not None and port.alias != MARK:
        tag = str(wire.uplink.tag)
        raise AlreadyExists(f"{port.name} is not ours", device=device.name, tag=tag)
    if port is None:
        return
    if addresses.get(port.index):
        raise InUse(f"{port.name} has addresses that somebody else gave it", device=device.name)
    master = links.get(port.master)
    if master is not None and master.name != wire.bridge.name:
        raise InUse(f"{port.name} is a port of {master.name}", device=device.name)


def lay(netlink: Any, wire: Wire) -> Connected:
    """Make the port, join it to the bridge, which is there, and give that its addresses."""
    links = read_links(netlink)
    device = _device(links, wire.uplink)
    bridge, port = _there(links, wire.bridge.name), named(links, port_name(wire.uplink))
    if wire.uplink.tag != UNTAGGED:
        _set_where(netlink, device, not device.up, state="up")
        if port is None:
            netlink.link("add", ifname=port_name(wire.uplink), kind="vlan", link=device.index, vlan_id=wire.uplink.tag)
            links = read_links(netlink)
            port = _there(links, port_name(wire.uplink))
            netlink.link("set", index=port.index, ifalias=MARK)
    assert port is not None
    _set_where(netlink, bridge, bridge.mac != device.mac, address=device.mac)
    _set_where(netlink, port, port.mtu != wire.bridge.mtu, mtu=wire.bridge.mtu)
    _set_where(netlink, port, port.master != bridge.index, master=bridge.index)
    _set_where(netlink, port, not port.up, state="up")
    _address(netlink, bridge, wire.ipv4, socket.AF_INET)
    _address(netlink, bridge, wire.ipv6, socket.AF_INET6)
    addresses = read_addresses(netlink).get(bridge.index, ())
    return Connected(device.mac, wire.bridge.mtu, addresses, read_gateways(netlink).get(bridge.index, ""))


def take_away(netlink: Any, links: Mapping[int, Link], bridge: Link) -> None:
    """Free the interface of a bridge of ours, and take its addresses from it."""
    for link in links.values():
        if link.master == bridge.index and link.alias == MARK:
            netlink.link("del", index=link.index)
        elif link.master == bridge.index and is_interface(link, links, has_address=True):
            netlink.link("set", index=link.index, master=0)
    for family in (socket.AF_INET, socket.AF_INET6):
        _address(netlink, bridge, Addressing(), family)


def port_name(uplink: Uplink) -> str:
    """The link that is the port: the interface itself, or its VLAN."""
    if uplink.tag == UNTAGGED:
        return uplink.device
    tag = f".{uplink.tag}"
    return f"{uplink.device[: LONGEST - len(tag)]}{tag}"


def _device(links: Mapping[int, Link], uplink: Uplink) -> Link:
    device = named(links, uplink.device)
    if device is None or not is_interface(device, links, has_address=True):
        raise NotFound(f"there is no interface {uplink.device}", device=uplink.device)
    return device


def _address(netlink: Any, bridge: Link, wanted: Addressing, family: int) -> None:
    """Give a bridge the one address of a version of IP that it is to have, and the way out by it."""
    address = ipaddress.ip_interface(wanted.address) if wanted.mode is AddressMode.static else None
    there = set()
    for each in netlink.get_addr(family=family, index=bridge.index):
        text = f"{each.get_attr('IFA_LOCAL') or each.get_attr('IFA_ADDRESS')}/{each['prefixlen']}"
        found = ipaddress.ip_interface(text)
        there.add(found)
        if found != address and not found.is_link_local and wanted.mode is not AddressMode.autoconf:
            netlink.addr("del", index=bridge.index, address=str(found.ip), prefixlen=found.network.prefixlen)
    if address is None or address in there:
        return
    netlink.addr("add", index=bridge.index, address=str(address.ip), prefixlen=address.network.prefixlen)
    if wanted.gateway:
        netlink.route("replace", family=family, dst="default", gateway=wanted.gateway, oif=bridge.index)


def _set_where(netlink: Any, link: Link, differs: bool, **settings: Any) -> None:
    """Change a link only where it is not so already: then nobody is told of anything."""
    if differs:
        netlink.link("set", index=link.index, **settings)


def _there(links: Mapping[int, Link], name: str) -> Link:
    found = named(links, name)
    if found is None:
        raise Failed(f"{name} went while it was worked on")
    return found

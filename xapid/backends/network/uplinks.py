"""How bridges of ours lead out of the host: the interface, the bond, or the VLAN of one, that is their port, and their
addresses.

An interface that becomes a port gives up nothing: it had no addresses before.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable
from typing import Any

from pyroute2 import NetlinkError

from xapid.backends.interface import AlreadyExists, InUse, NotFound
from xapid.backends.network import bonds
from xapid.backends.network.interface import UNTAGGED, Addressing, AddressMode, Connected, Route, Uplink, Wire
from xapid.backends.network.links import (
    GROUP,
    LONGEST_NAME,
    Link,
    Links,
    address_of,
    addresses_of,
    gateway_of,
    is_interface,
    reached_at,
    routes_of,
    set_way_out,
    there,
    ways_out,
)
from xapid.backends.network.tuning import Tuner

log = logging.getLogger(__name__)

BY_OTHERS = frozenset({AddressMode.autoconf, AddressMode.dhcp})
"""Modes in which it is not for us to say which address is there."""
ROUTES_OF_OURS = 4
"""RTPROT_STATIC: what we set. Those that the kernel learnt from routers are left to it."""


Ours = Callable[[Link], bool]
"""Whether a link is a bridge of ours."""


def check(netlink: Any, wire: Wire, ours: Ours) -> None:
    """Whether the interfaces of a wire are ours to take. Raises what ``connect`` does."""
    uplink = wire.uplink
    if uplink is None:
        return
    links = Links(netlink)
    if uplink.bond is not None:
        bonds.check(links, uplink, uplink.bond)
    bridge, bond = links.named(wire.bridge.name), links.named(uplink.device)

    def at_bridge(master: Link) -> bool:
        return bridge is not None and master.index == bridge.index

    def in_bond(master: Link) -> bool:
        # What a bridge of ours still has of a member is a leftover: the records say that it is in the bond.
        return ours(master) or (bond is not None and master.index == bond.index)

    for device in [interface(links, name) for name in uplink.interfaces]:
        if uplink.bond is not None or uplink.tag == UNTAGGED:
            check_free(netlink, device)
            _check_master(device, links, at_bridge if uplink.bond is None else in_bond)
        elif (master := links.get(device.master)) is not None and master.kind == "bond":
            raise InUse(f"{device.name} is part of {master.name}", device=device.name)
    if bond is not None and uplink.bond is not None and uplink.tag == UNTAGGED:
        _check_master(bond, links, at_bridge)
    port = links.named(port_name(uplink))
    if uplink.tag != UNTAGGED and port is not None:
        if not port.ours:
            raise AlreadyExists(f"{port.name} is not ours", device=uplink.device, tag=str(uplink.tag))
        _check_master(port, links, at_bridge)
        check_free(netlink, port)


def check_free(netlink: Any, link: Link) -> None:
    if reached_at(netlink, link.index):
        raise InUse(f"{link.name} has addresses that somebody else gave it", device=link.name)


def _check_master(link: Link, links: Links, may_be: Ours) -> None:
    master = links.get(link.master)
    if master is not None and not may_be(master):
        kind = "part" if master.kind == "bond" else "a port"
        raise InUse(f"{link.name} is {kind} of {master.name}", device=link.name)


def lay(netlink: Any, wire: Wire, tuner: Tuner) -> Connected:
    """Make the port, join it to the bridge, which is there, and give that its addresses."""
    if wire.uplink is not None:
        bridge, mac = _join(netlink, wire, wire.uplink, tuner)
    else:
        bridge = there(Links(netlink), wire.bridge.name)
        mac = wire.mac or bridge.mac
        set_where(netlink, bridge, bridge.mac != mac, address=mac)
    return settle(netlink, wire, bridge, mac, tuner)


def settle(netlink: Any, wire: Wire, bridge: Link, mac: str, tuner: Tuner) -> Connected:
    """Let a bridge that leads out work as its wire says, with its addresses and ways."""
    settings = next((each.settings for each in wire.tuning if each.device == bridge.name), ())
    tuner.tune(bridge.name, dict(settings))
    for family, wanted in ((socket.AF_INET, wire.ipv4), (socket.AF_INET6, wire.ipv6)):
        _address(netlink, bridge, wanted, family)
        _lead_out(netlink, bridge, wanted, family)
    lead_on(netlink, bridge, wire.routes)
    return Connected(mac, wire.bridge.mtu, reached_at(netlink, bridge.index), gateway_of(netlink, bridge.index))


def _join(netlink: Any, wire: Wire, uplink: Uplink, tuner: Tuner) -> tuple[Link, str]:
    """Make the port, and join it to the bridge. Returns that, and the MAC address that it has then."""
    mtu = wire.bridge.mtu
    if uplink.bond is not None and uplink.base == uplink.device:
        bonds.ensure(netlink, uplink, uplink.bond)
    links = Links(netlink)
    base, bridge = there(links, uplink.base), there(links, wire.bridge.name)
    mac = uplink.bond.mac if uplink.bond is not None else base.mac
    if uplink.tag != UNTAGGED:
        set_where(netlink, base, not base.up, state="up")
        if links.named(port_name(uplink)) is None:
            # In its group from the first: a kill cannot leave one of which nobody knows whose it is.
            netlink.link("add", ifname=port_name(uplink), kind="vlan", link=base.index, vlan_id=uplink.tag, group=GROUP)
            links = Links(netlink)
    port = there(links, port_name(uplink))
    set_where(netlink, bridge, bridge.mac != mac, address=mac)
    for each in wire.tuning:
        if each.device != bridge.name:
            tuner.tune(each.device, dict(each.settings))
    if port.mtu != mtu and not port.ours:
        tuner.note_mtu(port.name, port.mtu)
    set_where(netlink, port, port.mtu != mtu, mtu=mtu)
    set_where(netlink, port, port.master != bridge.index, master=bridge.index)
    set_where(netlink, port, not port.up, state="up")
    return bridge, mac


def take_away(netlink: Any, links: Links, bridge: Link, tuner: Tuner) -> None:
    """Free the interface of a bridge of ours, which is as it was by itself then, and take its addresses from it."""
    for link in links.joined(bridge):
        if link.kind == "vlan" and link.ours:
            netlink.link("del", index=link.index)
            if link.parent in links:
                bonds.take_apart(netlink, links[link.parent].name)
        elif link.kind == "bond" and link.ours:
            netlink.link("set", index=link.index, master=0)
            for member in bonds.members(links, link):
                tuner.put_back(member.name)
            bonds.take_apart(netlink, link.name)
        elif is_interface(link, links, has_address=True):
            netlink.link("set", index=link.index, master=0)
            mtu = tuner.put_back(link.name)
            set_where(netlink, link, mtu not in (0, link.mtu), mtu=mtu)
    unsettle(netlink, bridge, tuner)


def unsettle(netlink: Any, bridge: Link, tuner: Tuner) -> None:
    """Take from a bridge its addresses, ways and settings."""
    for family in (socket.AF_INET, socket.AF_INET6):
        _lead_out(netlink, bridge, Addressing(), family)
        _address(netlink, bridge, Addressing(), family)
    tuner.put_back(bridge.name)


def port_name(uplink: Uplink) -> str:
    """The link that is the port: the interface itself, or its VLAN."""
    if uplink.tag == UNTAGGED:
        return uplink.base
    tag = f".{uplink.tag}"
    return f"{uplink.base[: LONGEST_NAME - len(tag)]}{tag}"


def interface(links: Links, name: str) -> Link:
    device = links.named(name)
    if device is None or not is_interface(device, links, has_address=True):
        raise NotFound(f"there is no interface {name}", device=name)
    return device


def _address(netlink: Any, bridge: Link, wanted: Addressing, family: int) -> None:
    """Give a bridge the one address of a version of IP that it is to have."""
    address = ipaddress.ip_interface(wanted.address) if wanted.mode is AddressMode.static else None
    present = set()
    for each in addresses_of(netlink, bridge.index):
        if each["family"] != family:
            continue
        found = ipaddress.ip_interface(address_of(each))
        present.add(found)
        if found != address and not found.is_link_local and wanted.mode not in BY_OTHERS:
            netlink.addr("del", index=bridge.index, address=str(found.ip), prefixlen=found.network.prefixlen)
    if address is not None and address not in present:
        netlink.addr("add", index=bridge.index, address=str(address.ip), prefixlen=address.network.prefixlen)


def _lead_out(netlink: Any, bridge: Link, wanted: Addressing, family: int) -> None:
    """Let the way out of the host lead over a bridge, or over it no more."""
    if wanted.mode is AddressMode.dhcp and wanted.leads_out:
        return  # By what servers say.
    gateway = wanted.gateway if wanted.mode is AddressMode.static else ""
    routes = [each for each in ways_out(netlink, family, bridge.index) if each["proto"] == ROUTES_OF_OURS]
    set_way_out(netlink, bridge.index, family, routes, gateway)


def lead_on(netlink: Any, bridge: Link, wanted: tuple[Route, ...]) -> None:
    """Let these networks, and no others, be reached over gateways at a bridge."""
    present = {
        (f"{each.get_attr('RTA_DST')}/{each['dst_len']}", each.get_attr("RTA_GATEWAY"))
        for each in routes_of(netlink, socket.AF_INET, bridge.index)
        if each["proto"] == ROUTES_OF_OURS and each["dst_len"] and each.get_attr("RTA_GATEWAY")
    }
    routes = {(each.network, each.gateway) for each in wanted}
    for network, gateway in present - routes:
        netlink.route("del", family=socket.AF_INET, dst=network, gateway=gateway, oif=bridge.index)
    for network, gateway in routes - present:
        try:
            netlink.route("replace", family=socket.AF_INET, dst=network, gateway=gateway, oif=bridge.index)
        except NetlinkError as error:
            log.warning("%s cannot be reached over %s at %s: %s", network, gateway, bridge.name, error)


def set_where(netlink: Any, link: Link, differs: bool, **settings: Any) -> None:
    """Change a link only where it is not so already: then nobody is told of anything."""
    if differs:
        netlink.link("set", index=link.index, **settings)

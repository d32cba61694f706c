"""The links of this host as netlink tells of them, and which of them are interfaces that can carry guests' traffic."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pyroute2 import IPRoute, NetlinkError
from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.rtnl import RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from xapid.backends.interface import Failed, Traffic

ETHERNET = 1
"""ARPHRD_ETHER: what a bridge can have as a port."""
UP = 1
"""IFF_UP: switched on, whatever the cable says."""
RT_TABLE_MAIN = 254
LINK_SCOPE = 253
"""RT_SCOPE_LINK, of addresses that nobody can be reached by without naming the link too."""
AGGREGATES = frozenset({"bond", "team"})
"""Kinds that make one interface of several."""
ENDS = frozenset({"veth", "macvlan"})
"""Kinds of which a container has one end, and its host the other."""
LONGEST_NAME = 15
"""Bytes."""
XEN_GUEST = re.compile(r"vif\d+\.\d+")
"""The host's end of a Xen guest's interface: to the kernel it is a device like any other."""
NOTHING = Traffic(0, 0)
GROUP = 0x78617069
"""The group of links, VLANs and bonds, that we make: they are in it from the moment they are there."""
VLAN_MARK = "xapid-vlan"
"""The alias of VLANs that older versions made."""


@dataclass(frozen=True)
class Link:
    """One link, in the kernel's words."""

    index: int
    name: str
    kind: str = ""
    """bridge, veth, tun, ...; empty for the driver of a device"""
    type: int = ETHERNET
    alias: str = ""
    mac: str = ""
    mtu: int = 1500
    master: int = 0
    """index of the bridge or bond that it belongs to; 0: none"""
    parent: int = 0
    """index of the link that it is a VLAN of; 0: none"""
    group: int = 0
    bonding: Mapping[str, int] = field(default_factory=dict)
    """Settings of a bond, by the kernel's names for them."""
    up: bool = False
    carrier: bool = False
    elsewhere: bool = False
    """What it stands on is in another network namespace."""
    forward_delay: int | None = None
    """of a bridge, as its next one"""
    snooping: bool | None = None
    traffic: Traffic = NOTHING
    """since it came up"""

    @property
    def ours(self) -> bool:
        """Whether we made it; of a bridge its alias tells."""
        return self.group == GROUP or self.alias == VLAN_MARK


class Links(Mapping[int, Link]):
    """Links by their index, each as it is when it is first looked at; the kernel is asked for all only where all are
    gone through, which takes long where networks are many.
    """

    def __init__(self, netlink: Any) -> None:
        self._netlink = netlink
        self._found: dict[int, Link] = {}
        self._all = False

    @classmethod
    def read(cls, netlink: Any) -> Self:
        """All of them, now."""
        links = cls(netlink)
        iter(links)
        return links

    def named(self, name: str) -> Link | None:
        """The link of this name."""
        known = next((link for link in self._found.values() if link.name == name), None)
        if known is not None or self._all or not 0 < len(name) <= LONGEST_NAME:
            return known
        found = self._ask(ifname=name)
        # By another of its names a link is found too.
        return found if found is not None and found.name == name else None

    def joined(self, master: Link) -> list[Link]:
        """What is part of a bridge or a bond."""
        if not self._all:
            message = ifinfmsg()
            message["attrs"] = [["IFLA_MASTER", master.index]]
            found = [_link(each) for each in _all_of(self._netlink, message, RTM_GETLINK)]
            return [self._found.setdefault(each.index, each) for each in found]
        return [each for each in self._found.values() if each.master == master.index]

    def __getitem__(self, index: int) -> Link:
        found = self._found.get(index)
        if found is None and not self._all and index > 0:
            found = self._ask(index=index)
        if found is None:
            raise KeyError(index)
        return found

    def __iter__(self) -> Iterator[int]:
        if not self._all:
            self._found = {each["index"]: _link(each) for each in self._netlink.get_links()} | self._found
            self._all = True
        return iter(self._found)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _ask(self, **which: Any) -> Link | None:
        try:
            (message,) = self._netlink.link("get", **which)
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return None
            raise
        found = _link(message)
        return self._found.setdefault(found.index, found)


def _link(message: Any) -> Link:
    snooping = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_BR_MCAST_SNOOPING")
    counted = message.get_attr("IFLA_STATS64")
    kind = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or ""
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=kind,
        type=message["ifi_type"],
        alias=message.get_attr("IFLA_IFALIAS") or "",
        mac=_own_mac(message) or message.get_attr("IFLA_ADDRESS") or "",
        mtu=message.get_attr("IFLA_MTU"),
        master=message.get_attr("IFLA_MASTER") or 0,
        up=bool(message["flags"] & UP),
        carrier=bool(message.get_attr("IFLA_CARRIER")),
        elsewhere=message.get_attr("IFLA_LINK_NETNSID") is not None,
        parent=0 if kind != "vlan" else message.get_attr("IFLA_LINK") or 0,
        group=message.get_attr("IFLA_GROUP") or 0,
        bonding={} if kind != "bond" else _bonding(message),
        forward_delay=message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_BR_FORWARD_DELAY"),
        snooping=None if snooping is None else bool(snooping),
        traffic=Traffic(counted["rx_bytes"], counted["tx_bytes"]) if counted else NOTHING,
    )


def _own_mac(message: Any) -> str:
    """Of a member of a bond: the MAC address that it has again when it leaves. Empty: it is no member."""
    link = message.get_attr("IFLA_LINKINFO")
    if link is None or link.get_attr("IFLA_INFO_SLAVE_KIND") != "bond":
        return ""
    return link.get_nested("IFLA_INFO_SLAVE_DATA", "IFLA_BOND_SLAVE_PERM_HWADDR") or ""


def _bonding(message: Any) -> dict[str, int]:
    settings = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    if settings is None:
        return {}
    return {name.removeprefix("IFLA_").lower(): value for name, value in settings["attrs"] if isinstance(value, int)}


def connection() -> IPRoute:
    """To the kernel, which is to leave out itself what is not asked for."""
    made = IPRoute(strict_check=True)
    # Its own `nlm_request` asks for this, and pyroute2 0.9 sets it for other kinds of connections alone.
    made.status["nlm_generator"] = False
    return made


def addresses_of(netlink: Any, index: int) -> list[Any]:
    """What the kernel says of each address of a link."""
    message = ifaddrmsg()
    message["index"] = index
    return _all_of(netlink, message, RTM_GETADDR)


def routes_of(netlink: Any, family: int, index: int) -> list[Any]:
    """What the kernel says of each way over a link."""
    message = rtmsg()
    message["family"], message["table"] = family, RT_TABLE_MAIN
    message["attrs"] = [["RTA_OIF", index], ["RTA_TABLE", RT_TABLE_MAIN]]
    return _all_of(netlink, message, RTM_GETROUTE)


def _all_of(netlink: Any, message: Any, kind: int) -> list[Any]:
    """Asked so, the kernel picks them out; pyroute2 by itself would read all there are, of each link."""
    return list(netlink.nlm_request(message, msg_type=kind, msg_flags=NLM_F_DUMP | NLM_F_REQUEST))


def read_addresses(netlink: Any) -> dict[int, tuple[str, ...]]:
    """The addresses by which links are reached from elsewhere, with prefix length, by the index of the link."""
    found: dict[int, tuple[str, ...]] = {}
    for each in netlink.get_addr():
        if each["scope"] < LINK_SCOPE:
            found[each["index"]] = (*found.get(each["index"], ()), address_of(each))
    return found


def reached_at(netlink: Any, index: int) -> tuple[str, ...]:
    """The same of one link."""
    return tuple(address_of(each) for each in addresses_of(netlink, index) if each["scope"] < LINK_SCOPE)


def address_of(message: Any) -> str:
    """The address that the kernel speaks of, with prefix length."""
    # Where both are given the other one is the far end of a point-to-point connection.
    return f"{message.get_attr('IFA_LOCAL') or message.get_attr('IFA_ADDRESS')}/{message['prefixlen']}"


def read_gateways(netlink: Any) -> dict[int, str]:
    """The gateway of each link with an IPv4 way out; of several the one that the kernel takes."""
    return _gateways(netlink.get_default_routes(family=socket.AF_INET))


def gateway_of(netlink: Any, index: int) -> str:
    """The same of one link; empty: it has none."""
    return _gateways(ways_out(netlink, socket.AF_INET, index)).get(index, "")


def _gateways(ways: Iterable[Any]) -> dict[int, str]:
    routes = [each for each in ways if each.get_attr("RTA_GATEWAY")]
    # The last one stays, so the preferred ones (lowest number) come last.
    routes.sort(key=lambda each: -(each.get_attr("RTA_PRIORITY") or 0))
    return {each.get_attr("RTA_OIF"): each.get_attr("RTA_GATEWAY") for each in routes}


def ways_out(netlink: Any, family: int, index: int) -> list[Any]:
    """What the kernel says of each way out of the host over a link."""
    return [each for each in routes_of(netlink, family, index) if not each["dst_len"]]


def set_way_out(netlink: Any, index: int, family: int, present: Iterable[Any], gateway: str) -> None:
    """Let a link have this way out of the host, in place of those that are present; empty: none."""
    gateways = {route.get_attr("RTA_GATEWAY") for route in present}
    for other in gateways - {gateway, None}:
        netlink.route("del", family=family, dst="default", gateway=other, oif=index)
    if gateway and gateway not in gateways:
        netlink.route("replace", family=family, dst="default", gateway=gateway, oif=index)


def there(links: Links, name: str) -> Link:
    """The link of this name, which must be there. Raises Failed."""
    found = links.named(name)
    if found is None:
        raise Failed(f"{name} went while it was worked on")
    return found


def ports(links: Iterable[Link], bridge: Link) -> tuple[str, ...]:
    """The names of what is joined to a bridge."""
    return tuple(sorted(each.name for each in links if each.master == bridge.index))


def is_interface(link: Link, links: Mapping[int, Link], has_address: bool) -> bool:
    """Whether a link is an interface of the host: a device, several made one, or a container's way out.

    The host's ends of its containers' ways out look like those ways out themselves, but the host reaches nobody by
    their addresses: they are ports of a bridge or have none.
    """
    master = links.get(link.master)
    part = master is not None and master.kind in AGGREGATES and not master.ours
    if link.type != ETHERNET or XEN_GUEST.match(link.name) or part or link.ours:
        return False
    if link.kind in ENDS:
        return link.elsewhere and has_address
    return not link.kind or link.kind in AGGREGATES


def bridge_of(link: Link, links: Mapping[int, Link]) -> Link | None:
    """The bridge that a link is a port of."""
    master = links.get(link.master)
    return master if master is not None and master.kind == "bridge" else None


def bridges_of(links: Mapping[int, Link]) -> dict[int, Link]:
    """The bridges of those that are ports of one."""
    found = {link.index: bridge_of(link, links) for link in links.values()}
    return {index: bridge for index, bridge in found.items() if bridge is not None}


def addressed(link: Link, bridge: Link | None, addresses: Mapping[int, object]) -> Link:
    """Where the addresses of an interface are: on the bridge, if it is a port of one and has none itself."""
    return link if bridge is None or link.index in addresses else bridge

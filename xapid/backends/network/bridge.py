"""Linux bridges, by netlink. Ours carry the uuid of their network in the link's alias."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from pyroute2 import NetlinkError

from xapid.backends.interface import (
    AlreadyExists,
    DriverInfo,
    Failed,
    InUse,
    NotFound,
    NotSupported,
)
from xapid.backends.network import guards, taps, uplinks
from xapid.backends.network.host_links import HostLinks, Places
from xapid.backends.network.interface import (
    AddressMode,
    Bridge,
    Connected,
    GuestPort,
    Reason,
    Wire,
)
from xapid.backends.network.links import (
    Link,
    Links,
    bridges_of,
    ports,
)

JOINABLE = frozenset({"bridge", "openvswitch"})
"""Kinds of links that guests can be joined to."""
OURS = "xapid:"
"""What the alias of a bridge of ours begins with; the uuid of its network follows."""
SETTINGS = {"br_forward_delay": 0, "br_mcast_snooping": 0}
"""A guest is heard at once, and hears every multicast: nobody on an internal network asks who wants it."""


class Bridges(HostLinks):
    """Networks of this host."""

    info = DriverInfo("bridge", "Linux bridges")
    _guarding = threading.Lock()
    """Of this process: the kernel's rules are the host's."""

    def bridges(self) -> list[Bridge]:
        with self.netlink() as netlink:
            links = Links.read(netlink)
        return [
            Bridge(link.name, _network_of(link), link.mtu, ports(links.values(), link))
            for link in links.values()
            if _network_of(link)
        ]

    def ensure_bridge(self, bridge: Bridge) -> None:
        with self.changing, self.netlink() as netlink:
            links = Links(netlink)
            there = links.named(bridge.name)
            if there is not None:
                _check_free(there, bridge, links)
                if not _is_as_asked(there, bridge):
                    _set_up(netlink, there.index, bridge)
                return
            netlink.link("add", ifname=bridge.name, kind="bridge", **SETTINGS)
            made = Links(netlink).named(bridge.name)
            if made is None:
                raise Failed(f"the bridge {bridge.name} went as soon as it was made")
            try:
                _set_up(netlink, made.index, bridge)
            except NetlinkError:
                netlink.link("del", index=made.index)
                raise

    def check_bridge(self, name: str) -> None:
        with self.netlink() as netlink:
            link = Links(netlink).named(name)
        if link is None or link.kind not in JOINABLE:
            raise NotFound(f"there is no bridge {name}", bridge=name)

    def unopened_taps(self) -> list[str]:
        with self.netlink() as netlink:
            return _unopened(Links.read(netlink))

    def remove_tap(self, name: str) -> None:
        with self.changing, self.netlink() as netlink:
            links = Links.read(netlink)
            link = links.named(name)
            if link is None:
                return
            if name not in _unopened(links):
                raise InUse(f"{name} is no device for guests that nobody has open", tap=name)
            netlink.link("del", index=link.index)

    def remove_bridge(self, name: str) -> None:
        with self.changing, self.netlink() as netlink:
            links = Links(netlink)
            bridge = links.named(name)
            if bridge is None or not _network_of(bridge):
                return
            joined = ports(links.joined(bridge), bridge)
            if joined:
                raise InUse(f"{', '.join(joined)} still joined to {name}", bridge=name)
            netlink.link("del", index=bridge.index)

    def connect(self, wire: Wire) -> Connected:
        if wire.ipv6.mode is AddressMode.dhcp:
            raise NotSupported("there is no client of DHCPv6 on this host yet")
        with self.changing, self.netlink() as netlink:
            uplinks.check(netlink, wire, lambda link: bool(_network_of(link)))
        self.ensure_bridge(wire.bridge)
        by_server = wire.ipv4.mode is AddressMode.dhcp
        if not by_server:
            self.clients.stop(wire.bridge.name)
        with self.changing, self.netlink() as netlink:
            connected = uplinks.lay(netlink, wire, self.tuner)
        self.resolver.say(wire.bridge.name, wire.naming, leased=by_server)
        return self.asked(wire, connected) if by_server else connected

    def disconnect(self, bridge: str) -> None:
        with self.changing, self.netlink() as netlink:
            links = Links(netlink)
            found = links.named(bridge)
            if found is not None and not _network_of(found):
                return
            self.clients.stop(bridge)
            self.resolver.forget(bridge)
            if found is None:
                return
            uplinks.take_away(netlink, links, found, self.tuner)
        with contextlib.suppress(InUse):
            self.remove_bridge(bridge)

    def guard(self, ports: Sequence[GuestPort]) -> None:
        with self._guarding:
            guards.put(ports)

    def unguard(self, vifs: Sequence[str]) -> None:
        with self._guarding:
            guards.lift(vifs)

    def dropped(self) -> dict[str, dict[Reason, int]]:
        return guards.dropped()

    def places(self, links: Mapping[int, Link]) -> Places:
        masters = {each.index for each in links.values() if each.ours or _network_of(each)}
        ours = frozenset(each.index for each in links.values() if each.master in masters)
        return Places(ours, bridges_of(links))


def _set_up(netlink: Any, index: int, bridge: Bridge) -> None:
    """Mark a bridge as ours and bring it up, in one request: nobody sees it marked and not ready."""
    alias = f"{OURS}{bridge.uuid}"
    netlink.link("set", index=index, kind="bridge", ifalias=alias, mtu=bridge.mtu, state="up", **SETTINGS)


def _is_as_asked(link: Link, bridge: Bridge) -> bool:
    """Whether nothing is to be done to a bridge: then nobody is told of anything."""
    settled = link.up and link.forward_delay == 0 and link.snooping is False
    return settled and (_network_of(link), link.mtu) == (bridge.uuid, bridge.mtu)


def _check_free(link: Link, bridge: Bridge, links: Links) -> None:
    """Raises AlreadyExists unless a link of that name may become, or is, the bridge.

    A network may take over the empty bridge of one that is gone. Guests of another network would hear its guests.
    """
    network = _network_of(link)
    if network == bridge.uuid or ((network or _is_half_made(link)) and not links.joined(link)):
        return
    owner = f"the bridge of network {network}" if network else "a link that is not ours"
    raise AlreadyExists(f"{bridge.name} is {owner}", bridge=bridge.name)


def _is_half_made(link: Link) -> bool:
    """A bridge as it is between being made and being marked, where a crash may leave it; others rarely make such."""
    return link.kind == "bridge" and not (link.alias or link.up or link.forward_delay or link.snooping)


def _unopened(links: Mapping[int, Link]) -> list[str]:
    """Taps on bridges of ours that no process has open: none carries traffic then, which is sooner seen."""
    ours = {link.index for link in links.values() if _network_of(link)}
    idle = {link.name for link in links.values() if link.kind == "tun" and link.master in ours and not link.carrier}
    return sorted(idle - taps.opened()) if idle else []


def _network_of(link: Link) -> str:
    """uuid of the network whose bridge a link is; empty: it is none of ours."""
    ours = link.kind == "bridge" and link.alias.startswith(OURS)
    return link.alias.removeprefix(OURS) if ours else ""

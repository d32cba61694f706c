"""Open vSwitch, by its database, and links by netlink. Bridges of ours tell the uuid of their network."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xapid.backends.interface import AlreadyExists, DriverInfo, Failed, InUse, NotFound, NotSupported
from xapid.backends.network import ovs_layout, ovsdb, taps, uplinks
from xapid.backends.network.host_links import HostLinks, Places
from xapid.backends.network.interface import (
    UNTAGGED,
    AddressMode,
    Bonding,
    Bridge,
    Connected,
    GuestPort,
    Locking,
    Reason,
    Uplink,
    Wire,
)
from xapid.backends.network.links import Link, Links, bridges_of, there
from xapid.backends.network.names import Policy
from xapid.backends.network.ovs_copy import Copy
from xapid.backends.network.ovs_layout import Plan
from xapid.backends.network.ovs_rows import CARRIER, UPLINK, Found, Switch, Way
from xapid.backends.network.ovsdb import Operation

KEYS = range(1, 65536)
"""Of aggregations."""


class OpenVSwitch(HostLinks):
    """Networks of this host."""

    info = DriverInfo("openvswitch", "Open vSwitch")

    def __init__(
        self,
        database: Path = ovsdb.SOCKET,
        datapath: str = "system",
        sysfs: Path = Path("/sys/class/net"),
        leases: Path = Path("/run/xapid/leases"),
        memory: str = "",
        resolv_conf: Path = Path("/etc/resolv.conf"),
        names: str = Policy.auto,
    ) -> None:
        """``database``: its socket; ``datapath``: system, that of the kernel, or netdev, its own; the others: see
        ``HostLinks``.
        """
        super().__init__(sysfs, leases=leases, memory=memory, resolv_conf=resolv_conf, names=names)
        self._socket = database
        self._datapath = datapath
        self._copy = Copy(database)

    def close(self) -> None:
        """Let go of the database, which is watched from the first call on."""
        self._copy.close()

    def bridges(self) -> list[Bridge]:
        with self.netlink() as netlink:
            links = Links.read(netlink)
        found = []
        with self._copy.look() as switch:
            for bridge in switch.bridges.values():
                if bridge.network:
                    link = links.named(bridge.name)
                    joined = _joined(switch, bridge, links)
                    found.append(Bridge(bridge.name, bridge.network, 0 if link is None else link.mtu, joined))
        return sorted(found, key=lambda bridge: bridge.name)

    def ensure_bridge(self, bridge: Bridge) -> None:
        with self.changing, self.netlink() as netlink:
            with self._copy.look() as switch:
                _check_name(switch, bridge, Links(netlink))
                new = bridge.name not in switch.bridges
                change = _Change.of(Plan(switch, self._datapath, bridges={bridge.name: bridge}))
            self._lay(change, f"bridge {bridge.name}")
            try:
                self._bring_up(netlink, bridge)
            except Failed:
                if new:
                    self._remove(bridge.name)
                raise

    def check_bridge(self, name: str) -> None:
        with self._copy.look() as switch:
            if name not in switch.bridges:
                raise NotFound(f"there is no bridge {name} of Open vSwitch", bridge=name)

    def unopened_taps(self) -> list[str]:
        with self.netlink() as netlink:
            return self._unopened(Links.read(netlink))

    def remove_tap(self, name: str) -> None:
        with self.changing, self.netlink() as netlink:
            links = Links.read(netlink)
            link = links.named(name)
            if link is None:
                return
            if name not in self._unopened(links):
                raise InUse(f"{name} is no device for guests that nobody has open", tap=name)
            netlink.link("del", index=link.index)

    def remove_bridge(self, name: str) -> None:
        with self.changing, self.netlink() as netlink:
            with self._copy.look() as switch:
                bridge = switch.bridges.get(name)
                if bridge is None or not bridge.network:
                    return
                if joined := _joined(switch, bridge, Links(netlink)):
                    raise InUse(f"{', '.join(joined)} still joined to {name}", bridge=name)
            self._remove(name)

    def connect(self, wire: Wire) -> Connected:
        if wire.ipv6.mode is AddressMode.dhcp:
            raise NotSupported("there is no client of DHCPv6 on this host yet")
        by_server = wire.ipv4.mode is AddressMode.dhcp
        with self.changing, self.netlink() as netlink:
            links = Links(netlink)
            with self._copy.look() as switch:
                _check_name(switch, wire.bridge, links)
                if wire.uplink is not None:
                    _check_uplink(netlink, switch, links, wire, wire.uplink)
                plan = Plan(switch, self._datapath)
                mac = _add(plan, links, wire)
                change = _Change.of(plan)
            if not by_server:
                self.clients.stop(wire.bridge.name)
            self._lay(change, f"{wire.bridge.name} is joined")
            if wire.uplink is not None:
                self._prepare(netlink, wire, wire.uplink)
            self._bring_up(netlink, wire.bridge)
            bridge = there(Links(netlink), wire.bridge.name)
            connected = uplinks.settle(netlink, wire, bridge, mac or bridge.mac, self.tuner)
            self._free(netlink, change)
        self.resolver.say(wire.bridge.name, wire.naming, leased=by_server)
        return self.asked(wire, connected) if by_server else connected

    def disconnect(self, bridge: str) -> None:
        with self.changing, self.netlink() as netlink:
            with self._copy.look() as switch:
                found = switch.bridges.get(bridge)
                change = None if found is None else _Change.of(Plan(switch, self._datapath, ways={bridge: None}))
            if found is not None and not found.network:
                return
            self.clients.stop(bridge)
            self.resolver.forget(bridge)
            if change is None:
                return
            if (link := Links(netlink).named(bridge)) is not None:
                uplinks.unsettle(netlink, link, self.tuner)
            self._lay(change, f"{bridge} leads nowhere")
            self._free(netlink, change)
        with contextlib.suppress(InUse):
            self.remove_bridge(bridge)

    def guard(self, ports: Sequence[GuestPort]) -> None:
        if bound := [port.vif for port in ports if port.locking is not Locking.unlocked or port.kbps]:
            raise NotSupported(f"what guests send cannot be bounded on Open vSwitch yet: {', '.join(bound)}")

    def unguard(self, vifs: Sequence[str]) -> None:
        """No port has bounds."""

    def dropped(self) -> dict[str, dict[Reason, int]]:
        return {}

    def places(self, links: Mapping[int, Link]) -> Places:
        by_name = {link.name: link for link in links.values()}
        ours, bridges = set(), bridges_of(links)
        with self._copy.look() as switch:
            for name, link in by_name.items():
                if (port := switch.port_with(name)) is None or (bridge := switch.bridge_of(port)) is None:
                    continue
                if UPLINK in port.marks:
                    ours.add(link.index)
                # A part of a bond has no bridge of its own, and one that carries VLANs alone is nobody's.
                if bridge.name in by_name and CARRIER not in bridge.marks and len(switch.interfaces_of(port)) == 1:
                    bridges[link.index] = by_name[bridge.name]
        return Places(frozenset(ours), bridges)

    # What is changed

    def _lay(self, change: _Change, what: str) -> None:
        """Let it be so, and wait until it is. Where it is so already nobody is told of anything."""
        if not change.operations:
            return
        with ovsdb.opened(self._socket) as database:
            database.commit(change.operations, what)
        with self._copy.look() as switch:
            for name in change.interfaces:
                found = switch.interfaces.get(name)
                if found is not None and (error := ovsdb.one(found.row["error"])):
                    raise Failed(f"Open vSwitch cannot have {name}: {error}")

    def _remove(self, bridge: str) -> None:
        """Whatever is joined to it."""
        with self._copy.look() as switch:
            change = _Change.of(Plan(switch, self._datapath, gone=frozenset({bridge})))
        self._lay(change, f"no bridge {bridge}")

    def _unopened(self, links: Links) -> list[str]:
        """Taps on bridges of ours that no process has open: none carries traffic then, which is sooner seen."""
        with self._copy.look() as switch:
            joined = [port for bridge in switch.bridges.values() if bridge.network for port in switch.guests_of(bridge)]
        found = [links.named(port.name) for port in joined]
        idle = {link.name for link in found if link is not None and link.kind == "tun" and not link.carrier}
        return sorted(idle - taps.opened()) if idle else []

    def _prepare(self, netlink: Any, wire: Wire, uplink: Uplink) -> None:
        """Let the interfaces that a bridge leads out by be up and work as they are to."""
        for each in wire.tuning:
            if each.device != wire.bridge.name:
                self.tuner.tune(each.device, dict(each.settings))
        links = Links(netlink)
        for name in uplink.interfaces:
            link = there(links, name)
            # One for VLANs has at least the MTU of each.
            least = wire.bridge.mtu if uplink.bond is None else uplink.bond.mtu
            mtu = least if uplink.tag == UNTAGGED or uplink.bond is not None else max(least, link.mtu)
            if link.mtu != mtu:
                self.tuner.note_mtu(name, link.mtu)
            uplinks.set_where(netlink, link, link.mtu != mtu, mtu=mtu)
            uplinks.set_where(netlink, link, not link.up, state="up")

    def _bring_up(self, netlink: Any, bridge: Bridge) -> None:
        link = there(Links(netlink), bridge.name)
        if link.mtu != bridge.mtu:
            raise Failed(f"{bridge.name} cannot have packets of {bridge.mtu} bytes: Invalid argument")
        uplinks.set_where(netlink, link, not link.up, state="up")

    def _free(self, netlink: Any, change: _Change) -> None:
        """Let interfaces that are ours no more be as they were by themselves."""
        if not change.operations:
            return
        with self._copy.look() as switch:
            free = [
                each for each in change.held if (port := switch.port_with(each)) is None or UPLINK not in port.marks
            ]
        links = Links(netlink)
        for name in free:
            mtu = self.tuner.put_back(name)
            if (link := links.named(name)) is not None:
                uplinks.set_where(netlink, link, mtu not in (0, link.mtu), mtu=mtu)


@dataclass(frozen=True)
class _Change:
    """What is to be told to the database, and whom that is about."""

    operations: list[Operation]
    interfaces: tuple[str, ...]
    """Of which the switch may say that it cannot have them."""
    held: tuple[str, ...]
    """Interfaces of the host that were ours before."""

    @classmethod
    def of(cls, plan: Plan) -> _Change:
        devices = plan.devices()
        held = [member for device in devices for member in plan.switch.members_of(device)]
        members = [member for bonding in plan.bonds.values() for member in bonding.members]
        interfaces = dict.fromkeys([*plan.touched(), *devices, *held, *members])
        return cls(ovs_layout.operations(plan), tuple(interfaces), tuple(sorted(held)))


def _add(plan: Plan, links: Links, wire: Wire) -> str:
    """Let a plan have a wire, too. Returns the MAC address of its bridge; empty: any."""
    name, uplink = wire.bridge.name, wire.uplink
    plan.bridges[name] = wire.bridge
    if uplink is None:
        plan.ways[name] = None
        mac = wire.mac
    else:
        plan.ways[name] = Way(uplink.device, uplink.tag)
        mac = uplink.bond.mac if uplink.bond is not None else there(links, uplink.device).mac
        if uplink.bond is not None:
            plan.bonds[uplink.device] = uplink.bond
            _take_over(plan, uplink.bond)
    if mac:
        plan.macs[name] = mac
    return mac


def _take_over(plan: Plan, bond: Bonding) -> None:
    """What bridges still have of a bond's members is a leftover: the records say that they are in the bond."""
    for member in bond.members:
        home = plan.switch.home_of(member)
        if home is None or plan.switch.members_of(member) != (member,):
            continue
        for name in (home.name, *sorted(plan.switch.tagged_over(member))):
            if (way := plan.way_of(name)) is not None and way.device == member:
                plan.ways[name] = None


def _check_name(switch: Switch, bridge: Bridge, links: Links) -> None:
    """Raises AlreadyExists unless a bridge of that name may become, or is, that one.

    A network may take over the empty bridge of one that is gone. Guests of another network would hear its guests.
    """
    found = switch.bridges.get(bridge.name)
    if found is None:
        if links.named(bridge.name) is None and bridge.name not in switch.ports:
            return
        owner = "a link that is not ours"
    elif found.network == bridge.uuid or (found.network and not _joined(switch, found, links)):
        return
    else:
        owner = f"the bridge of network {found.network}" if found.network else "a bridge that is not ours"
    raise AlreadyExists(f"{bridge.name} is {owner}", bridge=bridge.name)


def _check_uplink(netlink: Any, switch: Switch, links: Links, wire: Wire, uplink: Uplink) -> None:
    """Whether the interfaces of a wire are ours to take. Raises what ``connect`` does."""
    if uplink.bond is not None:
        _check_bond(switch, links, uplink, uplink.bond)
    for device in [uplinks.interface(links, name) for name in uplink.interfaces]:
        name = device.name
        # On a bridge nobody would answer for these addresses, with a tag or without.
        uplinks.check_free(netlink, device)
        master = links.get(device.master)
        if master is not None and master.kind in ("bridge", "bond"):
            raise InUse(f"{name} is a port of {master.name}", device=name)
        port = switch.port_with(name)
        if port is not None and not _may_take(switch, port, wire.bridge, uplink):
            raise InUse(f"{name} is a port of a bridge of Open vSwitch, or part of a bond there", device=name)


def _check_bond(switch: Switch, links: Links, uplink: Uplink, bonding: Bonding) -> None:
    port = switch.ports.get(uplink.device)
    if links.named(uplink.device) is not None or (port is not None and UPLINK not in port.marks):
        raise InUse(f"{uplink.device} is not ours", device=uplink.device)
    if bonding.key is not None and bonding.key not in KEYS:
        raise NotSupported(f"a key of aggregation is a number from {KEYS.start} to {KEYS.stop - 1}")


def _may_take(switch: Switch, port: Found, wanted: Bridge, uplink: Uplink) -> bool:
    """Whether a port that has an interface already may have it for a wire, or let it go."""
    bridge = switch.bridge_of(port)
    if UPLINK not in port.marks or bridge is None or not bridge.is_ours:
        return False
    if port.name == uplink.device:
        return uplink.tag != UNTAGGED or not bridge.network or bridge.name == wanted.name
    # Part of a bond that is another one stays there; what is alone goes into a bond.
    return uplink.bond is not None and switch.members_of(port.name) == (port.name,)


def _joined(switch: Switch, bridge: Found, links: Links) -> tuple[str, ...]:
    """What is joined to a bridge of ours, and how it leads out. Ports of links that are gone are nobody's."""
    way = switch.way_of(bridge)
    out = [] if way is None else [way.device if way.tag == UNTAGGED else f"{way.device}.{way.tag}"]
    return tuple(sorted([*out, *(each.name for each in switch.guests_of(bridge) if _is_there(switch, each, links))]))


def _is_there(switch: Switch, port: Found, links: Links) -> bool:
    interfaces = switch.interfaces_of(port)
    return any(each.row["type"] or links.named(each.name) is not None for each in interfaces)

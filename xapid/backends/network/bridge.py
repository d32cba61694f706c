"""Linux bridges, by netlink. Ours carry the uuid of their network in the link's alias."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyroute2 import NetlinkError
from pyroute2.ethtool.ioctl import IoctlEthtool

from xapid.backends.interface import (
    AlreadyExists,
    DriverInfo,
    Failed,
    InUse,
    NotFound,
    NotSupported,
    Traffic,
    Unavailable,
)
from xapid.backends.network import functions, guards, taps, uplinks
from xapid.backends.network.adapter import read_adapter
from xapid.backends.network.dhcp import FIRST_ANSWER, DhcpClients
from xapid.backends.network.interface import (
    AddressMode,
    Bridge,
    Connected,
    Functions,
    GuestPort,
    Lease,
    Nic,
    Reason,
    Wire,
)
from xapid.backends.network.leased import lead_out
from xapid.backends.network.links import (
    Link,
    Links,
    addressed,
    bridge_of,
    connection,
    is_interface,
    ports,
    reached_at,
    read_addresses,
    read_gateways,
    there,
)
from xapid.backends.network.tuning import Tuner

JOINABLE = frozenset({"bridge", "openvswitch"})
"""Kinds of links that guests can be joined to."""
OURS = "xapid:"
"""What the alias of a bridge of ours begins with; the uuid of its network follows."""
SETTINGS = {"br_forward_delay": 0, "br_mcast_snooping": 0}
"""A guest is heard at once, and hears every multicast: nobody on an internal network asks who wants it."""


class Bridges:
    """Networks of this host. Calls come from several threads: each opens netlink for itself, and changes take turns."""

    info = DriverInfo("bridge", "Linux bridges")

    def __init__(
        self,
        sysfs: Path = Path("/sys/class/net"),
        kernel: Callable[[], Any] = connection,
        leases: Path = Path("/run/xapid/leases"),
        first_lease: float = FIRST_ANSWER,
        memory: str = "",
        ethtool: Callable[[str], Any] = IoctlEthtool,
    ) -> None:
        """``kernel``, ``ethtool``: open a connection to it, and to a device; ``memory``: a file, see ``Tuner``;
        ``leases``: a folder for what servers of DHCP gave, and ``first_lease``: seconds in which they may do so before
        it is gone on without.
        """
        self._sysfs = sysfs
        self._clients = DhcpClients(leases, first_lease)
        self._tuner = Tuner(Path(memory) if memory else None, ethtool)
        self._kernel = kernel
        self._changing = threading.Lock()
        self._guarding = threading.Lock()

    def nics(self) -> list[Nic]:
        with self._netlink() as netlink:
            links, addresses, gateways = Links.read(netlink), read_addresses(netlink), read_gateways(netlink)
        found = []
        for link in links.values():
            if _is_way_out(link, links, addresses) and not functions.is_one(self._sysfs / link.name):
                bridge = bridge_of(link, links)
                where = addressed(link, bridge, addresses).index
                found.append(self._nic(link, bridge, addresses.get(where, ()), gateways.get(where, "")))
        return sorted(found, key=lambda nic: nic.device)

    def traffic(self) -> dict[str, Traffic]:
        with self._netlink() as netlink:
            links, addresses = Links.read(netlink), read_addresses(netlink)
        return {each.name: each.traffic for each in links.values() if _is_way_out(each, links, addresses)}

    def bridges(self) -> list[Bridge]:
        with self._netlink() as netlink:
            links = Links.read(netlink)
        return [
            Bridge(link.name, _network_of(link), link.mtu, ports(links.values(), link))
            for link in links.values()
            if _network_of(link)
        ]

    def ensure_bridge(self, bridge: Bridge) -> None:
        with self._changing, self._netlink() as netlink:
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
        with self._netlink() as netlink:
            link = Links(netlink).named(name)
        if link is None or link.kind not in JOINABLE:
            raise NotFound(f"there is no bridge {name}", bridge=name)

    def unopened_taps(self) -> list[str]:
        with self._netlink() as netlink:
            return _unopened(Links.read(netlink))

    def remove_tap(self, name: str) -> None:
        with self._changing, self._netlink() as netlink:
            links = Links.read(netlink)
            link = links.named(name)
            if link is None:
                return
            if name not in _unopened(links):
                raise InUse(f"{name} is no device for guests that nobody has open", tap=name)
            netlink.link("del", index=link.index)

    def remove_bridge(self, name: str) -> None:
        with self._changing, self._netlink() as netlink:
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
        with self._changing, self._netlink() as netlink:
            uplinks.check(netlink, wire, lambda link: bool(_network_of(link)))
        self.ensure_bridge(wire.bridge)
        by_server = wire.ipv4.mode is AddressMode.dhcp
        if not by_server:
            self._clients.stop(wire.bridge.name)
        with self._changing, self._netlink() as netlink:
            connected = uplinks.lay(netlink, wire, self._tuner)
        return self._asked(wire, connected) if by_server else connected

    def _asked(self, wire: Wire, connected: Connected) -> Connected:
        """The same with what a server of DHCP gave; who answers late gives the bridge its address then."""
        lease = self._clients.ask(wire.bridge.name, leads_out=wire.ipv4.leads_out)
        with self._netlink() as netlink:
            bridge = there(Links(netlink), wire.bridge.name)
            if lease is not None and wire.ipv4.leads_out:
                lead_out(netlink, bridge.index, lease)
            uplinks.lead_on(netlink, bridge, wire.routes)
            addresses = reached_at(netlink, bridge.index)
        return replace(
            connected,
            addresses=addresses,
            gateway=lease.gateway if lease is not None else connected.gateway,
        )

    def disconnect(self, bridge: str) -> None:
        with self._changing, self._netlink() as netlink:
            links = Links(netlink)
            found = links.named(bridge)
            if found is not None and not _network_of(found):
                return
            self._clients.stop(bridge)
            if found is None:
                return
            uplinks.take_away(netlink, links, found, self._tuner)
        with contextlib.suppress(InUse):
            self.remove_bridge(bridge)

    def leases(self) -> dict[str, Lease]:
        return self._clients.leases()

    def functions(self, device: str) -> Functions:
        return functions.read(self._sysfs / device)

    def make_functions(self, device: str) -> None:
        with self._changing:
            functions.make(self._sysfs / device)

    def remove_functions(self, device: str) -> None:
        with self._changing:
            functions.remove(self._sysfs / device)

    def guard(self, ports: Sequence[GuestPort]) -> None:
        with self._guarding:
            guards.put(ports)

    def unguard(self, vifs: Sequence[str]) -> None:
        with self._guarding:
            guards.lift(vifs)

    def dropped(self) -> dict[str, dict[Reason, int]]:
        return guards.dropped()

    @contextmanager
    def _netlink(self) -> Iterator[Any]:
        """A connection to the kernel. Its refusals become Failed, and Unavailable if there is none to be had."""
        try:
            connection = self._kernel()
        except OSError as error:
            raise Unavailable(f"netlink cannot be opened: {error.strerror}") from error
        with connection as netlink:
            try:
                yield netlink
            except NetlinkError as error:
                raise Failed(f"the kernel refuses: {error.args[-1]}", errno=str(error.code)) from error

    def _nic(self, link: Link, bridge: Link | None, addresses: tuple[str, ...], gateway: str) -> Nic:
        adapter = read_adapter(self._sysfs / link.name)
        return Nic(
            device=link.name,
            mac=link.mac,
            mtu=link.mtu,
            carrier=link.carrier,
            speed=adapter.speed,
            duplex=adapter.full_duplex,
            addresses=addresses,
            gateway=gateway,
            vendor_id=adapter.vendor_id,
            vendor_name=adapter.vendor_name,
            device_id=adapter.device_id,
            device_name=adapter.device_name,
            pci_bus_path=adapter.pci_bus_path,
            bridge=bridge.name if bridge else "",
            functions=functions.most(self._sysfs / link.name),
        )


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


def _is_way_out(link: Link, links: Mapping[int, Link], addresses: Mapping[int, object]) -> bool:
    """Whether a link is an interface of the host. What we made a port of a bridge, or a member of a bond, is one."""
    master = links.get(link.master)
    ours = master is not None and (master.ours or bool(_network_of(master)))
    return is_interface(link, links, ours or link.index in addresses)


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

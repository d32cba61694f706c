"""What drivers of networks on Linux have in common: interfaces of the host, and a connection to the kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyroute2 import NetlinkError
from pyroute2.ethtool.ioctl import IoctlEthtool

from xapid.backends.interface import Failed, Traffic, Unavailable
from xapid.backends.network import functions, uplinks
from xapid.backends.network.adapter import read_adapter
from xapid.backends.network.dhcp import FIRST_ANSWER, DhcpClients
from xapid.backends.network.interface import Connected, Functions, Lease, Nic, Wire
from xapid.backends.network.leased import lead_out
from xapid.backends.network.links import (
    Link,
    Links,
    addressed,
    connection,
    is_interface,
    reached_at,
    read_addresses,
    read_gateways,
    there,
)
from xapid.backends.network.names import Policy, Resolver
from xapid.backends.network.tuning import Tuner


@dataclass(frozen=True)
class Places:
    """Which links are ports of bridges, by their indexes."""

    ours: frozenset[int]
    """Ports of a bridge, or parts of a bond, of ours."""
    bridges: Mapping[int, Link]
    """The bridge of each that has one, whoever made it."""


class HostLinks:
    """Interfaces of this host. Calls come from several threads: each opens netlink for itself; changes take turns."""

    def __init__(
        self,
        sysfs: Path = Path("/sys/class/net"),
        kernel: Callable[[], Any] = connection,
        leases: Path = Path("/run/xapid/leases"),
        first_lease: float = FIRST_ANSWER,
        memory: str = "",
        ethtool: Callable[[str], Any] = IoctlEthtool,
        resolv_conf: Path = Path("/etc/resolv.conf"),
        names: str = Policy.auto,
    ) -> None:
        """``kernel``, ``ethtool``: open a connection to it, and to a device; ``memory``: a file, see ``Tuner``;
        ``leases``: a folder for what servers of DHCP gave, and ``first_lease``: seconds in which they may do so before
        it is gone on without; ``resolv_conf``, ``names``: file and policy, see ``Resolver``.
        """
        self._sysfs = sysfs
        self.resolver = Resolver(Path(leases), Path(resolv_conf), Policy(names))
        self.clients = DhcpClients(Path(leases), first_lease, [str(resolv_conf), str(names)])
        self.tuner = Tuner(Path(memory) if memory else None, ethtool)
        self._kernel = kernel
        self.changing = threading.Lock()

    def nics(self) -> list[Nic]:
        with self.netlink() as netlink:
            links, addresses, gateways = Links.read(netlink), read_addresses(netlink), read_gateways(netlink)
        places = self.places(links)
        found = []
        for link in _interfaces(links, places, addresses):
            if functions.is_one(self._sysfs / link.name):
                continue
            bridge = places.bridges.get(link.index)
            where = addressed(link, bridge, addresses).index
            found.append(self._nic(link, bridge, addresses.get(where, ()), gateways.get(where, "")))
        return sorted(found, key=lambda nic: nic.device)

    def traffic(self) -> dict[str, Traffic]:
        with self.netlink() as netlink:
            links, addresses = Links.read(netlink), read_addresses(netlink)
        return {each.name: each.traffic for each in _interfaces(links, self.places(links), addresses)}

    def leases(self) -> dict[str, Lease]:
        return self.clients.leases()

    def functions(self, device: str) -> Functions:
        return functions.read(self._sysfs / device)

    def make_functions(self, device: str) -> None:
        with self.changing:
            functions.make(self._sysfs / device)

    def remove_functions(self, device: str) -> None:
        with self.changing:
            functions.remove(self._sysfs / device)

    def places(self, links: Mapping[int, Link]) -> Places:
        """Which links are ports of bridges."""
        raise NotImplementedError

    def asked(self, wire: Wire, connected: Connected) -> Connected:
        """The same with what a server of DHCP gave; who answers late gives the bridge its address then."""
        lease = self.clients.ask(wire.bridge.name, leads_out=wire.ipv4.leads_out)
        with self.netlink() as netlink:
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

    @contextmanager
    def netlink(self) -> Iterator[Any]:
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


def _interfaces(links: Mapping[int, Link], places: Places, addresses: Mapping[int, object]) -> Iterator[Link]:
    """The interfaces of the host. What we made a port of a bridge, or a member of a bond, is one."""
    for link in links.values():
        if is_interface(link, links, link.index in places.ours or link.index in addresses):
            yield link

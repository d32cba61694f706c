"""What a client of DHCP calls with what it was told: ``leased FOLDER FILE POLICY EVENT``, the lease in its environment.

The bridge gets the address for as long as the lease is good for: the kernel takes away what was not renewed. The host
asks the servers that it names (``FILE``, ``POLICY``: see ``Resolver``).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from xapid.backends.network.interface import Lease
from xapid.backends.network.links import connection, set_way_out, ways_out
from xapid.backends.network.names import LEASE, Policy, Resolver, is_domain
from xapid.backends.whole_files import write_whole

GIVEN = frozenset({"bound", "renew"})
"""Events that bring a lease. Of its end the kernel knows, and of that of the client who ended it."""
LEADS_OUT = ".leads-out"


def file_of(folder: Path, bridge: str) -> Path:
    return folder / f"{bridge}{LEASE}"


def way_out_of(folder: Path, bridge: str) -> Path:
    """A file that is there while the way out of the host is over the router that a server names to a bridge."""
    return folder / f"{bridge}{LEADS_OUT}"


def read(environment: Mapping[str, str]) -> Lease:
    """The lease that a client tells of. Raises KeyError, ValueError: servers may say anything."""
    address = ipaddress.IPv4Interface(f"{environment['ip']}/{environment.get('subnet') or '255.255.255.0'}")
    routers, servers = (
        [str(ipaddress.IPv4Address(each)) for each in environment.get(name, "").split()] for name in ("router", "dns")
    )
    words = f"{environment.get('search', '')} {environment.get('domain', '')}".split()
    domains = tuple(dict.fromkeys(filter(is_domain, words)))
    return Lease(str(address), routers[0] if routers else "", tuple(servers), int(environment["lease"]), domains)


def give(netlink: Any, index: int, lease: Lease) -> None:
    """Let a bridge have the address of a lease, and no other of IPv4."""
    wanted = ipaddress.IPv4Interface(lease.address)
    netlink.addr(
        "replace",
        index=index,
        family=socket.AF_INET,
        address=str(wanted.ip),
        prefixlen=wanted.network.prefixlen,
        valid_lft=lease.seconds,
        preferred_lft=lease.seconds,
    )
    for each in netlink.get_addr(family=socket.AF_INET, index=index):
        address = each.get_attr("IFA_LOCAL") or each.get_attr("IFA_ADDRESS")
        if (address, each["prefixlen"]) != (str(wanted.ip), wanted.network.prefixlen):
            netlink.addr("del", index=index, address=address, prefixlen=each["prefixlen"])


def lead_out(netlink: Any, index: int, lease: Lease) -> None:
    """Let the way out of the host be over the router of a lease, if it names one."""
    routes = ways_out(netlink, socket.AF_INET, index)
    set_way_out(netlink, index, socket.AF_INET, routes, lease.gateway)


def main(folder: Path, resolver: Resolver, event: str, environment: Mapping[str, str]) -> None:
    if event not in GIVEN:
        return
    lease, bridge = read(environment), environment["interface"]
    with connection() as netlink:
        (index,) = netlink.link_lookup(ifname=bridge)
        give(netlink, index, lease)
        if way_out_of(folder, bridge).exists():
            lead_out(netlink, index, lease)
    write_whole(file_of(folder, bridge), msgspec.json.encode(lease))
    resolver.apply()


if __name__ == "__main__":
    place, file, policy = sys.argv[1:4]
    main(Path(place), Resolver(Path(place), Path(file), Policy(policy)), sys.argv[4], os.environ)

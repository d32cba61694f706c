"""What a client of DHCP calls with what it was told: ``leased FOLDER EVENT``, the lease in its environment.

The bridge gets the address for as long as the lease is good for: the kernel takes away what was not renewed.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pyroute2 import IPRoute

GIVEN = frozenset({"bound", "renew"})
"""Events that bring a lease. Of its end the kernel knows, and of that of the client who ended it."""


@dataclass(frozen=True)
class Lease:
    """What a server gave."""

    address: str
    """with prefix length"""
    gateway: str = ""
    name_servers: tuple[str, ...] = ()
    seconds: int = 0


def file_of(folder: Path, bridge: str) -> Path:
    return folder / f"{bridge}.lease"


def read(environment: Mapping[str, str]) -> Lease:
    """The lease that a client tells of. Raises KeyError, ValueError: servers may say anything."""
    address = ipaddress.IPv4Interface(f"{environment['ip']}/{environment.get('subnet') or '255.255.255.0'}")
    routers, servers = (
        [str(ipaddress.IPv4Address(each)) for each in environment.get(name, "").split()] for name in ("router", "dns")
    )
    return Lease(str(address), routers[0] if routers else "", tuple(servers), int(environment["lease"]))


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


def main(folder: Path, event: str, environment: Mapping[str, str]) -> None:
    if event not in GIVEN:
        return
    lease, bridge = read(environment), environment["interface"]
    with IPRoute() as netlink:
        (index,) = netlink.link_lookup(ifname=bridge)
        give(netlink, index, lease)
    path = file_of(folder, bridge)
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(lease))
    new.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], os.environ)

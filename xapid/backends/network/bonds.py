"""Bonds of ours: several interfaces made one by the kernel, by netlink."""

from __future__ import annotations

from typing import Any

from xapid.backends.interface import InUse, NotSupported
from xapid.backends.network.interface import Bonding, Hashing, Spreading, Uplink
from xapid.backends.network.links import GROUP, Link, Links, there

MODES = {Spreading.active_backup: 1, Spreading.by_source: 2, Spreading.lacp: 4}
"""The kernel has no balance-slb: balance-xor does the same with a hash of what packets come from."""
HASHES = {Hashing.source: 5, Hashing.ports: 1}
"""vlan+srcmac, layer3+4"""
HIGHEST_KEY = 1023
"""ad_user_port_key has ten bits."""


def check(links: Links, uplink: Uplink, bonding: Bonding) -> None:
    """Whether a bond is ours to make or to change. Raises InUse, NotSupported."""
    bond = links.named(uplink.device)
    if bond is not None and not (bond.ours and bond.kind == "bond"):
        raise InUse(f"{bond.name} is not ours", device=bond.name)
    if bonding.key is not None and not 0 <= bonding.key <= HIGHEST_KEY:
        raise NotSupported(f"a key of aggregation is a number from 0 to {HIGHEST_KEY}")


def ensure(netlink: Any, uplink: Uplink, bonding: Bonding) -> None:
    """Make a bond, or make it what it is to be. What is so already is not touched.

    The kernel takes a member only while that is down, and most settings only while there is no member.
    """
    links, wanted = Links(netlink), settings(bonding)
    bond = links.named(uplink.device)
    if bond is None:
        netlink.link("add", ifname=uplink.device, kind="bond", group=GROUP, address=bonding.mac, **wanted)
    elif any(bond.bonding.get(name) != value for name, value in wanted.items()):
        for member in members(links, bond):
            netlink.link("set", index=member.index, master=0)
        netlink.link("set", index=bond.index, state="down")
        netlink.link("set", index=bond.index, kind="bond", **wanted)
    links = Links(netlink)
    bond = there(links, uplink.device)
    for member in members(links, bond):
        if member.name not in bonding.members:
            netlink.link("set", index=member.index, master=0)
    for name in bonding.members:
        member = there(links, name)
        if member.master != bond.index:
            if member.up:
                netlink.link("set", index=member.index, state="down")
            netlink.link("set", index=member.index, master=bond.index)
    bond = there(Links(netlink), uplink.device)
    changes: dict[str, Any] = {}
    if bond.mac != bonding.mac:
        changes["address"] = bonding.mac
    if bond.mtu != bonding.mtu:
        changes["mtu"] = bonding.mtu
    if not bond.up:
        changes["state"] = "up"
    if changes:
        netlink.link("set", index=bond.index, **changes)


def settings(bonding: Bonding) -> dict[str, int]:
    """As the kernel names them. Some it takes in their own mode alone."""
    looked_at = bonding.looked_at
    found = {
        "bond_mode": MODES[bonding.spreading],
        "bond_miimon": looked_at,
        "bond_use_carrier": int(bonding.by_carrier),
    }
    if looked_at:
        # The kernel counts looks, and tells of as many milliseconds.
        found["bond_updelay"] = bonding.up_delay // looked_at * looked_at
        found["bond_downdelay"] = bonding.down_delay // looked_at * looked_at
    if bonding.spreading is not Spreading.active_backup:
        found["bond_xmit_hash_policy"] = HASHES[bonding.hashing]
    if bonding.spreading is Spreading.lacp:
        found["bond_ad_lacp_rate"] = int(bonding.fast)
        if bonding.key is not None:
            found["bond_ad_user_port_key"] = bonding.key
    return found


def members(links: Links, bond: Link) -> list[Link]:
    return [link for link in links.values() if link.master == bond.index]


def take_apart(netlink: Any, name: str) -> None:
    """Remove a bond of ours unless a bridge or a VLAN still leads over it. Its members are free then."""
    links = Links(netlink)
    bond = links.named(name)
    if bond is None or not bond.ours or bond.kind != "bond":
        return
    if not bond.master and not any(link.parent == bond.index for link in links.values()):
        netlink.link("del", index=bond.index)

"""What a guest may send by its port, as rules of nftables: from the port to the statements of its chain."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence

from xapid.backends.interface import Failed
from xapid.backends.network.interface import GuestPort, Locking, Reason

LEAST_BURST = 128
"""KiB: what a guest hands over as one packet, to be cut up by the host, has up to 64 KiB."""
NOBODY = "0.0.0.0"  # noqa: S104 -- nobody listens there
"""The source of who has no address yet."""
SOLICITATION, ADVERTISEMENT = "nd-neighbor-solicit", "nd-neighbor-advert"
TARGET = "@th,64,128"
"""The address that neighbour discovery is about."""
OPTION = "@th,192,64"
"""Its first option, if there is one: kind, length in eights, hardware address."""
BARE, WITH_OPTION = 24, 32
"""Bytes of such a packet."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LINK = re.compile(r"[A-Za-z0-9_.-]{1,15}")


def chain_of(vif: str) -> str:
    return f"vif-{vif}"


def counter_of(vif: str, reason: Reason) -> str:
    return f"{reason}-{vif}"


def digest(port: GuestPort) -> str:
    """Of its rules: whether they are in the kernel already is told by this."""
    return hashlib.blake2b("\n".join(rules(port)).encode(), digest_size=12).hexdigest()


def check(port: GuestPort) -> None:
    """Raises Failed for what is no uuid, address or name of a link: it would not be that in a rule either."""
    sound = _UUID.fullmatch(port.vif) and _MAC.fullmatch(port.mac.lower())
    if not sound or not port.links or not all(_LINK.fullmatch(link) for link in port.links):
        raise Failed(f"no rules can be made for {port.vif!r}, {port.mac!r}, {port.links!r}", vif=port.vif)
    try:
        rules(port)
    except ValueError as error:
        raise Failed(f"no rules can be made for {port.vif}: {error}", vif=port.vif) from error


def rules(port: GuestPort) -> list[str]:
    """The statements that a packet of the guest goes through. Raises ValueError for an address that is none."""
    if port.locking is Locking.disabled:
        return [_drop(port, Reason.disabled)]
    statements = []
    if port.kbps:
        burst = max(port.kbps // 8, LEAST_BURST)
        statements.append(_drop(port, Reason.rate, f"limit rate over {port.kbps} kbytes/second burst {burst} kbytes"))
    if port.locking is Locking.locked:
        statements += _locked(port)
    return statements


def _locked(port: GuestPort) -> list[str]:
    mac = port.mac.lower()
    ipv4 = [ipaddress.IPv4Network(each, strict=False) for each in port.ipv4_allowed]
    ipv6 = [ipaddress.IPv6Network(each, strict=False) for each in port.ipv6_allowed]
    return [
        _drop(port, Reason.mac, f"ether saddr != {mac}"),
        # What is within would not be looked at.
        _drop(port, Reason.other, "ether type { 8021q, 8021ad }"),
        *_arp(port, mac, _set([NOBODY, *map(str, ipaddress.collapse_addresses(ipv4))])),
        *_of_ipv4(port, _set(map(str, ipaddress.collapse_addresses(ipv4)))),
        *_of_ipv6(port, mac, list(ipaddress.collapse_addresses(ipv6))),
        _drop(port, Reason.other),
    ]


def _arp(port: GuestPort, mac: str, senders: str) -> list[str]:
    """A guest says who has its addresses, and asks without one whether somebody else has them."""
    return [
        f"ether type arp arp saddr ether {mac} arp saddr ip {senders} accept",
        _drop(port, Reason.arp, "ether type arp"),
    ]


def _of_ipv4(port: GuestPort, allowed: str) -> list[str]:
    return [
        _drop(port, Reason.dhcp, "ether type ip udp sport 67"),
        f"ether type ip ip saddr {NOBODY} udp sport 68 udp dport 67 accept",
        *([f"ether type ip ip saddr {allowed} accept"] if allowed else []),
        _drop(port, Reason.ipv4, "ether type ip"),
    ]


def _of_ipv6(port: GuestPort, mac: str, allowed: Sequence[ipaddress.IPv6Network]) -> list[str]:
    """The address that each link has by itself (fe80::) is one like any other: it counts if it is allowed."""
    six = "ether type ip6"
    sources = _set(map(str, allowed))
    found = [
        _drop(port, Reason.dhcp, f"{six} udp sport 547"),
        _drop(port, Reason.router, f"{six} icmpv6 type {{ nd-router-advert, nd-redirect }}"),
    ]
    if allowed:
        from_us = f"{six} ip6 saddr {sources} icmpv6 type"
        nobody = f"{six} ip6 saddr :: icmpv6 type"
        targets = f"{TARGET} {_set(map(_as_numbers, allowed))}"
        found += [
            # Whether somebody has the address that it is about to take.
            f"{nobody} {SOLICITATION} {targets} accept",
            f"{nobody} nd-router-solicit accept",
            *(f"{from_us} {SOLICITATION} {option} accept" for option in _options(1, mac)),
            *(f"{from_us} {ADVERTISEMENT} {targets} {option} accept" for option in _options(2, mac)),
        ]
    found.append(_drop(port, Reason.neighbour, f"{six} icmpv6 type {{ {SOLICITATION}, {ADVERTISEMENT} }}"))
    if allowed:
        found.append(f"{six} ip6 saddr {sources} accept")
    found.append(_drop(port, Reason.ipv6, six))
    return found


def _options(kind: int, mac: str) -> list[str]:
    """Either no option, or the one that tells the guest's own hardware address: a second could tell another."""
    own = f"0x{kind:02x}01{mac.replace(':', '')}"
    return [f"ip6 length {BARE}", f"ip6 length {WITH_OPTION} {OPTION} {own}"]


def _as_numbers(network: ipaddress.IPv6Network) -> str:
    """A network where nftables takes numbers only."""
    first, last = int(network.network_address), int(network.broadcast_address)
    return f"{first:#x}" if first == last else f"{first:#x}-{last:#x}"


def _set(members: Sequence[str] | map[str]) -> str:
    found = list(members)
    return f"{{ {', '.join(found)} }}" if found else ""


def _drop(port: GuestPort, reason: Reason, match: str = "") -> str:
    return f"{match} counter name {counter_of(port.vif, reason)} drop".strip()

"""Addresses of network interfaces: MACs made from a seed, and the IP addresses that clients give."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from typing import Literal

from xapid.datamodel import VIF, VM
from xapid.datamodel.errors import (
    ADDRESS_VIOLATES_LOCKING_CONSTRAINT,
    INVALID_CIDR_ADDRESS_SPECIFIED,
    INVALID_IP_ADDRESS_SPECIFIED,
    MAC_INVALID,
)
from xapid.datamodel.map_keys import MAC_SEED
from xapid.datamodel.vif import VifLockingMode

Version = Literal[4, 6]

LOCALLY_ADMINISTERED = 0b10
MULTICAST = 0b01

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
LAST_VIF_DEVICE = 4095
"""The highest number of an interface. The original knows no bound; a MAC made of a seed takes so many steps."""
_PREFIX = re.compile(r"[0-9]{1,3}")


def _digest(data: bytes) -> bytes:
    # As a scrambler, not for secrecy: clients count on the same seed giving the same address.
    return hashlib.md5(data, usedforsecurity=False).digest()


def seeded_mac(seed: str, device: int) -> str:
    """The MAC address that a VM's seed gives to the interface of this number."""
    scrambled = seed.encode()
    # Larger numbers are no longer given, but may be in a database.
    for _ in range(2 * min(device, LAST_VIF_DEVICE)):
        scrambled = _digest(scrambled)
    first = _digest(scrambled)
    second = _digest(first)
    octets = bytearray((*first[:4], second[1], second[2]))
    octets[0] = octets[0] & ~MULTICAST | LOCALLY_ADMINISTERED
    return octets.hex(":")


def vif_mac(vm: VM, mac: str, device: str) -> tuple[str, bool]:
    """The MAC of a new VIF, and whether it was made here. Raises MAC_INVALID."""
    seed = MAC_SEED.of(vm)
    if mac == "" and MAC_SEED.name in vm.other_config:
        return seeded_mac(seed, int(device)), True
    if not _MAC.fullmatch(mac):
        raise MAC_INVALID(mac)
    return mac, False


def _is_address(text: str, version: Version) -> bool:
    try:
        return ipaddress.ip_address(text).version == version and "%" not in text
    except ValueError:
        return False


def _is_network(text: str, version: Version) -> bool:
    """Whether a text is an address with the length of a prefix: ``192.0.2.5/24``."""
    address, slash, prefix = text.partition("/")
    if not slash or not _PREFIX.fullmatch(prefix) or not _is_address(address, version):
        return False
    return int(prefix) <= (32 if version == 4 else 128)


def check_host_address(name: str, text: str, version: Version | None, *, may_lack: bool = False) -> None:
    """Whether a text, the parameter of this name, is an address, of either version if none is said.

    Raises INVALID_IP_ADDRESS_SPECIFIED.
    """
    versions: tuple[Version, ...] = (4, 6) if version is None else (version,)
    if not (may_lack and not text) and not any(_is_address(text, each) for each in versions):
        raise INVALID_IP_ADDRESS_SPECIFIED(name)


def check_host_network(name: str, text: str, version: Version, *, may_lack: bool = False) -> None:
    """The same for an address with the length of its prefix. Raises INVALID_CIDR_ADDRESS_SPECIFIED."""
    if not (may_lack and not text) and not _is_network(text, version):
        raise INVALID_CIDR_ADDRESS_SPECIFIED(name)


def check_allowed_addresses(entries: Iterable[str], version: Version) -> None:
    """Whether a VIF may be locked to these addresses or networks. Raises INVALID_IP_ADDRESS_SPECIFIED."""
    if not all(_is_address(entry, version) or _is_network(entry, version) for entry in entries):
        raise INVALID_IP_ADDRESS_SPECIFIED(f"ipv{version}_allowed")


def allowed_addresses(entries: Iterable[str], version: Version) -> tuple[str, ...]:
    """Those of the entries that are addresses or networks: VIF.create does not look at them."""
    return tuple(entry for entry in entries if _is_address(entry, version) or _is_network(entry, version))


def check_static_address(vif: VIF, address: str, gateway: str, version: Version) -> None:
    """Whether a guest may be given this address. Raises what forbids it, in the original's order."""
    if not _is_network(address, version):
        raise INVALID_CIDR_ADDRESS_SPECIFIED("address")
    if gateway and not _is_address(gateway, version):
        raise INVALID_IP_ADDRESS_SPECIFIED("gateway")
    allowed = vif.ipv4_allowed if version == 4 else vif.ipv6_allowed
    if vif.locking_mode is VifLockingMode.locked and not _is_among(address, allowed):
        raise ADDRESS_VIOLATES_LOCKING_CONSTRAINT(address)


def _is_among(address: str, allowed: Iterable[str]) -> bool:
    wanted = ipaddress.ip_interface(address).ip
    version: Version = 4 if wanted.version == 4 else 6
    return any(wanted in ipaddress.ip_network(entry, strict=False) for entry in allowed_addresses(allowed, version))

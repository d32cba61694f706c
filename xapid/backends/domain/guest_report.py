"""What the guest in a machine says of itself, by whatever way it is heard, and how much of that is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

LONGEST_KEY = 128
"""Characters of a key. A longer one is left out: cut off, it would be another one."""
LONGEST_VALUE = 1024
"""Characters of a value; the rest is cut off."""
MOST_KEYS = 256
"""Of each map. Which of more are left out follows from their names alone, so that it is the same each time."""
MOST_CHARACTERS = 32 * 1024
"""Of the keys and values of each map."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DIGITS = re.compile("([0-9]+)")
_DIGITS_COUNTED = 18
"""Longer numbers are compared as text: a guest could write one that takes a minute to read."""


@dataclass(frozen=True)
class GuestReport:
    """What a guest says of itself. Empty is what it does not say."""

    os_version: dict[str, str] = field(default_factory=dict)
    """name, uname, distro, major, minor, spmajor, spminor"""
    netbios_name: dict[str, str] = field(default_factory=dict)
    """host_name"""
    drivers_version: dict[str, str] = field(default_factory=dict)
    """Of the drivers made for virtual machines: major, minor, micro, build, and each of them by its name."""
    drivers_detected: bool = False
    """Whether such drivers are at work."""
    networks: dict[str, str] = field(default_factory=dict)
    """Addresses: N/ip, N/ipv4/I, N/ipv6/I, N being the position of the interface."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Those of guests that know their interfaces by their MAC: MAC/ipv4/I, MAC/ipv6/I, in lower case."""
    other: dict[str, str] = field(default_factory=dict)
    """What it can: feature-suspend with the value 1, and the like."""
    services: dict[str, str] = field(default_factory=dict)
    can_use_hotplug_vbd: bool | None = None
    can_use_hotplug_vif: bool | None = None
    device_id: str = ""
    """The number of the platform device that its drivers want to find (VM.platform)."""

    def taken(self) -> GuestReport:
        """As much of it as is taken from any guest, in text that every client can read."""
        return replace(
            self,
            os_version=_taken(self.os_version),
            netbios_name=_taken(self.netbios_name),
            drivers_version=_taken(self.drivers_version),
            networks=_taken(self.networks),
            addresses=_taken(self.addresses),
            other=_taken(self.other),
            services=_taken(self.services),
            device_id=printable(self.device_id),
        )


def with_first(networks: Mapping[str, str]) -> dict[str, str]:
    """Addresses, and the first IPv4 address of each interface as its N/ip too, as clients look for it."""
    found: dict[str, str] = {}
    for key in in_order(networks):
        position, kind, _ = key.split("/")
        if kind == "ipv4":
            found.setdefault(f"{position}/ip", networks[key])
    return {**networks, **found}


def printable(text: str) -> str:
    """The text without what no client could show, and not too long."""
    return _UNPRINTABLE.sub("", text[: 2 * LONGEST_VALUE])[:LONGEST_VALUE]


def in_order(keys: Iterable[str]) -> list[str]:
    """Keys as people sort them: 9/ip before 10/ip."""
    return sorted(keys, key=_natural)


def _natural(key: str) -> list[tuple[int, str]]:
    parts = _DIGITS.split(key[:LONGEST_KEY])
    return [(int(part) if part.isdecimal() and len(part) <= _DIGITS_COUNTED else -1, part) for part in parts]


def _taken(said: Mapping[str, str]) -> dict[str, str]:
    short = [key for key in said if len(key) <= LONGEST_KEY]
    found: dict[str, str] = {}
    room = MOST_CHARACTERS
    for key in in_order(short)[:MOST_KEYS]:
        name, value = printable(key), printable(said[key])
        room -= len(name) + len(value)
        if room < 0:
            break
        if name:
            found[name] = value
    return found

"""What QEMU's agent in a guest is asked, and what its answers say of the guest."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

import msgspec

from xapid.backends.domain.guest_report import MOST_KEYS, GuestReport

CHANNEL = "org.qemu.guest_agent.0"
"""What its port is called in the guest."""
LONGEST_ANSWER = 256 * 1024
"""Characters; of a longer one nothing is taken."""

Ask = Callable[[str], str]
"""Sends a command to an agent, and returns its answer. Raises Refused, Silent."""

T = TypeVar("T")


class Refused(Exception):
    """The agent does not do that."""


class Silent(Exception):
    """No agent answers."""


class _Answer(msgspec.Struct, Generic[T], rename={"value": "return"}):
    value: T


class _Os(msgspec.Struct, rename="kebab"):
    id: str = ""
    name: str = ""
    pretty_name: str = ""
    version_id: str = ""
    kernel_release: str = ""


class _Name(msgspec.Struct, rename="kebab"):
    host_name: str = ""


class _Address(msgspec.Struct, rename="kebab"):
    ip_address: str = ""
    ip_address_type: str = ""


class _Interface(msgspec.Struct, rename="kebab"):
    hardware_address: str = ""
    ip_addresses: list[_Address] = []


_os = msgspec.json.Decoder(_Answer[_Os])
_name = msgspec.json.Decoder(_Answer[_Name])
_interfaces = msgspec.json.Decoder(_Answer[list[_Interface]])

_VERSION = re.compile(r"([0-9]+)(?:\.([0-9]+))?.*")
_MAC = re.compile("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_KINDS = ("ipv4", "ipv6")


def report(ask: Ask) -> GuestReport:
    """What the guest says through its agent. What that refuses, or answers with nonsense, is left out.

    Raises Silent.
    """
    interfaces = _answer(ask, "guest-network-get-interfaces", _interfaces)
    os = _answer(ask, "guest-get-osinfo", _os)
    name = _answer(ask, "guest-get-host-name", _name)
    return GuestReport(
        os_version={} if os is None else _os_version(os),
        netbios_name={"host_name": name.host_name} if name is not None and name.host_name else {},
        addresses=_addresses(interfaces or []),
    ).taken()


def _answer(ask: Ask, command: str, decoder: msgspec.json.Decoder[_Answer[T]]) -> T | None:
    try:
        said = ask(f'{{"execute":"{command}"}}')
        return decoder.decode(said).value if len(said) <= LONGEST_ANSWER else None
    except (Refused, msgspec.DecodeError, RecursionError):
        return None


def _os_version(os: _Os) -> dict[str, str]:
    version = _VERSION.fullmatch(os.version_id)
    major, minor = version.groups("") if version else ("", "")
    said = {
        "name": os.pretty_name or os.name,
        "uname": os.kernel_release,
        "distro": os.id,
        "major": major,
        "minor": minor,
    }
    return {key: value for key, value in said.items() if value}


def _addresses(interfaces: list[_Interface]) -> dict[str, str]:
    """By MAC, kind and number. An interface may have several names in the guest, with the same MAC."""
    found: dict[str, str] = {}
    numbers: dict[tuple[str, str], count[int]] = {}
    for interface in interfaces[:MOST_KEYS]:
        mac = interface.hardware_address.lower()
        if not _MAC.fullmatch(mac):
            continue
        for address in interface.ip_addresses[:MOST_KEYS]:
            kind = address.ip_address_type
            if kind in _KINDS and address.ip_address:
                number = next(numbers.setdefault((mac, kind), count()))
                found[f"{mac}/{kind}/{number}"] = address.ip_address
    return found

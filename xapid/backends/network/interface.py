"""The network driver: what interfaces there are, and the bridges that guests are joined to."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from xapid.backends.interface import DriverInfo, Traffic

UNTAGGED = -1
"""The tag of traffic that has none."""


@dataclass(frozen=True)
class Nic:
    """A network interface of the host."""

    device: str
    mac: str
    mtu: int
    carrier: bool
    speed: int
    """Mbit/s; 0: not known"""
    duplex: bool
    addresses: tuple[str, ...] = ()
    """with prefix length: 192.0.2.1/24, 2001:db8::1/64"""
    gateway: str = ""
    vendor_id: str = ""
    vendor_name: str = ""
    device_id: str = ""
    device_name: str = ""
    pci_bus_path: str = ""
    bridge: str = ""
    """the bridge it is a port of; empty: none"""


@dataclass(frozen=True)
class Bridge:
    """A bridge that we made."""

    name: str
    uuid: str
    """uuid of its network; kept as the link's alias, so that ours are told from foreign ones."""
    mtu: int = 1500
    ports: tuple[str, ...] = ()
    """What is joined to it now. Not looked at where a bridge is asked for: it comes without."""


class AddressMode(enum.StrEnum):
    """Where the address of a bridge comes from."""

    none = "none"
    dhcp = "dhcp"
    static = "static"
    autoconf = "autoconf"
    """IPv6 alone: by what routers say."""


@dataclass(frozen=True)
class Addressing:
    """How the host is reached by a bridge, in one version of IP."""

    mode: AddressMode = AddressMode.none
    address: str = ""
    """with prefix length, for mode static"""
    gateway: str = ""
    """The way out of the host; empty: this is none."""


@dataclass(frozen=True)
class Uplink:
    """What joins a bridge to the world: an interface, as it is or by one of its VLANs."""

    device: str
    tag: int = UNTAGGED


@dataclass(frozen=True)
class Wire:
    """A bridge that leads out of the host."""

    bridge: Bridge
    uplink: Uplink
    ipv4: Addressing = Addressing()
    ipv6: Addressing = Addressing()
    name_servers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Connected:
    """What became of a wire."""

    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()
    """with prefix length, those of the host by this bridge; without link-local ones"""
    gateway: str = ""


class NetworkDriver(Protocol):
    """Networks of one host. What we did not make we never change or remove."""

    info: DriverInfo

    def nics(self) -> list[Nic]:
        """Interfaces that can carry traffic of guests: no loopback, no tap, no bridge, nothing of ours.

        One that is a port of a bridge has the addresses and the gateway of that bridge.
        """

    def traffic(self) -> dict[str, Traffic]:
        """What went through these interfaces since they came up, by their names."""

    def bridges(self) -> list[Bridge]:
        """Those that we made."""

    def ensure_bridge(self, bridge: Bridge) -> None:
        """Make it and bring it up; where it is there, see that it is as asked for.

        The empty bridge of a network that is gone is taken over. Raises AlreadyExists (fact ``bridge``) if a foreign
        link has that name, or a bridge on which guests of another network are.
        """

    def unopened_taps(self) -> list[str]:
        """Names of devices for guests that are joined to bridges of ours, and that no process has open."""

    def remove_tap(self, name: str) -> None:
        """Remove such a device. Raises InUse for any other; one that is gone is nothing to be done."""

    def remove_bridge(self, name: str) -> None:
        """Remove it if it is ours and no guest is joined to it; raises InUse if one is.

        One that is gone already, and one that is not ours, are nothing to be done.
        """

    def connect(self, wire: Wire) -> Connected:
        """Let a bridge lead out by an interface, with addresses on the bridge; what is so already stays untouched.

        Raises NotFound (fact ``device``); InUse (``device``) for an interface that somebody else has given addresses
        or a master; AlreadyExists (``device``, ``tag``) for a VLAN that somebody else has made; NotSupported; and what
        ``ensure_bridge`` raises.
        """

    def disconnect(self, bridge: str) -> None:
        """Take from a bridge of ours its way out and its addresses, and remove it if no guest is joined to it."""

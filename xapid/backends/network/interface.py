"""The network driver: what interfaces there are, and the bridges that guests are joined to."""

from __future__ import annotations

import enum
from collections.abc import Sequence
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
    functions: int = 0
    """virtual ones that it can have (SR-IOV)"""


@dataclass(frozen=True)
class Functions:
    """The virtual functions that an interface has (SR-IOV)."""

    count: int = 0
    free: int = 0
    """Those that are held for no guest."""


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
    leads_out: bool = False
    """For mode dhcp: whether the way out of the host is over the router that a server names."""


class Spreading(enum.StrEnum):
    """How a bond spreads its packets over its members."""

    active_backup = "active-backup"
    """All go over one, and over another when that fails."""
    lacp = "lacp"
    """As host and switch agree."""
    by_source = "balance-slb"
    """Each machine goes over one, and machines are spread over all."""


class Hashing(enum.StrEnum):
    """What decides over which member a packet goes."""

    source = "source"
    """Its VLAN and the MAC address of its sender."""
    ports = "ports"
    """Its addresses and ports."""


@dataclass(frozen=True)
class Bonding:
    """Several interfaces made one. One member alone is what it is, with another MAC address on its bridge."""

    members: tuple[str, ...]
    mac: str
    mtu: int = 1500
    spreading: Spreading = Spreading.active_backup
    hashing: Hashing = Hashing.source
    fast: bool = False
    """Switches speak every second, and not every thirty."""
    key: int | None = None
    """Of the aggregation, for lacp; None: the kernel's choice."""
    looked_at: int = 100
    """ms between two looks at the links"""
    down_delay: int = 200
    up_delay: int = 31_000
    """ms that a link must be down, or up, until that counts"""
    by_carrier: bool = True
    """Whether the driver of the device tells of its link, and not its registers."""
    falls_back: bool = True
    """Whether, for lacp, one member carries all where the switch does not agree. Open vSwitch alone can be told."""
    rebalanced: int = 1_800_000
    """ms after which machines are spread anew, unless by lacp. Likewise."""


@dataclass(frozen=True)
class Uplink:
    """What joins a bridge to the world: an interface or a bond, as it is or by one of its VLANs."""

    device: str
    tag: int = UNTAGGED
    bond: Bonding | None = None
    """What the device is made of, where it is not one of the host's own."""

    @property
    def base(self) -> str:
        """The link that packets leave by, with a tag or without."""
        return self.bond.members[0] if self.bond is not None and len(self.bond.members) == 1 else self.device

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Those of the host that it takes."""
        return (self.device,) if self.bond is None else self.bond.members


@dataclass(frozen=True)
class Tuning:
    """How the device of an interface is to work. What is not named is as it was by itself."""

    device: str
    settings: tuple[tuple[str, str], ...]
    """rx, tx, sg, tso, ufo, gso, gro, lro, autoneg: on or off; speed: Mbit/s; duplex: half or full; advertise: 0x..."""


@dataclass(frozen=True)
class Route:
    """A network that is reached over a gateway."""

    network: str
    """of IPv4, with prefix length"""
    gateway: str


@dataclass(frozen=True)
class Naming:
    """Whom the host asks for names, as far as one bridge says."""

    servers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """In which a name without a dot is looked for."""
    first: bool = False
    """Whether these servers are asked before those of other bridges."""


@dataclass(frozen=True)
class Wire:
    """A bridge that leads out of the host."""

    bridge: Bridge
    uplink: Uplink | None
    """None: the bridge leads nowhere by itself; whoever controls tunnels joins them to it."""
    ipv4: Addressing = Addressing()
    ipv6: Addressing = Addressing()
    naming: Naming = Naming()
    """Servers of DHCP may name more. What the host cannot be told is logged, and the wire lies all the same."""
    routes: tuple[Route, ...] = ()
    """Besides the way out. One whose gateway cannot be reached is logged, and the wire lies all the same."""
    tuning: tuple[Tuning, ...] = ()
    """Of what it leads out by, and of the bridge. What a device cannot do is logged, and the wire lies all the same."""
    mac: str = ""
    """Of a bridge that leads nowhere by itself; empty: any."""


@dataclass(frozen=True)
class Connected:
    """What became of a wire."""

    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()
    """with prefix length, those of the host by this bridge; without link-local ones"""
    gateway: str = ""


@dataclass(frozen=True)
class Lease:
    """What a server of DHCP gave to a bridge."""

    address: str
    """with prefix length"""
    gateway: str = ""
    name_servers: tuple[str, ...] = ()
    seconds: int = 0
    """for which it was good when it was given"""
    domains: tuple[str, ...] = ()
    """in which names without a dot are looked for"""


class Locking(enum.StrEnum):
    """What a guest may send by a port."""

    unlocked = "unlocked"
    """Anything."""
    locked = "locked"
    """From its own hardware address, and from the addresses that are allowed to it."""
    disabled = "disabled"
    """Nothing; and it hears nothing."""


@dataclass(frozen=True)
class GuestPort:
    """The host's end of a guest's network interface, and what may come out of it."""

    vif: str
    """uuid of the VIF"""
    links: tuple[str, ...]
    """By which names it goes. They need not be there yet."""
    mac: str
    locking: Locking = Locking.unlocked
    ipv4_allowed: tuple[str, ...] = ()
    """Addresses and networks that one which is locked may send from."""
    ipv6_allowed: tuple[str, ...] = ()
    kbps: int = 0
    """KiB that the guest may send in a second; 0: as many as it can."""


class Reason(enum.StrEnum):
    """Why a packet of a guest was dropped."""

    mac = "mac"
    """It came from another hardware address."""
    arp = "arp"
    """It told ARP an address that is not allowed."""
    ipv4 = "ipv4"
    """It came from an IPv4 address that is not allowed."""
    ipv6 = "ipv6"
    """The same of IPv6."""
    neighbour = "neighbour"
    """It told IPv6's neighbour discovery an address that is not allowed, or another hardware address."""
    dhcp = "dhcp"
    """It was the answer of a DHCP server."""
    router = "router"
    """It said that a router is there, or elsewhere."""
    other = "other"
    """It was of a kind that a locked port does not know, or had the tag of a VLAN."""
    rate = "rate"
    """It was one too many."""
    disabled = "disabled"
    """The port may send nothing."""


class NetworkDriver(Protocol):
    """Networks of one host. What we did not make we never change or remove."""

    info: DriverInfo

    def nics(self) -> list[Nic]:
        """Interfaces that can carry traffic of guests: no loopback, no tap, no bridge, no virtual function, nothing of
        ours.

        One that is a port of a bridge has the addresses and the gateway of that bridge. One that is part of a bond of
        ours has the MAC address that it would have by itself.
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

    def check_bridge(self, name: str) -> None:
        """Whether there is a bridge of this name, whoever made it. Raises NotFound (fact ``bridge``)."""

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

        A bond is made, or changed, as the wire says, for all wires that lead over it. Its members must lead nowhere
        else.

        Raises NotFound (fact ``device``); InUse (``device``) for an interface that somebody else has given addresses
        or a master, or that is part of a bond, and for a bond that somebody else has made; AlreadyExists (``device``,
        ``tag``) for a VLAN that somebody else has made; NotSupported; and what ``ensure_bridge`` raises.
        """

    def disconnect(self, bridge: str) -> None:
        """Take from a bridge of ours its way out and its addresses, and remove it if no guest is joined to it.

        A bond comes apart with the last wire over it.
        """

    def leases(self) -> dict[str, Lease]:
        """What servers of DHCP gave, by the bridges that asked. Nothing of who has had no answer."""
        ...

    def functions(self, device: str) -> Functions:
        """The virtual functions of an interface, whoever made them. Raises NotFound (fact ``device``)."""
        ...

    def make_functions(self, device: str) -> None:
        """Give an interface as many virtual functions as it can have. If it has some, these stay as they are.

        Raises NotFound, NotSupported for one that can have none, Failed (fact ``device``).
        """

    def remove_functions(self, device: str) -> None:
        """Take from an interface its virtual functions; if there are none, nothing is to be done.

        Raises NotFound, InUse if a guest may have one, Failed (fact ``device``).
        """

    def guard(self, ports: Sequence[GuestPort]) -> None:
        """See to it that these ports send what they may, and no more, whether or not the guests have them already.

        All at once or, if that fails, not at all. What is so already stays untouched. Raises NotSupported where
        bounds cannot be set, for ports that have any.
        """

    def unguard(self, vifs: Sequence[str]) -> None:
        """Forget the bounds of ports, by the uuids of their VIFs, and what was counted there."""

    def dropped(self) -> dict[str, dict[Reason, int]]:
        """Packets that were dropped since the bounds were set, by the uuid of the VIF, of each port that has bounds."""

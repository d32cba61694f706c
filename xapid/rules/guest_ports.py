"""From the rows of a guest's network interface to the port that the host has for it, and what may come out of it."""

from __future__ import annotations

from xapid.backends.network.interface import GuestPort, Locking
from xapid.datamodel import VIF, Network
from xapid.datamodel.map_keys import VIF_RATE
from xapid.datamodel.vif import VifLockingMode
from xapid.rules.addresses import allowed_addresses

RATE_LIMIT = "ratelimit"
"""The one algorithm of VIF.qos_algorithm_type that does anything."""


def link_name(vif: str) -> str:
    """How the host's end of an interface is called, by the uuid of its VIF; 15 letters, as many as a link may have."""
    return f"guest{vif.replace('-', '')[:10]}"


def guest_port(vif: VIF, network: Network) -> GuestPort:
    """The port of an interface in a network. Entries that are no addresses allow nothing."""
    return GuestPort(
        vif.uuid,
        (link_name(vif.uuid),),
        vif.MAC,
        locking(vif, network),
        allowed_addresses(vif.ipv4_allowed, 4),
        allowed_addresses(vif.ipv6_allowed, 6),
        VIF_RATE.of(vif) if vif.qos_algorithm_type == RATE_LIMIT else 0,
    )


def locking(vif: VIF, network: Network) -> Locking:
    mode = vif.locking_mode
    return Locking(network.default_locking_mode if mode is VifLockingMode.network_default else mode)


def is_bounded(port: GuestPort) -> bool:
    """Whether it may not send whatever it likes."""
    return port.locking is not Locking.unlocked or port.kbps > 0


def is_tighter(port: GuestPort, other: GuestPort) -> bool:
    """Whether a port may send less than another one of the same interface."""
    order = list(Locking)
    return order.index(port.locking) > order.index(other.locking)

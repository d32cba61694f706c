"""Which links count as interfaces of the host."""

from __future__ import annotations

import pytest

from xapid.backends.network.links import Link, addressed, bridge_of, is_interface, ports

LOOPBACK = 772
INFINIBAND = 32
BRIDGE, BOND = Link(1, "br0", kind="bridge"), Link(2, "bond0", kind="bond")


@pytest.mark.parametrize(
    ("link", "has_address", "counts"),
    [
        (Link(9, "eth0"), False, True),
        (Link(9, "eth0", master=BRIDGE.index), False, True),
        (Link(9, "eth0", master=BOND.index), False, False),
        (Link(9, "bond0", kind="bond"), False, True),
        (Link(9, "ib0", type=INFINIBAND), True, False),
        (Link(9, "lo", type=LOOPBACK), True, False),
        (Link(9, "br1", kind="bridge"), True, False),
        (Link(9, "tap0", kind="tun"), False, False),
        (Link(9, "vif1.0"), False, False),
        (Link(9, "ifb0", kind="ifb"), False, False),
        (Link(9, "vxlan0", kind="vxlan"), False, False),
        (Link(9, "eth0.7", kind="vlan"), True, False),
        # A container's way out, and two kinds of ends that a host has of its containers.
        (Link(9, "eth0", kind="veth", elsewhere=True), True, True),
        (Link(9, "veth1", kind="veth", elsewhere=True), False, False),
        (Link(9, "veth1", kind="veth", elsewhere=True, master=BRIDGE.index), False, False),
        # Both ends are here: it leads nowhere.
        (Link(9, "veth1", kind="veth"), True, False),
        (Link(9, "eth0", kind="macvlan", elsewhere=True), True, True),
    ],
)
def test_what_is_an_interface_of_the_host(link: Link, has_address: bool, counts: bool) -> None:
    links = {each.index: each for each in (BRIDGE, BOND, link)}

    assert is_interface(link, links, has_address) is counts


def test_ports_are_those_joined_to_the_bridge_and_to_no_other() -> None:
    links = [Link(9, "tap1", master=BRIDGE.index), Link(8, "tap0", master=BRIDGE.index), Link(7, "eth0", master=2)]

    assert ports(links, BRIDGE) == ("tap0", "tap1")


def test_a_link_is_a_port_of_a_bridge_not_of_a_bond() -> None:
    links = {each.index: each for each in (BRIDGE, BOND)}

    assert bridge_of(Link(9, "eth0", master=BRIDGE.index), links) == BRIDGE
    assert bridge_of(Link(9, "eth0", master=BOND.index), links) is None
    assert bridge_of(Link(9, "eth0"), links) is None


def test_the_addresses_of_a_port_are_those_of_its_bridge_unless_it_has_its_own() -> None:
    eth0 = Link(9, "eth0", master=BRIDGE.index)

    assert addressed(eth0, BRIDGE, {BRIDGE.index: ("192.0.2.1/24",)}) == BRIDGE
    assert addressed(eth0, BRIDGE, {eth0.index: ("192.0.2.1/24",)}) == eth0
    assert addressed(eth0, None, {}) == eth0

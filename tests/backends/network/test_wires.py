"""Bridges that lead out of the host: what every network driver promises, and what Linux does."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from pyroute2 import IPRoute

from tests.backends.network.conftest import SWITCHED
from tests.backends.network.namespace import Namespace
from xapid.backends.interface import AlreadyExists, InUse, NotFound, NotSupported
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import Addressing, AddressMode, Bridge, NetworkDriver, Route, Uplink, Wire
from xapid.backends.network.links import read_addresses

STATIC = Addressing(AddressMode.static, "192.0.2.9/24", "192.0.2.254")
SIX = Addressing(AddressMode.static, "2001:db8::9/64")


def wire(device: str = "eth1", bridge: str = "xenbr1", **others: object) -> Wire:
    return replace(Wire(Bridge(bridge, str(uuid.uuid4())), Uplink(device)), **others)


@pytest.fixture(params=["simulated", pytest.param("linux", marks=pytest.mark.root), SWITCHED])
def networks(request: pytest.FixtureRequest) -> NetworkDriver:
    """Each driver in turn, on a host with an interface eth1 that nobody has given an address."""
    if request.param != "simulated":
        request.getfixturevalue("namespace").add_interface("eth1")
    driver: NetworkDriver = request.getfixturevalue(request.param)
    return driver


# --- What every driver promises ----------------------------------------------------------------------


def test_a_bridge_leads_out_with_addresses(networks: NetworkDriver) -> None:
    made = wire(ipv4=STATIC, ipv6=SIX)

    connected = networks.connect(made)

    mac = next(nic.mac for nic in networks.nics() if nic.device == "eth1")
    assert (connected.mac, connected.mtu) == (mac, 1500)
    assert set(connected.addresses) == {"192.0.2.9/24", "2001:db8::9/64"}
    assert connected.gateway == "192.0.2.254"
    assert [each.name for each in networks.bridges()] == ["xenbr1"]


def test_it_leads_out_once_however_often_that_is_asked(networks: NetworkDriver) -> None:
    made = wire(ipv4=STATIC)

    assert networks.connect(made) == networks.connect(made)


def test_other_addresses_replace_those_that_were(networks: NetworkDriver) -> None:
    made = wire(ipv4=STATIC, ipv6=SIX)
    networks.connect(made)

    moved = networks.connect(replace(made, ipv4=Addressing(AddressMode.static, "192.0.2.10/25")))
    bare = networks.connect(replace(made, ipv4=Addressing(), ipv6=Addressing()))

    assert set(moved.addresses) == {"192.0.2.10/25", "2001:db8::9/64"}
    assert bare.addresses == ()


def test_another_mtu_is_that_of_all(networks: NetworkDriver) -> None:
    made = wire()
    networks.connect(made)

    connected = networks.connect(replace(made, bridge=replace(made.bridge, mtu=1400)))

    assert connected.mtu == 1400
    assert [bridge.mtu for bridge in networks.bridges()] == [1400]


def test_the_way_out_of_the_host_follows_what_is_said_of_it_later(networks: NetworkDriver) -> None:
    made = wire(ipv4=replace(STATIC, gateway=""), ipv6=SIX)

    said = [
        networks.connect(replace(made, ipv4=replace(STATIC, gateway=gateway))).gateway
        for gateway in ("", "192.0.2.254", "192.0.2.253", "")
    ]

    assert said == ["", "192.0.2.254", "192.0.2.253", ""]


def test_a_bridge_that_leads_nowhere_any_more_is_gone(networks: NetworkDriver) -> None:
    networks.connect(wire(ipv4=STATIC))

    for _ in range(2):
        networks.disconnect("xenbr1")

    assert networks.bridges() == []
    assert [nic.bridge for nic in networks.nics() if nic.device == "eth1"] in ([""], [])


def test_a_bridge_that_leads_nowhere_has_the_addresses_that_it_is_given(networks: NetworkDriver) -> None:
    made = wire(uplink=None, mac="02:00:00:00:00:77", ipv4=STATIC)

    connected = networks.connect(made)
    again = networks.connect(made)

    assert connected == again
    assert (connected.mac, connected.mtu, connected.addresses) == ("02:00:00:00:00:77", 1500, ("192.0.2.9/24",))
    assert [each.ports for each in networks.bridges()] == [()]
    networks.connect(wire(bridge="xenbr2"))
    networks.disconnect("xenbr1")
    assert [each.name for each in networks.bridges()] == ["xenbr2"]


def test_an_interface_that_is_not_there_leads_nowhere(networks: NetworkDriver) -> None:
    with pytest.raises(NotFound) as error:
        networks.connect(wire("eth9"))

    assert error.value.facts["device"] == "eth9"
    assert networks.bridges() == []


# --- Linux -------------------------------------------------------------------------------------------


EVERYTHING = 0xFFFF
"""The first sixteen groups of those who are told of changes: of links, addresses, routes and neighbours."""


QUIET = 3.0
"""Seconds of silence after which the kernel has told everything. An address of IPv6 it looks for among others up to a
second after the link is up, and waits another second for answers: it may say nothing for two.
"""


@contextmanager
def nothing_heard() -> Iterator[None]:
    """Raises AssertionError if the kernel tells of any change meanwhile."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as listener:
        listener.bind((0, EVERYTHING))
        # Of what was done before the kernel tells later: an address of IPv6 is looked for among others first.
        listener.settimeout(QUIET)
        with suppress(TimeoutError):
            while True:
                listener.recv(65536)
        listener.settimeout(0.2)
        yield
        with pytest.raises(TimeoutError):
            listener.recv(65536)


@pytest.mark.root
def test_the_interface_is_a_port_of_the_bridge_and_both_are_up(linux: Bridges, namespace: Namespace) -> None:
    namespace.add_interface("eth1")

    linux.connect(wire(ipv4=STATIC))

    port, bridge = namespace.look("eth1"), namespace.look("xenbr1")
    assert port.get_attr("IFLA_MASTER") == bridge["index"]
    assert port["flags"] & 1
    assert bridge["flags"] & 1
    assert bridge.get_attr("IFLA_ADDRESS") == port.get_attr("IFLA_ADDRESS")


@pytest.mark.root
def test_what_is_so_already_is_not_touched(linux: Bridges, namespace: Namespace) -> None:
    namespace.add_interface("eth1")
    made = wire(ipv4=STATIC)
    linux.connect(made)

    with nothing_heard():
        linux.connect(made)


@pytest.mark.root
def test_what_somebody_else_has_given_an_address_is_left_alone(linux: Bridges, namespace: Namespace) -> None:
    with pytest.raises(InUse) as error:
        linux.connect(wire("eth0"))

    assert error.value.facts["device"] == "eth0"
    assert linux.bridges() == []
    with IPRoute() as netlink:
        assert read_addresses(netlink)[namespace.index("eth0")] == ("192.0.2.1/24",)


@pytest.mark.root
def test_a_port_of_somebody_elses_bridge_is_left_alone(linux: Bridges, namespace: Namespace) -> None:
    namespace.add_interface("eth1")
    namespace.add("br-theirs", "bridge")
    namespace.set("eth1", master=namespace.index("br-theirs"))

    with pytest.raises(InUse):
        linux.connect(wire())
    with pytest.raises(AlreadyExists):
        linux.connect(wire(bridge="br-theirs"))
    assert namespace.look("eth1").get_attr("IFLA_MASTER") == namespace.index("br-theirs")


@pytest.mark.root
def test_a_bridge_to_which_guests_are_joined_stays_without_its_way_out(linux: Bridges, namespace: Namespace) -> None:
    namespace.add_interface("eth1")
    linux.connect(wire(ipv4=STATIC))
    namespace.join("tap0", "xenbr1")

    linux.disconnect("xenbr1")

    (bridge,) = linux.bridges()
    assert bridge.ports == ("tap0",)
    with IPRoute() as netlink:
        assert namespace.index("xenbr1") not in read_addresses(netlink)


@pytest.mark.root
def test_a_server_is_not_asked_for_addresses_of_ipv6_yet(linux: Bridges, namespace: Namespace) -> None:
    namespace.add_interface("eth1")

    with pytest.raises(NotSupported):
        linux.connect(wire(ipv6=Addressing(AddressMode.dhcp)))
    assert linux.bridges() == []


@pytest.mark.root
def test_networks_are_reached_over_gateways_at_the_bridge(
    linux: Bridges, namespace: Namespace, caplog: pytest.LogCaptureFixture
) -> None:
    namespace.add_interface("eth1")
    first = Route("203.0.113.0/24", "192.0.2.254")
    second = Route("198.51.100.0/25", "192.0.2.253")
    made = wire(ipv4=STATIC)

    seen = []
    for routes in ((first,), (first, second), (second,), (Route("203.0.113.0/24", "233.252.0.1"),), ()):
        linux.connect(replace(made, routes=routes))
        with IPRoute() as netlink:
            found = [each for each in netlink.get_routes(family=socket.AF_INET) if each.get_attr("RTA_DST")]
        seen.append(
            {
                Route(f"{each.get_attr('RTA_DST')}/{each['dst_len']}", each.get_attr("RTA_GATEWAY"))
                for each in found
                if each.get_attr("RTA_GATEWAY")
            }
        )

    assert seen == [{first}, {first, second}, {second}, set(), set()]
    assert "233.252.0.1" in caplog.text

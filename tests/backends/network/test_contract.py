"""What every network driver promises."""

from __future__ import annotations

import uuid

import pytest

from xapid.backends.interface import AlreadyExists
from xapid.backends.network.interface import Bridge, NetworkDriver


def network() -> str:
    return str(uuid.uuid4())


def test_the_interfaces_of_the_host_are_found(networks: NetworkDriver) -> None:
    eth0 = next(nic for nic in networks.nics() if nic.device == "eth0")

    assert len(eth0.mac) == 17
    assert eth0.addresses == ("192.0.2.1/24",)
    assert eth0.bridge == ""


def test_a_host_has_no_bridges_of_ours_at_first(networks: NetworkDriver) -> None:
    assert networks.bridges() == []


def test_a_bridge_that_was_made_is_found(networks: NetworkDriver) -> None:
    bridge = Bridge("xapi0", network(), 1500)

    networks.ensure_bridge(bridge)

    assert networks.bridges() == [bridge]


def test_a_bridge_is_no_interface(networks: NetworkDriver) -> None:
    before = networks.nics()

    networks.ensure_bridge(Bridge("xapi0", network()))

    assert networks.nics() == before


def test_asking_again_changes_nothing(networks: NetworkDriver) -> None:
    bridge = Bridge("xapi0", network())

    for _ in range(2):
        networks.ensure_bridge(bridge)

    assert networks.bridges() == [bridge]


def test_a_bridge_that_is_there_gets_the_mtu_that_is_asked_for_now(networks: NetworkDriver) -> None:
    uuid = network()
    networks.ensure_bridge(Bridge("xapi0", uuid, 1500))

    networks.ensure_bridge(Bridge("xapi0", uuid, 9000))

    assert [bridge.mtu for bridge in networks.bridges()] == [9000]


def test_an_empty_bridge_passes_to_the_next_network_of_its_name(networks: NetworkDriver) -> None:
    networks.ensure_bridge(Bridge("xapi0", network()))
    successor = Bridge("xapi0", network())

    networks.ensure_bridge(successor)

    assert networks.bridges() == [successor]


def test_a_bridge_cannot_have_the_name_of_an_interface(networks: NetworkDriver) -> None:
    before = networks.nics()

    with pytest.raises(AlreadyExists) as error:
        networks.ensure_bridge(Bridge("eth0", network()))

    assert error.value.facts == {"bridge": "eth0"}
    assert networks.nics() == before


def test_removing_a_bridge_can_be_repeated_and_leaves_the_others(networks: NetworkDriver) -> None:
    gone, kept = Bridge("xapi0", network()), Bridge("xapi1", network())
    networks.ensure_bridge(gone)
    networks.ensure_bridge(kept)

    for _ in range(2):
        networks.remove_bridge(gone.name)

    assert networks.bridges() == [kept]


def test_removing_the_bridge_of_an_interface_s_name_leaves_the_interface(networks: NetworkDriver) -> None:
    before = networks.nics()

    networks.remove_bridge("eth0")

    assert networks.nics() == before


def test_traffic_is_counted_for_each_interface_of_the_host(networks: NetworkDriver) -> None:
    networks.ensure_bridge(Bridge("xapi0", network()))

    counted = networks.traffic()

    assert counted.keys() == {nic.device for nic in networks.nics()}
    assert all(each.into >= 0 and each.out >= 0 for each in counted.values())


def test_no_device_is_left_over_at_first_and_one_that_is_gone_is_nothing_to_be_removed(networks: NetworkDriver) -> None:
    assert networks.unopened_taps() == []

    networks.remove_tap("tap9")

"""What the driver of Linux bridges promises besides: how they are set up, and that foreign links are left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.backends.network.namespace import Namespace
from tests.backends.network.tap import opened_tap
from xapid.backends.interface import AlreadyExists, Failed, InUse, NotFound
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import Bridge

pytestmark = pytest.mark.root

XAPI0 = Bridge("xapi0", "b1c6a5e0-5f6d-4b0e-9f37-3e2c4a0d6f10")
OTHER_NETWORK = "d0a3a7f4-0a56-4a53-8c40-0c8f2b9d1e55"


# How bridges are set up


def test_a_bridge_is_up_forwards_at_once_and_passes_every_multicast(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)

    assert namespace.look("xapi0")["state"] == "up"
    assert namespace.setting("xapi0", "IFLA_BR_FORWARD_DELAY") == 0
    assert namespace.setting("xapi0", "IFLA_BR_MCAST_SNOOPING") == 0


def test_a_bridge_is_found_whoever_made_it(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)
    namespace.add("theirs", "bridge")

    bridges.check_bridge("xapi0")
    bridges.check_bridge("theirs")
    for name in ("eth0", "nobody", "a-name-that-no-link-can-have"):
        with pytest.raises(NotFound) as error:
            bridges.check_bridge(name)
        assert error.value.facts == {"bridge": name}


def test_a_bridge_names_its_network_to_administrators(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)

    assert namespace.look("xapi0").get_attr("IFLA_IFALIAS") == f"xapid:{XAPI0.uuid}"


def test_a_bridge_that_somebody_switched_off_is_switched_on(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)
    namespace.set("xapi0", state="down")

    bridges.ensure_bridge(XAPI0)

    assert namespace.look("xapi0")["state"] == "up"


def test_a_bridge_keeps_its_mtu_when_a_smaller_port_joins(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(Bridge(XAPI0.name, XAPI0.uuid, 9000))

    namespace.join("tap0", "xapi0")

    assert namespace.look("xapi0").get_attr("IFLA_MTU") == 9000


def test_what_a_crash_left_before_it_was_marked_is_completed(bridges: Bridges, namespace: Namespace) -> None:
    namespace.add("xapi0", "bridge", br_forward_delay=0, br_mcast_snooping=0)

    bridges.ensure_bridge(XAPI0)

    assert bridges.bridges() == [XAPI0]


def test_a_bridge_that_cannot_be_set_up_is_not_left_behind(bridges: Bridges, namespace: Namespace) -> None:
    with pytest.raises(Failed, match="Invalid argument"):
        bridges.ensure_bridge(Bridge(XAPI0.name, XAPI0.uuid, 1_000_000))

    with pytest.raises(LookupError):
        namespace.look("xapi0")


def test_a_name_that_the_kernel_does_not_take_gives_its_error(bridges: Bridges) -> None:
    with pytest.raises(Failed):
        bridges.ensure_bridge(Bridge("a-name-of-more-than-15-characters", XAPI0.uuid))


def test_the_same_bridge_can_be_asked_for_by_many_at_once(bridges: Bridges) -> None:
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(bridges.ensure_bridge, [XAPI0] * 16))

    assert outcomes == [None] * 16
    assert bridges.bridges() == [XAPI0]


# Guests on a bridge


def test_ports_are_told_and_keep_their_bridge_from_being_removed(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)
    namespace.join("tap0", "xapi0")

    with pytest.raises(InUse, match="tap0"):
        bridges.remove_bridge("xapi0")

    assert [bridge.ports for bridge in bridges.bridges()] == [("tap0",)]


def test_a_bridge_with_guests_is_ensured_without_disturbing_them(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)
    namespace.join("tap0", "xapi0")

    bridges.ensure_bridge(XAPI0)

    assert [bridge.ports for bridge in bridges.bridges()] == [("tap0",)]


def test_guests_are_not_handed_to_another_network(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)
    namespace.join("tap0", "xapi0")

    with pytest.raises(AlreadyExists) as error:
        bridges.ensure_bridge(Bridge("xapi0", OTHER_NETWORK))

    assert error.value.facts == {"bridge": "xapi0"}
    assert [bridge.uuid for bridge in bridges.bridges()] == [XAPI0.uuid]


# Links of others


@pytest.mark.parametrize("alias", ["", "a bridge of mine"])
def test_a_foreign_bridge_is_neither_shown_nor_taken_nor_removed(
    bridges: Bridges, namespace: Namespace, alias: str
) -> None:
    namespace.add("xapi0", "bridge")
    if alias:
        namespace.set("xapi0", ifalias=alias)
    before = namespace.look("xapi0")

    with pytest.raises(AlreadyExists):
        bridges.ensure_bridge(XAPI0)
    bridges.remove_bridge("xapi0")

    assert bridges.bridges() == []
    after = namespace.look("xapi0")
    assert (after["index"], after["state"]) == (before["index"], "down")
    assert after.get_attr("IFLA_IFALIAS") == before.get_attr("IFLA_IFALIAS")


def test_a_link_that_is_no_bridge_is_not_ours_whatever_its_alias(bridges: Bridges, namespace: Namespace) -> None:
    namespace.add("xapi0", "tuntap", mode="tap")
    namespace.set("xapi0", ifalias=f"xapid:{XAPI0.uuid}")

    bridges.remove_bridge("xapi0")

    assert bridges.bridges() == []
    assert namespace.look("xapi0")["state"] == "down"


# Interfaces


def test_loopback_bridges_taps_and_the_host_s_ends_of_guests_are_no_interfaces(
    bridges: Bridges, namespace: Namespace
) -> None:
    bridges.ensure_bridge(XAPI0)
    namespace.add("br0", "bridge")
    namespace.join("tap0", "xapi0")
    namespace.add_interface("veth0")
    namespace.set("veth0", master=namespace.index("br0"))
    namespace.add_interface("veth1")

    assert bridges.nics() == []


def test_an_interface_says_what_the_kernel_knows(linux: Bridges, namespace: Namespace, sysfs: Path) -> None:
    namespace.set("eth0", mtu=1400, address="02:00:00:00:00:2a")
    (sysfs / "eth0").mkdir(parents=True)
    (sysfs / "eth0" / "speed").write_text("10000\n")
    (sysfs / "eth0" / "duplex").write_text("full\n")

    (eth0,) = linux.nics()

    assert (eth0.device, eth0.mac, eth0.mtu) == ("eth0", "02:00:00:00:00:2a", 1400)
    assert (eth0.speed, eth0.duplex) == (10000, True)


def test_an_interface_whose_other_end_is_off_has_no_carrier(linux: Bridges) -> None:
    (eth0,) = linux.nics()

    assert eth0.carrier is False


def test_of_several_ways_out_the_preferred_one_counts(linux: Bridges, namespace: Namespace) -> None:
    namespace.add_gateway("192.0.2.253", 200, "eth0")
    namespace.add_gateway("192.0.2.254", 100, "eth0")

    (eth0,) = linux.nics()

    assert eth0.gateway == "192.0.2.254"


def test_addresses_of_the_link_alone_are_left_out(linux: Bridges, namespace: Namespace) -> None:
    namespace.add_address("eth0", "fe80::1/64")
    namespace.add_address("eth0", "2001:db8::1/64")

    (eth0,) = linux.nics()

    assert eth0.addresses == ("192.0.2.1/24", "2001:db8::1/64")


# Devices for guests


def test_a_device_that_nobody_has_open_is_found_and_removed(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)
    with opened_tap("tap7"):
        namespace.set("tap7", master=namespace.index("xapi0"), state="up")
        while_open = bridges.unopened_taps()
        with pytest.raises(InUse):
            bridges.remove_tap("tap7")

    left = bridges.unopened_taps()
    bridges.remove_tap("tap7")

    assert (while_open, left) == ([], ["tap7"])
    with pytest.raises(LookupError):
        namespace.look("tap7")


def test_devices_on_foreign_bridges_and_other_links_are_left_alone(bridges: Bridges, namespace: Namespace) -> None:
    bridges.ensure_bridge(XAPI0)
    namespace.add("foreign", "bridge")
    with opened_tap("tap7"):
        namespace.set("tap7", master=namespace.index("foreign"))
    namespace.add("veth7", "veth", peer="veth8")
    namespace.set("veth7", master=namespace.index("xapi0"))

    assert bridges.unopened_taps() == []
    for name in ("tap7", "veth7"):
        with pytest.raises(InUse):
            bridges.remove_tap(name)

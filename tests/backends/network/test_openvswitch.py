"""What the driver of Open vSwitch promises besides: what its database holds, and where frames go."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pyroute2 import IPRoute, netns

from tests.backends.network.frames import IPV4, ethernet, tagged
from tests.backends.network.namespace import Namespace
from tests.backends.network.own_switch import SWITCH_INSTALLED, OwnSwitch, own_switch
from tests.backends.network.test_bonds import BOND, MAC, alone, wire
from tests.backends.network.test_wires import STATIC, nothing_heard
from xapid.backends.domain import preflight
from xapid.backends.domain.interface import NicSpec
from xapid.backends.interface import AlreadyExists, Failed, InUse, NotSupported, Unavailable
from xapid.backends.network.interface import (
    Addressing,
    Bonding,
    Bridge,
    GuestPort,
    Hashing,
    Locking,
    Spreading,
    Uplink,
    Wire,
)
from xapid.backends.network.openvswitch import OpenVSwitch

pytestmark = [pytest.mark.root, SWITCH_INSTALLED]

FIRST, SECOND = "02:00:00:00:aa:01", "02:00:00:00:aa:02"
SOON, NEVER = 5.0, 0.3
"""Seconds in which a frame comes, and after which it does not."""


@pytest.fixture
def driver(switched: OpenVSwitch, namespace: Namespace) -> OpenVSwitch:
    """On a host with interfaces eth1 and eth2 that nobody has given addresses, and whose other ends are up."""
    for name in ("eth1", "eth2"):
        namespace.add_interface(name)
        with far_away(namespace), IPRoute() as netlink:
            netlink.link("set", index=netlink.link_lookup(ifname=name)[0], state="up")
    return switched


@contextmanager
def far_away(namespace: Namespace) -> Iterator[None]:
    netns.pushns(namespace.far)
    try:
        yield
    finally:
        netns.popns()


class End:
    """Who sends and hears frames by a link."""

    def __init__(self, link: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.bind((link, 0))
        # The tag of a frame is handed over beside it.
        self._socket.setsockopt(263, 8, 1)

    def close(self) -> None:
        self._socket.close()

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def hears(self, text: bytes, within: float = SOON) -> int | None:
        """The tag of the first frame with this text, 0 for none; None: none comes."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame, beside, *_ = self._socket.recvmsg(4096, 256)
            except TimeoutError:
                return None
            if text in frame:
                tags = [int.from_bytes(data[16:18], "little") for _, _, data in beside]
                inside = int.from_bytes(frame[14:16], "big") if frame[12:14] == b"\x81\x00" else 0
                return next((tag & 0xFFF for tag in tags if tag), inside)
        return None


Guest = Callable[[str, str], End]


@pytest.fixture
def guest(namespace: Namespace, switch: OwnSwitch) -> Iterator[Guest]:
    """Makes guests: each has one end of a pair of links, of which the other is joined to a bridge."""
    with ExitStack() as ends:

        def join(name: str, bridge: str) -> End:
            namespace.add(name, "veth", peer=f"{name}-in")
            for link in (name, f"{name}-in"):
                namespace.set(link, state="up")
            switch.vsctl("add-port", bridge, name)
            end = End(f"{name}-in")
            ends.callback(end.close)
            return end

        yield join


def vlan(tag: int, device: str = "eth1", **others: object) -> Wire:
    return replace(Wire(Bridge(f"xapi{tag}", str(uuid.uuid4())), Uplink(device, tag)), **others)


def far_end(namespace: Namespace, link: str) -> End:
    with far_away(namespace):
        return End(link)


def arrives(sender: End, text: bytes, hearer: End) -> int | None:
    """The same of a frame that is sent again until it is heard: what flows already is looked at anew a moment later."""
    deadline, heard = time.monotonic() + SOON, None
    while heard is None and time.monotonic() < deadline:
        sender.send(ethernet(FIRST, IPV4, text))
        heard = hearer.hears(text, NEVER)
    return heard


# --- Frames --------------------------------------------------------------------------------------------


def test_guests_of_a_network_reach_each_other_and_nobody_elses(driver: OpenVSwitch, guest: Guest) -> None:
    for name in ("xapi0", "xapi1"):
        driver.ensure_bridge(Bridge(name, str(uuid.uuid4())))
    one, two, other = guest("g1", "xapi0"), guest("g2", "xapi0"), guest("g3", "xapi1")

    one.send(ethernet(FIRST, IPV4, b"hello, neighbour" * 4))

    assert two.hears(b"hello, neighbour") == 0
    assert other.hears(b"hello, neighbour", NEVER) is None


def test_vlans_are_kept_apart_by_their_tags(driver: OpenVSwitch, namespace: Namespace, guest: Guest) -> None:
    for made in (vlan(5), vlan(6), alone("eth1")):
        driver.connect(made)
    five, six, bare = guest("g5", "xapi5"), guest("g6", "xapi6"), guest("g1", "xenbr1")
    far = far_end(namespace, "eth1")

    five.send(ethernet(FIRST, IPV4, b"out of five" * 8))
    assert far.hears(b"out of five") == 5
    assert six.hears(b"out of five", NEVER) is None

    bare.send(ethernet(SECOND, IPV4, b"out of none" * 8))
    assert far.hears(b"out of none") == 0
    assert five.hears(b"out of none", NEVER) is None

    far.send(tagged(MAC, 6, IPV4, b"into six" * 8))
    assert six.hears(b"into six") == 0
    assert five.hears(b"into six", NEVER) is None
    far.close()


def test_guests_of_a_vlan_are_undisturbed_by_what_becomes_of_packets_without_a_tag(
    driver: OpenVSwitch, namespace: Namespace, switch: OwnSwitch, guest: Guest
) -> None:
    bare = alone("eth1")
    driver.connect(vlan(5, ipv4=STATIC))
    five, far = guest("g5", "xapi5"), far_end(namespace, "eth1")
    homes = [switch.vsctl("port-to-br", "eth1")]
    addressed = namespace.index("xapi5")

    for number, change in enumerate((lambda: driver.connect(bare), lambda: driver.disconnect("xenbr1"))):
        change()
        homes.append(switch.vsctl("port-to-br", "eth1"))
        text = f"number {number}".encode() * 8
        assert arrives(five, text, far) == 5
        assert namespace.index("xapi5") == addressed

    assert homes == ["xp-eth1", "xenbr1", "xp-eth1"]
    assert [bridge.name for bridge in driver.bridges()] == ["xapi5"]
    driver.disconnect("xapi5")
    assert switch.vsctl("list-br").split() == ["xapi5"]
    far.close()


def test_guests_stay_where_they_are_while_their_network_becomes_a_vlan_and_is_one_no_more(
    driver: OpenVSwitch, namespace: Namespace, guest: Guest
) -> None:
    made = vlan(5)
    driver.ensure_bridge(made.bridge)
    one, two, far = guest("g1", "xapi5"), guest("g2", "xapi5"), far_end(namespace, "eth1")

    driver.connect(made)
    one.send(ethernet(FIRST, IPV4, b"with a way out" * 8))
    assert far.hears(b"with a way out") == 5
    driver.disconnect("xapi5")
    one.send(ethernet(FIRST, IPV4, b"without a way out" * 8))

    assert two.hears(b"without a way out") == 0
    assert far.hears(b"without a way out", NEVER) is None
    far.close()


def test_a_bond_goes_on_over_the_member_that_is_left(driver: OpenVSwitch, namespace: Namespace, guest: Guest) -> None:
    driver.connect(wire(replace(BOND, down_delay=0, up_delay=0)))
    sender = guest("g1", "xapi1")
    ends = {name: far_end(namespace, name) for name in ("eth1", "eth2")}

    sender.send(ethernet(FIRST, IPV4, b"over the first" * 8))
    heard = {name for name, end in ends.items() if end.hears(b"over the first", 1.0) is not None}
    assert len(heard) == 1
    (first,) = heard
    with far_away(namespace), IPRoute() as netlink:
        netlink.link("set", index=netlink.link_lookup(ifname=first)[0], state="down")
    (second,) = ends.keys() - heard

    assert arrives(sender, b"over the second" * 8, ends[second]) == 0
    for end in ends.values():
        end.close()


def test_lacp_is_agreed_on_with_a_switch_that_speaks_it(
    driver: OpenVSwitch, namespace: Namespace, switch: OwnSwitch
) -> None:
    with ExitStack() as others:
        with far_away(namespace):
            other = others.enter_context(own_switch())
            other.vsctl("add-br", "br", "--", "set", "bridge", "br", "datapath_type=netdev")
            other.vsctl("add-bond", "br", "trunk", "eth1", "eth2", "lacp=passive", "other_config:lacp-time=fast")

        driver.connect(wire(replace(BOND, spreading=Spreading.lacp, hashing=Hashing.ports, fast=True)))

        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            agreed = [switch.vsctl("get", "interface", name, "lacp_current") for name in ("eth1", "eth2")]
            if agreed == ["true", "true"]:
                break
            time.sleep(0.2)
        assert agreed == ["true", "true"]


# --- What the database holds ---------------------------------------------------------------------------


def test_what_is_so_already_is_told_to_nobody_by_who_comes_after_a_crash(
    driver: OpenVSwitch, switch: OwnSwitch, tmp_path: Path
) -> None:
    wires = [
        vlan(5, ipv4=STATIC),
        vlan(6),
        replace(alone("eth1"), ipv6=Addressing()),
        wire(Bonding(("eth2",), MAC), bridge="xapi7", device="bond7"),
    ]
    internal = Bridge("xapi9", str(uuid.uuid4()), 1400)
    for made in wires:
        driver.connect(made)
    driver.ensure_bridge(internal)
    before, there = switch.transactions(), driver.bridges()
    assert before >= len(wires)

    places = {"leases": tmp_path / "leases", "resolv_conf": tmp_path / "resolv.conf"}
    with closing(OpenVSwitch(switch.socket, "netdev", **places)) as successor:
        with nothing_heard():
            for made in wires:
                successor.connect(made)
            successor.ensure_bridge(internal)

        assert switch.transactions() == before
        assert successor.bridges() == there


def test_what_went_with_the_switch_comes_back(driver: OpenVSwitch, switch: OwnSwitch, namespace: Namespace) -> None:
    made = vlan(5, ipv4=STATIC)
    connected = driver.connect(made)
    switch.vsctl("--no-wait", "del-port", "xapi5-out")
    switch.stop("ovs-vswitchd")
    with IPRoute() as netlink:
        netlink.link("del", index=namespace.index("xapi5"))
    switch.start_switch()
    switch.vsctl("set", "open_vswitch", ".", "external_ids:waited=true")

    assert driver.connect(made) == connected
    assert namespace.look("xapi5")["state"] == "up"
    assert switch.vsctl("port-to-br", "xapi5-at-xp-eth1") == "xp-eth1"


def test_a_bridge_tells_its_network_as_tools_of_such_hosts_look_for_it(driver: OpenVSwitch, switch: OwnSwitch) -> None:
    made = alone("eth1")
    driver.connect(made)

    assert switch.vsctl("br-get-external-id", "xenbr1", "xs-network-uuids") == made.bridge.uuid
    assert switch.vsctl("get-fail-mode", "xenbr1") == "standalone"
    assert switch.vsctl("get", "bridge", "xenbr1", "other_config:hwaddr").strip('"') == driver.nics()[1].mac


@pytest.mark.parametrize(
    ("bond", "mode", "lacp", "settings"),
    [
        (BOND, "active-backup", "off", {"bond-detect-mode": "carrier", "bond-rebalance-interval": "1800000"}),
        (replace(BOND, spreading=Spreading.by_source), "balance-slb", "off", {"bond-miimon-interval": "100"}),
        (replace(BOND, by_carrier=False), "active-backup", "off", {"bond-detect-mode": "miimon"}),
        (
            replace(BOND, spreading=Spreading.lacp, hashing=Hashing.ports, fast=True, key=7),
            "balance-tcp",
            "active",
            {"lacp-time": "fast", "lacp-fallback-ab": "true"},
        ),
        (
            replace(BOND, spreading=Spreading.lacp, falls_back=False),
            "balance-slb",
            "active",
            {"lacp-time": "slow", "lacp-fallback-ab": "false"},
        ),
    ],
)
def test_a_bond_works_as_was_said(
    driver: OpenVSwitch, switch: OwnSwitch, bond: Bonding, mode: str, lacp: str, settings: dict[str, str]
) -> None:
    driver.connect(wire(replace(BOND, spreading=Spreading.lacp, key=5)))

    driver.connect(wire(bond, bridge="xapi5", tag=5))

    def told(*column: str) -> str:
        return switch.vsctl("get", *column).replace('"', "")

    assert (told("port", "bond0", "bond_mode"), told("port", "bond0", "lacp")) == (mode, lacp)
    assert (told("port", "bond0", "bond_updelay"), told("port", "bond0", "bond_downdelay")) == ("31000", "200")
    for name, value in settings.items():
        assert told("port", "bond0", f"other_config:{name}") == value
    keys = told("interface", "eth1", "other_config")
    assert keys == ("{}" if bond.key is None else f"{{lacp-aggregation-key={bond.key}}}")
    assert told("interface", "eth2", "other_config") == keys


def test_members_come_and_go_and_are_as_they_were(driver: OpenVSwitch, switch: OwnSwitch, namespace: Namespace) -> None:
    big = Wire(Bridge("xapi1", str(uuid.uuid4()), 1400), Uplink("bond0", bond=replace(BOND, mtu=1400)))
    driver.connect(alone("eth1"))
    driver.connect(big)
    assert [namespace.look(name).get_attr("IFLA_MTU") for name in ("eth1", "eth2", "xapi1")] == [1400] * 3
    assert [bridge.name for bridge in driver.bridges() if bridge.ports] == ["xapi1"]

    driver.connect(replace(big, uplink=Uplink("bond0", bond=replace(BOND, members=("eth2",), mtu=1400))))

    assert switch.vsctl("list-ifaces", "xapi1").split() == ["eth2"]
    assert [namespace.look(name).get_attr("IFLA_MTU") for name in ("eth1", "eth2")] == [1500, 1400]


# --- What is refused, and what is left alone ------------------------------------------------------------


def test_foreign_bridges_and_their_ports_are_left_alone(driver: OpenVSwitch, switch: OwnSwitch) -> None:
    switch.vsctl("add-br", "br-theirs", "--", "set", "bridge", "br-theirs", "datapath_type=netdev")
    switch.vsctl("add-port", "br-theirs", "eth1")
    before = switch.transactions()

    with pytest.raises(AlreadyExists) as error:
        driver.ensure_bridge(Bridge("br-theirs", str(uuid.uuid4())))
    with pytest.raises(InUse):
        driver.connect(alone("eth1"))
    with pytest.raises(InUse):
        driver.connect(vlan(5))
    driver.remove_bridge("br-theirs")
    driver.disconnect("br-theirs")

    assert error.value.facts == {"bridge": "br-theirs"}
    assert driver.bridges() == []
    assert switch.transactions() == before
    # What lies beside it is made without touching it.
    driver.connect(alone("eth2", "xenbr2"))
    assert switch.vsctl("list-ports", "br-theirs") == "eth1"


def test_an_interface_with_addresses_carries_no_vlan(driver: OpenVSwitch, namespace: Namespace) -> None:
    with pytest.raises(InUse) as error:
        driver.connect(vlan(5, "eth0"))

    assert error.value.facts == {"device": "eth0"}
    assert driver.bridges() == []


def test_guests_keep_their_bridge_and_are_not_handed_to_another_network(
    driver: OpenVSwitch, namespace: Namespace, guest: Guest
) -> None:
    driver.ensure_bridge(Bridge("xapi0", str(uuid.uuid4())))
    guest("g1", "xapi0").close()

    with pytest.raises(InUse, match="g1"):
        driver.remove_bridge("xapi0")
    with pytest.raises(AlreadyExists):
        driver.ensure_bridge(Bridge("xapi0", str(uuid.uuid4())))

    # The port of a guest whose link is gone is nobody's.
    with IPRoute() as netlink:
        netlink.link("del", index=namespace.index("g1"))
    driver.remove_bridge("xapi0")
    assert driver.bridges() == []


def test_a_bridge_that_cannot_be_set_up_is_not_left_behind(driver: OpenVSwitch, namespace: Namespace) -> None:
    with pytest.raises(Failed, match="Invalid argument"):
        driver.ensure_bridge(Bridge("xapi0", str(uuid.uuid4()), 1_000_000))

    assert driver.bridges() == []
    with pytest.raises(LookupError):
        namespace.look("xapi0")


def test_a_key_that_a_bond_cannot_have_is_refused(driver: OpenVSwitch) -> None:
    with pytest.raises(NotSupported):
        driver.connect(wire(replace(BOND, spreading=Spreading.lacp, key=65536)))

    assert driver.bridges() == []


def test_bounds_of_guests_are_refused(driver: OpenVSwitch) -> None:
    port = GuestPort(str(uuid.uuid4()), ("g1",), FIRST)

    driver.guard([port])
    for bound in (replace(port, locking=Locking.locked), replace(port, kbps=100)):
        with pytest.raises(NotSupported):
            driver.guard([port, bound])
    assert driver.dropped() == {}


def test_where_no_database_answers_that_is_said(driver: OpenVSwitch, switch: OwnSwitch) -> None:
    switch.stop("ovsdb-server")

    with pytest.raises(Unavailable, match="Open vSwitch's database cannot be reached"):
        driver.bridges()


# --- Guests of a hypervisor ------------------------------------------------------------------------------


def test_it_is_known_which_bridges_are_the_switchs(
    driver: OpenVSwitch, switch: OwnSwitch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("xapi0", "plain/bridge", "eth1"):
        (tmp_path / "links" / name).mkdir(parents=True)
    monkeypatch.setattr(preflight, "NETWORK_LINKS", tmp_path / "links")
    driver.ensure_bridge(Bridge("xapi0", str(uuid.uuid4())))
    nics = [NicSpec(name, 0, FIRST, name) for name in ("xapi0", "plain", "eth1", "gone")]

    assert preflight.switched(nics, switch.socket) == {"xapi0"}
    assert preflight.switched(nics, tmp_path / "db.sock") == frozenset()

"""What guests may send: what every network driver promises, and which packets pass a bridge of Linux."""

from __future__ import annotations

import json
import os
import select
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.backends.network import frames
from tests.backends.network.frames import HOP_BY_HOP, ICMPV6, IPV4, SOURCE_MAC, TARGET_MAC
from tests.backends.network.namespace import Namespace
from tests.backends.network.tap import opened_tap
from xapid.backends.interface import Failed, NotSupported
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import Bridge, GuestPort, Locking, NetworkDriver, Reason

MAC, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
PORT = GuestPort(
    "5d1f9a3e-0000-4000-8000-0000000000f0",
    ("guest5d1f9a3e00",),
    MAC,
    Locking.locked,
    ("192.0.2.10", "198.51.100.0/24"),
    ("2001:db8::10", "2001:db8:1::/64"),
)
OPEN = replace(PORT, locking=Locking.unlocked)


def nothing() -> dict[Reason, int]:
    return dict.fromkeys(Reason, 0)


# --- What every driver promises that has bounds ------------------------------------------------------


@pytest.fixture(params=["simulated", pytest.param("linux", marks=pytest.mark.root)])
def networks(request: pytest.FixtureRequest) -> NetworkDriver:
    driver: NetworkDriver = request.getfixturevalue(request.param)
    return driver


def test_a_port_with_bounds_is_counted_and_one_without_is_not(networks: NetworkDriver) -> None:
    limited = replace(OPEN, vif=str(uuid.uuid4()), links=("guest1",), kbps=100)

    networks.guard([PORT, limited, replace(OPEN, vif=str(uuid.uuid4()), links=("guest2",))])

    assert networks.dropped() == {PORT.vif: nothing(), limited.vif: nothing()}


def test_a_port_whose_bounds_are_taken_away_is_counted_no_more(networks: NetworkDriver) -> None:
    other = replace(PORT, vif=str(uuid.uuid4()), links=("guest1",))
    networks.guard([PORT, other])

    networks.guard([OPEN])

    assert networks.dropped() == {other.vif: nothing()}


def test_bounds_are_forgotten_however_often_that_is_asked(networks: NetworkDriver) -> None:
    other = replace(PORT, vif=str(uuid.uuid4()), links=("guest1",))
    networks.guard([PORT, other])

    for _ in range(2):
        networks.unguard([PORT.vif, str(uuid.uuid4())])

    assert networks.dropped() == {other.vif: nothing()}


def test_nothing_is_bounded_at_first(networks: NetworkDriver) -> None:
    networks.guard([OPEN])
    networks.unguard([PORT.vif])

    assert networks.dropped() == {}


# --- Packets -----------------------------------------------------------------------------------------


class Wire:
    """A guest on a port of a bridge, and another on the same bridge that hears what comes through."""

    def __init__(self, guest: int, neighbour: int) -> None:
        self.guest = guest
        self.neighbour = neighbour
        self._sent = 0

    def passes(self, frame: bytes) -> bool:
        """Whether a frame of the guest reaches its neighbour, told by one that comes behind it from there itself."""
        return frame in self.sent(self.guest, self.neighbour, frame)

    def reaches_the_guest(self, frame: bytes) -> bool:
        return frame in self.sent(self.neighbour, self.guest, frame)

    def sent(self, one: int, other: int, *sent: bytes) -> list[bytes]:
        for frame in sent:
            os.write(one, frame)
        # Frames are forwarded as they are written: what has not come by now will not come.
        found = []
        while select.select([other], [], [], 0.02)[0]:
            found.append(os.read(other, 65536))
        return found


@pytest.fixture
def wire(bridges: Bridges, namespace: Namespace) -> Iterator[Wire]:
    bridges.ensure_bridge(Bridge("xapi0", "b1c6a5e0-5f6d-4b0e-9f37-3e2c4a0d6f10"))
    with ExitStack() as stack:
        found = []
        for name in (*PORT.links, "guest-other"):
            found.append(stack.enter_context(opened_tap(name, persistent=False)))
            namespace.set(name, master=namespace.index("xapi0"), state="up")
        yield Wire(*found)


HELLO = frames.udp(1000, 2000)
GOOD = {
    "IPv4 from an address": frames.ipv4(MAC, "192.0.2.10", HELLO),
    "IPv4 from a network": frames.ipv4(MAC, "198.51.100.77", HELLO),
    "ARP that tells an address": frames.arp(MAC, MAC, "192.0.2.10"),
    "ARP that asks whether an address is free": frames.arp(MAC, MAC, "0.0.0.0", 1),
    "a client of DHCP": frames.ipv4(MAC, "0.0.0.0", frames.udp(68, 67)),
    "IPv6 from an address": frames.ipv6(MAC, "2001:db8::10", HELLO),
    "IPv6 from a network": frames.ipv6(MAC, "2001:db8:1::99", HELLO),
    "who has": frames.ipv6(MAC, "2001:db8::10", frames.neighbour(135, "2001:db8::1", (SOURCE_MAC, MAC)), ICMPV6),
    "who has, bare": frames.ipv6(MAC, "2001:db8::10", frames.neighbour(135, "2001:db8::1"), ICMPV6),
    "is it free": frames.ipv6(MAC, "::", frames.neighbour(135, "2001:db8:1::7"), ICMPV6),
    "I have": frames.ipv6(MAC, "2001:db8::10", frames.neighbour(136, "2001:db8::10", (TARGET_MAC, MAC)), ICMPV6),
    "is there a router": frames.ipv6(MAC, "::", frames.icmpv6(133), ICMPV6),
    "a ping": frames.ipv6(MAC, "2001:db8::10", frames.icmpv6(128), ICMPV6),
}
BAD = {
    "another MAC": (frames.ipv4(OTHER, "192.0.2.10", HELLO), Reason.mac),
    "another IPv4 address": (frames.ipv4(MAC, "192.0.2.11", HELLO), Reason.ipv4),
    "no IPv4 address": (frames.ipv4(MAC, "0.0.0.0", HELLO), Reason.ipv4),
    "ARP of another address": (frames.arp(MAC, MAC, "192.0.2.11"), Reason.arp),
    "ARP of another MAC": (frames.arp(MAC, OTHER, "192.0.2.10"), Reason.arp),
    "a server of DHCP": (frames.ipv4(MAC, "192.0.2.10", frames.udp(67, 68)), Reason.dhcp),
    "a server of DHCPv6": (frames.ipv6(MAC, "2001:db8::10", frames.udp(547, 546)), Reason.dhcp),
    "another IPv6 address": (frames.ipv6(MAC, "2001:db8::11", HELLO), Reason.ipv6),
    "an address of the link": (frames.ipv6(MAC, "fe80::1", HELLO), Reason.ipv6),
    "a router": (frames.ipv6(MAC, "2001:db8::10", frames.icmpv6(134), ICMPV6), Reason.router),
    "a router behind another header": (
        frames.ipv6(MAC, "2001:db8::10", HOP_BY_HOP + frames.icmpv6(134), 0),
        Reason.router,
    ),
    "another router": (frames.ipv6(MAC, "2001:db8::10", frames.icmpv6(137), ICMPV6), Reason.router),
    "another has": (
        frames.ipv6(MAC, "2001:db8::10", frames.neighbour(136, "2001:db8::1", (TARGET_MAC, MAC)), ICMPV6),
        Reason.neighbour,
    ),
    "I have, elsewhere": (
        frames.ipv6(MAC, "2001:db8::10", frames.neighbour(136, "2001:db8::10", (TARGET_MAC, OTHER)), ICMPV6),
        Reason.neighbour,
    ),
    "I have, here and elsewhere": (
        frames.ipv6(
            MAC,
            "2001:db8::10",
            frames.neighbour(136, "2001:db8::10", (TARGET_MAC, MAC), (TARGET_MAC, OTHER)),
            ICMPV6,
        ),
        Reason.neighbour,
    ),
    "I have, behind another header": (
        frames.ipv6(MAC, "2001:db8::10", HOP_BY_HOP + frames.neighbour(136, "2001:db8::1"), 0),
        Reason.neighbour,
    ),
    "who has, from elsewhere": (
        frames.ipv6(MAC, "2001:db8::10", frames.neighbour(135, "2001:db8::1", (SOURCE_MAC, OTHER)), ICMPV6),
        Reason.neighbour,
    ),
    "is another's free": (frames.ipv6(MAC, "::", frames.neighbour(135, "2001:db8::1"), ICMPV6), Reason.neighbour),
    "a frame with a tag": (
        frames.tagged(MAC, 7, IPV4, frames.ipv4_packet("192.0.2.10", HELLO)),
        Reason.other,
    ),
    "something else": (frames.ethernet(MAC, 0x88CC, b"which nobody knows"), Reason.other),
}


@pytest.mark.root
@pytest.mark.parametrize("what", GOOD)
def test_what_a_locked_guest_may_send_passes(bridges: Bridges, wire: Wire, what: str) -> None:
    bridges.guard([PORT])

    assert wire.passes(GOOD[what])
    assert bridges.dropped() == {PORT.vif: nothing()}


@pytest.mark.root
@pytest.mark.parametrize("what", BAD)
def test_what_a_locked_guest_may_not_send_is_dropped_and_counted(bridges: Bridges, wire: Wire, what: str) -> None:
    frame, reason = BAD[what]
    before = wire.passes(frame)

    bridges.guard([PORT])

    assert before
    assert not wire.passes(frame)
    assert bridges.dropped() == {PORT.vif: nothing() | {reason: 1}}


@pytest.mark.root
@pytest.mark.parametrize("what", ["IPv4 from an address", "IPv6 from an address", "I have"])
def test_one_that_no_address_is_allowed_sends_none(bridges: Bridges, wire: Wire, what: str) -> None:
    bridges.guard([replace(PORT, ipv4_allowed=(), ipv6_allowed=())])

    assert not wire.passes(GOOD[what])
    assert wire.passes(GOOD["a client of DHCP"])


@pytest.mark.root
@pytest.mark.parametrize("frame", [GOOD["IPv4 from an address"], frames.ipv4(OTHER, "203.0.113.9", HELLO)])
def test_a_guest_hears_everybody_unless_its_port_is_disabled(bridges: Bridges, wire: Wire, frame: bytes) -> None:
    bridges.guard([PORT])
    while_locked = wire.reaches_the_guest(frame)
    bridges.guard([replace(PORT, locking=Locking.disabled)])
    while_disabled = wire.reaches_the_guest(frame), wire.passes(frame)
    bridges.guard([OPEN])

    assert (while_locked, while_disabled) == (True, (False, False))
    assert wire.reaches_the_guest(frame)
    assert wire.passes(frame)


@pytest.mark.root
def test_what_a_disabled_port_sends_is_counted(bridges: Bridges, wire: Wire) -> None:
    bridges.guard([replace(PORT, locking=Locking.disabled)])

    assert not wire.passes(GOOD["IPv4 from an address"])
    assert bridges.dropped()[PORT.vif][Reason.disabled] == 1


@pytest.mark.root
@pytest.mark.parametrize("locking", [Locking.unlocked, Locking.locked])
def test_a_guest_sends_no_more_than_its_rate(bridges: Bridges, wire: Wire, locking: Locking) -> None:
    bridges.guard([replace(PORT, locking=locking, kbps=1)])
    frame = frames.ipv4(MAC, "192.0.2.10", frames.udp(1000, 2000, bytes(1400)))

    passed = wire.sent(wire.guest, wire.neighbour, *[frame] * 400).count(frame)

    dropped = bridges.dropped()[PORT.vif]
    # As much at once as a guest may hand over in one piece, and little more.
    assert 60 < passed < 200
    assert passed + dropped[Reason.rate] == 400


# --- How rules come and go ---------------------------------------------------------------------------


@pytest.fixture
def table() -> Callable[[], str]:
    """Says what a table of nftables holds."""

    def look(name: str = "xapid") -> str:
        return subprocess.run(
            ["nft", "-a", "list", "table", "bridge", name], check=True, capture_output=True, text=True
        ).stdout

    return look


@pytest.mark.root
def test_rules_that_are_so_already_are_not_touched(bridges: Bridges, wire: Wire, table: Callable[[], str]) -> None:
    bridges.guard([PORT])
    wire.passes(BAD["another MAC"][0])
    before = table()

    bridges.guard([PORT])

    # Handles count on with each change.
    assert table() == before


@pytest.mark.root
def test_other_bounds_are_in_force_at_once_and_go_on_counting(bridges: Bridges, wire: Wire) -> None:
    bridges.guard([PORT])
    frame = BAD["another IPv4 address"][0]
    wire.passes(frame)

    bridges.guard([replace(PORT, ipv4_allowed=("192.0.2.11",))])

    assert wire.passes(frame)
    assert not wire.passes(GOOD["IPv4 from an address"])
    assert bridges.dropped()[PORT.vif][Reason.ipv4] == 2


@pytest.mark.root
def test_a_port_that_goes_by_another_name_is_bounded_by_that_one_only(
    bridges: Bridges, wire: Wire, table: Callable[[], str]
) -> None:
    bridges.guard([replace(PORT, links=("vif7.0", "vif7.0-emu"))])
    unknown = wire.passes(BAD["another MAC"][0])

    bridges.guard([PORT])

    assert unknown
    assert not wire.passes(BAD["another MAC"][0])
    assert "vif7.0" not in table()


@pytest.mark.root
def test_a_port_that_is_forgotten_leaves_nothing(bridges: Bridges, wire: Wire, table: Callable[[], str]) -> None:
    bridges.guard([replace(PORT, locking=Locking.disabled)])

    bridges.unguard([PORT.vif])

    assert PORT.vif not in table()
    assert PORT.links[0] not in table()
    assert wire.passes(BAD["another MAC"][0])


@pytest.mark.root
def test_rules_that_somebody_removed_come_back(bridges: Bridges, wire: Wire) -> None:
    bridges.guard([PORT])
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    while_gone = wire.passes(BAD["another MAC"][0])

    bridges.guard([PORT])

    assert while_gone
    assert not wire.passes(BAD["another MAC"][0])


@pytest.mark.root
def test_tables_of_others_are_left_alone(bridges: Bridges, table: Callable[[], str], namespace: Namespace) -> None:
    theirs = "add table bridge theirs\nadd map bridge theirs ports { type ifname : verdict; }\n"
    subprocess.run(["nft", "-f", "-"], input=theirs, check=True, text=True)
    before = table("theirs")

    bridges.guard([PORT])
    bridges.guard([OPEN])
    bridges.unguard([PORT.vif])

    assert table("theirs") == before


@pytest.mark.root
@pytest.mark.parametrize(
    "wrong",
    [
        {"mac": "02:00:00:00:00:01 accept; add table ip evil"},
        {"vif": "x }; flush ruleset"},
        {"links": ('a" : drop, "b',)},
        {"links": ()},
        {"links": ("a-name-of-sixteen",)},
        {"ipv4_allowed": ("192.0.2.1 } accept",)},
    ],
)
def test_what_is_no_address_or_name_bounds_nobody(bridges: Bridges, wrong: dict[str, object]) -> None:
    other = replace(PORT, vif=str(uuid.uuid4()), links=("guest1",))

    with pytest.raises(Failed):
        bridges.guard([other, replace(PORT, **wrong)])  # type: ignore[arg-type]

    assert bridges.dropped() == {}
    tables = json.loads(subprocess.run(["nft", "-j", "list", "tables"], capture_output=True, check=True).stdout)
    assert all("table" not in each for each in tables["nftables"])


def test_without_nftables_only_what_has_no_bounds_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    bridges = Bridges()

    bridges.guard([OPEN])
    bridges.unguard([PORT.vif])

    assert bridges.dropped() == {}
    with pytest.raises(NotSupported):
        bridges.guard([PORT])

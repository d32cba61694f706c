"""Bridges that lead out over several interfaces made one: what every driver promises, and what Linux is asked for.

The true kernel is asked where it has bonds; elsewhere one that plays it.
"""

from __future__ import annotations

import platform
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.network.conftest import SWITCHED
from tests.backends.network.fake_kernel import FakeKernel
from tests.backends.network.test_wires import nothing_heard
from xapid.backends.interface import AlreadyExists, Failed, InUse, NotFound, NotSupported
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import (
    Addressing,
    AddressMode,
    Bonding,
    Bridge,
    Hashing,
    NetworkDriver,
    Spreading,
    Uplink,
    Wire,
)

MAC = "02:00:00:00:00:99"
BOND = Bonding(("eth1", "eth2"), MAC)
STATIC = Addressing(AddressMode.static, "192.0.2.9/24", "192.0.2.254")


def there_are_bonds() -> bool:
    """Whether the kernel has them, or gets them when it is asked."""
    module = Path("/lib/modules", platform.release(), "kernel/drivers/net/bonding")
    return module.exists() or Path("/sys/module/bonding").exists()


def wire(bond: Bonding = BOND, bridge: str = "xapi1", tag: int = -1, device: str = "bond0", **others: object) -> Wire:
    return replace(Wire(Bridge(bridge, str(uuid.uuid4())), Uplink(device, tag, bond)), **others)


def alone(device: str, bridge: str = "xenbr1") -> Wire:
    return Wire(Bridge(bridge, str(uuid.uuid4())), Uplink(device))


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel("eth1", "eth2", "eth3")


@pytest.fixture
def played(kernel: FakeKernel, tmp_path: Path) -> Bridges:
    return Bridges(tmp_path, kernel, leases=tmp_path / "leases")


TRUE = [
    pytest.mark.root,
    pytest.mark.skipif(not there_are_bonds(), reason="the kernel has no bonds"),
]


@pytest.fixture(params=["simulated", "played", pytest.param("linux", marks=TRUE), SWITCHED])
def networks(request: pytest.FixtureRequest) -> Iterator[NetworkDriver]:
    """Each driver in turn, on a host with interfaces eth1 and eth2 that nobody has given addresses."""
    if request.param in ("linux", "switched"):
        for name in ("eth1", "eth2"):
            request.getfixturevalue("namespace").add_interface(name)
    yield request.getfixturevalue(request.param)


# --- What every driver promises ----------------------------------------------------------------------


def test_a_bridge_leads_out_over_a_bond(networks: NetworkDriver) -> None:
    before = {(nic.device, nic.mac) for nic in networks.nics()}
    made = wire(ipv4=STATIC)

    connected = networks.connect(made)

    assert (connected.mac, connected.mtu, connected.addresses) == (MAC, 1500, ("192.0.2.9/24",))
    # The bond is none of the host's own interfaces; its members still are, with the addresses that are theirs.
    assert {(nic.device, nic.mac) for nic in networks.nics()} >= before
    assert not any(nic.device == "bond0" for nic in networks.nics())
    assert networks.connect(made) == connected


def test_vlans_lead_out_over_it_with_or_without_a_bridge_of_its_own(networks: NetworkDriver) -> None:
    tagged, bare = wire(bridge="xapi5", tag=5), wire()

    networks.connect(tagged)
    networks.connect(bare)
    networks.disconnect("xapi1")
    networks.connect(tagged)

    assert [bridge.name for bridge in networks.bridges()] == ["xapi5"]
    networks.disconnect("xapi5")
    assert networks.bridges() == []
    networks.connect(alone("eth1"))


def test_what_it_is_made_of_leads_nowhere_else(networks: NetworkDriver) -> None:
    networks.connect(wire())

    with pytest.raises(InUse) as error:
        networks.connect(alone("eth2", "xenbr2"))
    with pytest.raises(InUse):
        networks.connect(wire(Bonding(("eth1",), MAC), bridge="xapi2", device="bond1"))
    with pytest.raises(NotFound):
        networks.connect(wire(Bonding(("eth2", "eth9"), MAC), bridge="xapi2", device="bond1"))

    assert error.value.facts["device"] == "eth2"
    assert [bridge.name for bridge in networks.bridges()] == ["xapi1"]


def test_one_member_is_a_bond_too(networks: NetworkDriver) -> None:
    single = Bonding(("eth1",), MAC)

    connected = networks.connect(wire(single))
    networks.connect(wire(single, bridge="xapi5", tag=5))

    assert connected.mac == MAC
    networks.disconnect("xapi1")
    networks.disconnect("xapi5")
    networks.connect(alone("eth1"))


@pytest.mark.parametrize(
    "other",
    [
        replace(BOND, spreading=Spreading.lacp, hashing=Hashing.ports, fast=True, key=7),
        replace(BOND, spreading=Spreading.by_source),
        replace(BOND, members=("eth1",)),
        replace(BOND, mac="02:00:00:00:00:77"),
        replace(BOND, up_delay=250, looked_at=0),
    ],
)
def test_it_is_changed_while_bridges_lead_over_it(networks: NetworkDriver, other: Bonding) -> None:
    made = wire(ipv4=STATIC)
    networks.connect(made)
    networks.connect(wire(bridge="xapi5", tag=5))

    changed = networks.connect(replace(made, uplink=replace(made.uplink, bond=other)))

    assert (changed.mac, changed.addresses) == (other.mac, ("192.0.2.9/24",))


# --- Linux -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bond", "settings"),
    [
        (BOND, {"MODE": 1, "MIIMON": 100, "UPDELAY": 31_000, "DOWNDELAY": 200, "USE_CARRIER": 1}),
        (replace(BOND, looked_at=100, up_delay=250), {"UPDELAY": 200}),
        (replace(BOND, spreading=Spreading.by_source), {"MODE": 2, "XMIT_HASH_POLICY": 5}),
        (
            replace(BOND, spreading=Spreading.lacp, hashing=Hashing.ports, fast=True, key=7),
            {"MODE": 4, "XMIT_HASH_POLICY": 1, "AD_LACP_RATE": 1, "AD_USER_PORT_KEY": 7},
        ),
        (replace(BOND, spreading=Spreading.lacp), {"MODE": 4, "XMIT_HASH_POLICY": 5, "AD_LACP_RATE": 0}),
    ],
)
def test_the_kernel_is_told_how_to_spread(
    played: Bridges, kernel: FakeKernel, bond: Bonding, settings: dict[str, int]
) -> None:
    played.connect(wire())
    played.connect(wire(bond, bridge="xapi5", tag=5))

    made = kernel.named("bond0")
    assert {name: made.settings[f"IFLA_BOND_{name}"] for name in settings} == settings
    assert made.up
    assert {kernel.named(name).master for name in ("eth1", "eth2")} == {made.index}


def test_what_is_so_already_is_not_asked_for(played: Bridges, kernel: FakeKernel) -> None:
    wires = [wire(replace(BOND, up_delay=250), ipv4=STATIC), wire(replace(BOND, up_delay=250), bridge="xapi5", tag=5)]
    for each in wires:
        played.connect(each)
    kernel.asked.clear()

    for each in wires:
        played.connect(each)

    assert kernel.asked == []


@pytest.mark.root
@TRUE[1]
def test_the_kernel_hears_of_nothing_that_is_so_already(networks: NetworkDriver) -> None:
    made = wire(ipv4=STATIC)
    networks.connect(made)

    with nothing_heard():
        networks.connect(made)


def test_a_bond_goes_with_the_last_bridge_over_it(played: Bridges, kernel: FakeKernel) -> None:
    played.connect(wire(bridge="xapi5", tag=5))
    played.connect(wire())
    played.disconnect("xapi1")
    assert kernel.names() == {"eth1", "eth2", "eth3", "bond0", "bond0.5", "xapi5"}

    played.disconnect("xapi5")

    assert kernel.names() == {"eth1", "eth2", "eth3"}
    assert [kernel.named(name).mac for name in ("eth1", "eth2")] == ["02:00:00:00:00:02", "02:00:00:00:00:03"]


def test_members_come_and_go(played: Bridges, kernel: FakeKernel) -> None:
    made = wire()
    played.connect(made)
    kernel.link("set", index=kernel.named("eth3").index, state="up")

    played.connect(replace(made, uplink=replace(made.uplink, bond=replace(BOND, members=("eth2", "eth3")))))

    bond = kernel.named("bond0").index
    assert [kernel.named(name).master for name in ("eth1", "eth2", "eth3")] == [0, bond, bond]


def test_a_bond_keeps_its_mtu_whatever_that_of_its_vlans(played: Bridges, kernel: FakeKernel) -> None:
    big = replace(BOND, mtu=9000)
    bridge = Bridge("xapi1", str(uuid.uuid4()), 9000)
    played.connect(wire(big, tag=5, bridge="xapi5"))

    played.connect(Wire(bridge, Uplink("bond0", bond=big)))

    assert [kernel.named(name).mtu for name in ("bond0", "eth1", "xapi1", "bond0.5", "xapi5")] == [
        9000, 9000, 9000, 1500, 1500,
    ]  # fmt: skip


def test_a_bond_of_somebody_else_is_left_alone(played: Bridges, kernel: FakeKernel) -> None:
    kernel.link("add", ifname="bond0", kind="bond")
    kernel.asked.clear()

    with pytest.raises(InUse) as error:
        played.connect(wire())

    assert error.value.facts["device"] == "bond0"
    assert kernel.asked == []
    assert any(nic.device == "bond0" for nic in played.nics())


def test_what_has_addresses_or_a_master_becomes_no_member(played: Bridges, kernel: FakeKernel) -> None:
    kernel.addr("add", kernel.named("eth2").index, "192.0.2.1", 24)
    with pytest.raises(InUse):
        played.connect(wire())
    kernel.link("add", ifname="br-theirs", kind="bridge")
    kernel.link("set", index=kernel.named("eth3").index, master=kernel.named("br-theirs").index)
    with pytest.raises(InUse):
        played.connect(wire(Bonding(("eth1", "eth3"), MAC)))

    assert "bond0" not in kernel.names()


def test_what_a_bridge_of_ours_still_has_of_a_member_passes_to_the_bond(played: Bridges, kernel: FakeKernel) -> None:
    played.connect(alone("eth1"))

    played.connect(wire())

    assert kernel.named("eth1").master == kernel.named("bond0").index


def test_a_key_that_the_kernel_cannot_have_is_refused(played: Bridges, kernel: FakeKernel) -> None:
    with pytest.raises(NotSupported):
        played.connect(wire(replace(BOND, spreading=Spreading.lacp, key=1024)))

    assert kernel.names() == {"eth1", "eth2", "eth3"}


def test_what_a_crash_left_half_made_is_ours_and_completed(played: Bridges, kernel: FakeKernel) -> None:
    made = [wire(), wire(bridge="xapi5", tag=5)]
    for each in made:
        played.connect(each)
    whole = {(link.name, link.master, link.up, link.mtu) for link in kernel.links.values()}
    steps = list(kernel.asked)
    for each in made:
        played.disconnect(each.bridge.name)

    for number in range(len(steps)):
        kernel.fail_after(number)
        with pytest.raises(Failed):
            for each in made:
                played.connect(each)
        kernel.fail_after(None)
        for each in made:
            played.connect(each)
        assert {link.name for link in kernel.links.values()} == {name for name, *_ in whole}, steps[number]
        for each in made:
            played.disconnect(each.bridge.name)
        assert kernel.names() == {"eth1", "eth2", "eth3"}


def test_a_vlan_of_somebody_else_is_left_alone(played: Bridges, kernel: FakeKernel) -> None:
    kernel.link("add", ifname="eth1.5", kind="vlan", link=kernel.named("eth1").index, vlan_id=5)

    with pytest.raises(AlreadyExists) as error:
        played.connect(Wire(Bridge("xapi5", str(uuid.uuid4())), Uplink("eth1", 5)))

    assert error.value.facts == {"device": "eth1", "tag": "5"}


# --- The way out of the host -------------------------------------------------------------------------


def test_the_way_out_follows_what_is_said_of_it_later(played: Bridges, kernel: FakeKernel) -> None:
    made = replace(alone("eth1"), ipv4=replace(STATIC, gateway=""))
    played.connect(made)
    assert kernel.routes == []

    led = played.connect(replace(made, ipv4=STATIC)).gateway
    moved = played.connect(replace(made, ipv4=replace(STATIC, gateway="192.0.2.253"))).gateway
    none = played.connect(made).gateway

    assert (led, moved, none) == ("192.0.2.254", "192.0.2.253", "")
    assert kernel.routes == []

"""Devices work as is asked of them, and as before once nobody asks any more."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyroute2.ethtool.ioctl import EthtoolCmd, IoctlEthtool, NotSupportedError

from tests.backends.network.fake_kernel import FakeKernel
from tests.backends.network.namespace import Namespace
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import Bonding, Bridge, Tuning, Uplink, Wire
from xapid.backends.network.tuning import OFFLOADS, Tuner


@dataclass
class Card:
    """A device that plays one of metal; ``fixed``: offloads that it has and cannot change."""

    flags: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(OFFLOADS.values(), True))
    fixed: tuple[str, ...] = ()
    speed: int = 10_000
    duplex: int = 1
    autoneg: int = 1
    advertising: int = 0x1000
    has_link: bool = True
    asked: list[str] = field(default_factory=list)
    ifreq: Any = field(default_factory=SimpleNamespace)

    def __call__(self, device: str) -> Card:
        return self

    def close(self) -> None:
        pass

    def get_offload_flags(self) -> dict[str, bool]:
        return dict(self.flags)

    def set_offload_flag(self, name: str, value: bool) -> None:
        self.asked.append(f"{name} {value}")
        if name in self.fixed:
            raise NotSupportedError(name)
        self.flags[name] = value

    def get_cmd(self) -> Any:
        if not self.has_link:
            raise NotSupportedError
        command = EthtoolCmd()
        command.speed, command.speed_hi = self.speed & 0xFFFF, self.speed >> 16
        command.duplex, command.autoneg, command.advertising = self.duplex, self.autoneg, self.advertising
        return command

    def ioctl(self) -> None:
        command = self.ifreq.ifr_data.contents
        assert command.cmd == 2
        self.asked.append("link")
        self.speed, self.duplex = command.speed | command.speed_hi << 16, command.duplex
        self.autoneg, self.advertising = command.autoneg, command.advertising


@pytest.fixture
def card() -> Card:
    return Card()


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    (tmp_path / "boot").write_text("first\n")
    return tmp_path / "boot"


@pytest.fixture
def tuner(card: Card, tmp_path: Path, boot: Path) -> Tuner:
    return Tuner(tmp_path / "links.json", card, boot)


def test_every_setting_is_applied_and_put_back(tuner: Tuner, card: Card) -> None:
    wanted = {
        **dict.fromkeys(OFFLOADS, "off"),
        "speed": "1000",
        "duplex": "half",
        "autoneg": "off",
        "advertise": "0x20",
    }

    tuner.tune("eth1", wanted)
    applied = (set(card.flags.values()), card.speed, card.duplex, card.autoneg, card.advertising)
    tuner.tune("eth1", {})

    assert applied == ({False}, 1000, 0, 0, 0x20)
    assert (set(card.flags.values()), card.speed, card.duplex, card.autoneg, card.advertising) == (
        {True}, 10_000, 1, 1, 0x1000,
    )  # fmt: skip


def test_what_is_so_already_is_not_asked_for(tuner: Tuner, card: Card) -> None:
    for _ in range(2):
        tuner.tune("eth1", {"gro": "on", "tso": "off", "speed": "10000"})

    assert card.asked == ["tcp-segmentation-offload False"]


def test_what_is_not_wanted_any_more_is_put_back_and_the_rest_stays(tuner: Tuner, card: Card) -> None:
    tuner.tune("eth1", {"gro": "off", "tso": "off"})

    tuner.tune("eth1", {"tso": "off"})

    assert [name for name, value in card.flags.items() if not value] == ["tcp-segmentation-offload"]


def test_what_a_device_cannot_do_is_said_and_keeps_nothing_else_from_being_done(
    tuner: Tuner, card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    card.fixed, card.has_link = ("udp-fragmentation-offload",), False
    del card.flags["large-receive-offload"]

    tuner.tune("eth1", {"ufo": "off", "sg": "off", "speed": "10"})

    assert card.flags["scatter-gather"] is False
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "eth1 cannot have ufo off", "eth1 cannot have speed 10",
    ]  # fmt: skip


def test_a_device_that_cannot_be_asked_is_left(tmp_path: Path, boot: Path, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(device: str) -> Any:
        raise OSError("no such device")

    Tuner(tmp_path / "links.json", refuse, boot).tune("eth9", {"gro": "off"})

    assert "eth9 cannot be asked" in caplog.text


def test_how_a_device_was_outlives_the_daemon_and_no_boot(tuner: Tuner, card: Card, tmp_path: Path, boot: Path) -> None:
    tuner.tune("eth1", {"gro": "off"})
    Tuner(tmp_path / "links.json", card, boot).tune("eth1", {})
    assert card.flags["generic-receive-offload"] is True
    tuner.tune("eth1", {})
    tuner.tune("eth1", {"gro": "off"})
    boot.write_text("second\n")
    card.asked.clear()

    Tuner(tmp_path / "links.json", card, boot).tune("eth1", {})

    assert card.asked == []


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"boot": "first"})])
def test_a_file_that_says_nothing_is_no_hindrance(card: Card, tmp_path: Path, boot: Path, text: str) -> None:
    (tmp_path / "links.json").write_text(text)

    Tuner(tmp_path / "links.json", card, boot).tune("eth1", {"gro": "off"})

    assert card.flags["generic-receive-offload"] is False


# --- With wires --------------------------------------------------------------------------------------


def wire(mtu: int = 1500, *tuning: Tuning, bond: Bonding | None = None) -> Wire:
    uplink = Uplink("bond0" if bond else "eth1", bond=bond)
    return replace(Wire(Bridge("xenbr1", str(uuid.uuid4()), mtu), uplink), tuning=tuning)


def test_an_interface_that_leads_nowhere_any_more_is_as_it_was(card: Card, tmp_path: Path) -> None:
    kernel = FakeKernel("eth1", "eth2")
    bridges = Bridges(tmp_path, kernel, leases=tmp_path / "leases", ethtool=card)
    bridges.connect(wire(9000, Tuning("eth1", (("gro", "off"),))))
    during = kernel.named("eth1").mtu, card.flags["generic-receive-offload"]

    bridges.disconnect("xenbr1")

    assert during == (9000, False)
    assert (kernel.named("eth1").mtu, card.flags["generic-receive-offload"]) == (1500, True)


def test_members_of_a_bond_too(card: Card, tmp_path: Path) -> None:
    kernel = FakeKernel("eth1", "eth2")
    bridges = Bridges(tmp_path, kernel, leases=tmp_path / "leases", ethtool=card)
    bond = Bonding(("eth1", "eth2"), "02:00:00:00:00:99", 9000)
    bridges.connect(wire(9000, Tuning("eth2", (("gro", "off"),)), bond=bond))
    during = card.flags["generic-receive-offload"]

    bridges.disconnect("xenbr1")

    assert (during, card.flags["generic-receive-offload"]) == (False, True)
    assert kernel.named("eth2").mtu == 1500


@pytest.mark.root
def test_a_bridge_works_as_it_is_told_while_that_is_said(bridges: Bridges, namespace: Namespace) -> None:
    namespace.add_interface("eth1")
    plain = wire()
    bridges.connect(plain)
    seen = [flags("xenbr1")]

    for tuning in ((Tuning("xenbr1", (("gso", "off"), ("tso", "off"))),), ()):
        bridges.connect(replace(plain, tuning=tuning))
        seen.append(flags("xenbr1"))

    assert [gso for gso, _, _ in seen] == [True, False, True]
    assert seen[2] == seen[0]
    assert flags("eth1")[0]


@pytest.mark.root
def test_the_kernel_does_as_it_is_told_and_puts_back(bridges: Bridges, namespace: Namespace) -> None:
    namespace.add_interface("eth1")
    settings = (("gso", "off"), ("speed", "10"), ("tso", "off"), ("tx", "off"))

    bridges.connect(wire(1400, Tuning("eth1", settings)))
    during = flags("eth1"), namespace.look("eth1").get_attr("IFLA_MTU")
    bridges.disconnect("xenbr1")

    assert during == ((False, False, False), 1400)
    assert (flags("eth1"), namespace.look("eth1").get_attr("IFLA_MTU")) == ((True, True, True), 1500)


def flags(device: str) -> tuple[bool, ...]:
    with closing(IoctlEthtool(device)) as ethtool:
        found = ethtool.get_offload_flags()
    return tuple(found[OFFLOADS[name]] for name in ("gso", "tso", "tx"))

"""Virtual functions of cards: what every driver promises, and what is read and written below /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapid.backends.interface import Failed, InUse, NotFound, NotSupported
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.functions import is_one, most
from xapid.backends.network.interface import Functions, NetworkDriver
from xapid.backends.network.sim import Sim

MOST = 4


class Card:
    """A card eth1 as /sys shows it: this plays the kernel where functions are made, as nothing else does."""

    def __init__(self, sysfs: Path) -> None:
        self.interface = sysfs / "class" / "net" / "eth1"
        self.device = sysfs / "devices" / "0000:03:00.0"
        self.device.mkdir(parents=True)
        self.interface.mkdir(parents=True)
        (self.interface / "device").symlink_to(self.device)
        (self.device / "sriov_totalvfs").write_text(f"{MOST}\n")
        (self.device / "sriov_numvfs").write_text("0\n")

    def written(self) -> str:
        return (self.device / "sriov_numvfs").read_text()

    def show(self, number: int, driver: str = "") -> Path:
        """A function as the kernel shows it."""
        function = self.device.parent / f"0000:03:10.{number}"
        function.mkdir()
        (function / "physfn").symlink_to(self.device)
        (self.device / f"virtfn{number}").symlink_to(function)
        if driver:
            (self.device.parent / driver).mkdir(exist_ok=True)
            (function / "driver").symlink_to(self.device.parent / driver)
        return function


@pytest.fixture
def card(tmp_path: Path) -> Card:
    (tmp_path / "class" / "net" / "eth2").mkdir(parents=True)
    return Card(tmp_path)


@pytest.fixture
def linux(card: Card) -> Bridges:
    return Bridges(sysfs=card.interface.parent)


@pytest.fixture(params=["sim", "linux"])
def networks(request: pytest.FixtureRequest) -> NetworkDriver:
    """Each driver in turn, on a host with a card eth1 that can have functions and an eth2 that cannot."""
    if request.param == "linux":
        driver: Bridges = request.getfixturevalue("linux")
        return driver
    sim = Sim()
    sim.capable["eth1"] = MOST
    return sim


# --- What every driver promises ----------------------------------------------------------------------


def test_as_many_are_made_as_there_can_be(networks: NetworkDriver) -> None:
    before = networks.functions("eth1")

    networks.make_functions("eth1")

    assert (before, networks.functions("eth1")) == (Functions(), Functions(MOST, MOST))


def test_they_go_again_however_often_that_is_asked(networks: NetworkDriver) -> None:
    networks.make_functions("eth1")

    for _ in range(2):
        networks.remove_functions("eth1")

    assert networks.functions("eth1") == Functions()


def test_what_can_have_none_gets_none(networks: NetworkDriver) -> None:
    with pytest.raises(NotSupported) as error:
        networks.make_functions("eth2")

    assert error.value.facts == {"device": "eth2"}
    assert networks.functions("eth2") == Functions()


@pytest.mark.parametrize("call", ["functions", "make_functions", "remove_functions"])
def test_an_interface_that_is_not_there_is_said(networks: NetworkDriver, call: str) -> None:
    with pytest.raises(NotFound) as error:
        getattr(networks, call)("eth8")

    assert error.value.facts == {"device": "eth8"}


# --- Linux -------------------------------------------------------------------------------------------


def test_the_kernel_is_told_the_number(linux: Bridges, card: Card) -> None:
    linux.make_functions("eth1")
    made = card.written()
    linux.remove_functions("eth1")

    assert (made, card.written()) == ("4\n", "0\n")


def test_those_that_are_there_stay_as_they_are(linux: Bridges, card: Card) -> None:
    (card.device / "sriov_numvfs").write_text("2\n")

    linux.make_functions("eth1")

    assert card.written() == "2\n"


@pytest.mark.parametrize("driver", ["vfio-pci", "pciback"])
def test_those_of_guests_are_not_free_and_keep_all(linux: Bridges, card: Card, driver: str) -> None:
    linux.make_functions("eth1")
    card.show(0, "ixgbevf")
    card.show(1, driver)
    card.show(2)

    assert linux.functions("eth1") == Functions(MOST, MOST - 1)
    with pytest.raises(InUse) as error:
        linux.remove_functions("eth1")
    assert "0000:03:10.1" in error.value.message
    assert card.written() == "4\n"


def test_what_the_kernel_refuses_is_said(linux: Bridges, card: Card) -> None:
    (card.device / "sriov_numvfs").unlink()
    (card.device / "sriov_numvfs").symlink_to(card.device / "nowhere" / "numvfs")

    with pytest.raises(Failed) as error:
        linux.make_functions("eth1")

    assert error.value.message == "4 virtual functions of eth1 are refused: No such file or directory"


def test_a_function_is_told_from_its_card(card: Card) -> None:
    function = card.interface.parent / "eth1v0"
    function.mkdir()
    (function / "device").symlink_to(card.show(0))

    assert [is_one(each) for each in (function, card.interface, card.interface.parent / "eth2")] == [True, False, False]
    assert [most(each) for each in (function, card.interface)] == [0, MOST]

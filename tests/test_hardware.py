"""Which libvirt runs the guests of this host."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from xapid.backends.agent import AgentConfig, DriverSpec, find_class
from xapid.backends.domain import embed
from xapid.backends.interface import Unavailable
from xapid.hardware import SYSTEM_URI, XEN_URI, Hardware, libvirt_uri, real, simulated, started, xen
from xapid.runtime.agents import LocalBackends
from xapid.runtime.config import Config, Datapath, NetworkBackend, NetworkConfig

NOBODY = 65534


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory that any user may pass, as systemd makes it."""
    with tempfile.TemporaryDirectory(prefix="xh-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture
def libvirtd(tmp_path: Path) -> Path:
    """The socket of a libvirtd that runs."""
    socket = tmp_path / "libvirt-sock"
    socket.touch()
    return socket


def test_the_systems_libvirtd_is_used_where_it_runs(state: Path, libvirtd: Path) -> None:
    assert libvirt_uri(state, libvirtd) == SYSTEM_URI


def test_where_none_runs_there_is_one_below_the_state_directory(state: Path, tmp_path: Path) -> None:
    assert libvirt_uri(state, tmp_path / "none") == embed.uri(state / "libvirt")


@pytest.mark.root
def test_a_libvirtd_that_this_user_may_not_see_is_passed_over(state: Path, tmp_path: Path) -> None:
    closed = tmp_path / "libvirt"
    closed.mkdir(mode=0o700)

    os.seteuid(NOBODY)
    try:
        uri = libvirt_uri(state, closed / "libvirt-sock")
    finally:
        os.seteuid(0)

    assert uri == embed.uri(state / "libvirt")


def test_guests_of_the_system_are_not_sent_where_they_cannot_read(state: Path, libvirtd: Path) -> None:
    state.chmod(0o700)

    assert libvirt_uri(state, libvirtd) == embed.uri(state / "libvirt")


def test_a_libvirtd_that_comes_later_does_not_hide_the_guests_that_run(state: Path, libvirtd: Path) -> None:
    embed.prepare(state / "libvirt")

    assert libvirt_uri(state, libvirtd) == embed.uri(state / "libvirt")


def test_a_libvirtd_that_is_away_is_waited_for(state: Path, libvirtd: Path) -> None:
    first = libvirt_uri(state, libvirtd)

    libvirtd.unlink()

    assert libvirt_uri(state, libvirtd) == first == SYSTEM_URI


@pytest.mark.parametrize(
    "drivers",
    [
        simulated(Config()),
        real(Config(), SYSTEM_URI, "tcg"),
        xen(Config(), XEN_URI),
        xen(Config(network=NetworkConfig(backend=NetworkBackend.openvswitch)), XEN_URI),
    ],
    ids=["sim", "qemu", "xen", "openvswitch"],
)
def test_each_driver_is_there_and_takes_what_it_is_given(drivers: AgentConfig) -> None:
    pytest.importorskip("libvirt", reason="an optional extra")
    made: set[str] = set()
    for spec in drivers.drivers:
        inspect.signature(find_class(spec.driver)).bind(**spec.args, **spec.uses)

        assert made >= set(spec.uses.values())
        made.add(spec.kind)


@pytest.mark.parametrize("backend", list(NetworkBackend))
def test_networks_are_those_of_the_back_end_that_was_chosen(backend: NetworkBackend) -> None:
    config = Config(network=NetworkConfig(backend=backend, datapath=Datapath.netdev))

    (spec,) = [each for each in real(config, SYSTEM_URI, "tcg").drivers if each.kind == "network"]

    assert find_class(spec.driver).info.name == backend.value
    assert spec.args.get("datapath") == {NetworkBackend.openvswitch: "netdev"}.get(backend)


async def test_a_host_whose_open_vswitch_does_not_run_says_so_when_it_starts(tmp_path: Path) -> None:
    driver = "xapid.backends.network.openvswitch:OpenVSwitch"
    network = DriverSpec("network", driver, {"database": str(tmp_path / "db.sock")})
    host = DriverSpec("host", "xapid.backends.host.sim:Sim", immediate=True)
    hardware = Hardware(LocalBackends(AgentConfig((network, host)), apart=False), False, tmp_path / "certificate")

    async with started(hardware):
        with pytest.raises(Unavailable, match=r"Open vSwitch's database cannot be reached at .*/db\.sock"):
            await hardware.machine()

"""The drivers of networks: the simulator, and that of Linux in a network namespace that each test has to itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pyroute2 import config, netns

from tests.backends.network.namespace import Namespace
from tests.backends.network.own_switch import SWITCH_INSTALLED, OwnSwitch, own_switch
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import NetworkDriver
from xapid.backends.network.openvswitch import OpenVSwitch
from xapid.backends.network.sim import Sim

# A busy machine takes longer to make a namespace than the 2 seconds that the library waits.
config.default_communicate_timeout = 30


@contextmanager
def made(name: str) -> Iterator[str]:
    netns.create(name)
    try:
        yield name
    finally:
        netns.remove(name)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """An empty network namespace; the thread of the test, and those that it makes, are in it. Needs root."""
    with made(f"xapidtest{os.getpid()}") as near, made(f"xapidtest{os.getpid()}far") as far:
        netns.pushns(near)
        try:
            yield Namespace(far)
        finally:
            netns.popns()


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """In place of /sys/class/net, which shows the interfaces of the namespace in which it was mounted."""
    return tmp_path / "net"


@pytest.fixture
def bridges(namespace: Namespace, sysfs: Path, tmp_path: Path) -> Bridges:
    return Bridges(sysfs, leases=tmp_path / "leases", resolv_conf=tmp_path / "resolv.conf")


@pytest.fixture
def linux(bridges: Bridges, namespace: Namespace) -> Bridges:
    """The same on a host with an interface eth0."""
    namespace.add_interface("eth0", "192.0.2.1/24")
    return bridges


@pytest.fixture
def switch(namespace: Namespace) -> Iterator[OwnSwitch]:
    """An Open vSwitch in that namespace."""
    with own_switch() as switch:
        yield switch


@pytest.fixture
def switched(switch: OwnSwitch, namespace: Namespace, sysfs: Path, tmp_path: Path) -> Iterator[OpenVSwitch]:
    """The driver of that one, on a host with an interface eth0."""
    namespace.add_interface("eth0", "192.0.2.1/24")
    places = {"leases": tmp_path / "leases", "resolv_conf": tmp_path / "resolv.conf"}
    with closing(OpenVSwitch(switch.socket, "netdev", sysfs=sysfs, **places)) as driver:
        yield driver


@pytest.fixture
def simulated() -> Sim:
    return Sim()


SWITCHED = pytest.param("switched", marks=[pytest.mark.root, SWITCH_INSTALLED])


@pytest.fixture(params=["simulated", pytest.param("linux", marks=pytest.mark.root), SWITCHED])
def networks(request: pytest.FixtureRequest) -> NetworkDriver:
    """Each driver in turn, on a host with an interface eth0 and without bridges."""
    driver: NetworkDriver = request.getfixturevalue(request.param)
    return driver

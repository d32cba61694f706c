"""Addresses of DHCP: what every network driver promises, and what Linux does with a server at the far end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pyroute2 import IPRoute, NetNS

from tests.backends.network.namespace import Namespace
from tests.told import ended, lives
from xapid.backends.interface import NotSupported
from xapid.backends.network import leased
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import Addressing, AddressMode, Bridge, Lease, NetworkDriver, Uplink, Wire
from xapid.backends.network.links import read_addresses, read_gateways
from xapid.backends.network.names import Policy, Resolver

WIRE = Wire(Bridge("xenbr1", str(uuid.uuid4())), Uplink("eth1"), Addressing(AddressMode.dhcp))
STATIC = Addressing(AddressMode.static, "192.0.2.9/24")
GIVEN = "198.51.100.77"


@contextmanager
def server(far: str, lease: str = "2m") -> Iterator[None]:
    """One that gives a single address to whoever asks at the far end of eth1."""
    with NetNS(far) as netlink:
        (index,) = netlink.link_lookup(ifname="eth1")
        netlink.link("set", index=index, state="up")
        netlink.addr("replace", index=index, address="198.51.100.1", prefixlen=24)
    command = [
        "ip", "netns", "exec", far, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
        "--interface=eth1", "--bind-interfaces", f"--dhcp-range={GIVEN},{GIVEN},255.255.255.0,{lease}", "--no-ping",
        "--dhcp-option=3,198.51.100.1", "--dhcp-option=6,198.51.100.2,198.51.100.3", "--leasefile-ro", "--user=root",
        "--pid-file=", "--dhcp-authoritative",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def linux(namespace: Namespace, sysfs: Path, tmp_path: Path) -> Iterator[Bridges]:
    """On a host with an interface eth1 that nobody has given an address. No client is left."""
    namespace.add_interface("eth1")
    bridges = Bridges(sysfs, leases=tmp_path / "leases", resolv_conf=tmp_path / "resolv.conf")
    yield bridges
    bridges.disconnect(WIRE.bridge.name)


def client(tmp_path: Path) -> int:
    return int((tmp_path / "leases" / "xenbr1.pid").read_text())


def addresses(namespace: Namespace) -> tuple[str, ...]:
    with IPRoute() as netlink:
        return read_addresses(netlink).get(namespace.index("xenbr1"), ())


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


# --- What every driver promises ----------------------------------------------------------------------


@pytest.mark.parametrize("networks", ["simulated", pytest.param("linux", marks=pytest.mark.root)])
def test_a_bridge_gets_the_address_that_a_server_gives(request: pytest.FixtureRequest, networks: str) -> None:
    driver: NetworkDriver = request.getfixturevalue(networks)
    with ExitStack() as stack:
        if networks == "linux":
            stack.enter_context(server(request.getfixturevalue("namespace").far))

        connected = driver.connect(WIRE)
        again = driver.connect(WIRE)

    lease = driver.leases()["xenbr1"]
    driver.connect(replace(WIRE, ipv4=STATIC))
    assert driver.leases() == {}
    assert (lease.address, lease.gateway) == (f"{GIVEN}/24", "198.51.100.1")
    assert (connected.addresses, connected.gateway) == ((f"{GIVEN}/24",), "198.51.100.1")
    assert again == connected


# --- Linux -------------------------------------------------------------------------------------------


@pytest.mark.root
def test_who_asks_already_goes_on_when_that_is_asked_again(
    linux: Bridges, namespace: Namespace, tmp_path: Path
) -> None:
    with server(namespace.far):
        linux.connect(WIRE)
        first = client(tmp_path)

        linux.connect(WIRE)

    assert client(tmp_path) == first


@pytest.mark.root
def test_a_client_outlives_who_started_it_and_is_not_started_twice(
    linux: Bridges, namespace: Namespace, sysfs: Path, tmp_path: Path
) -> None:
    with server(namespace.far):
        connected = linux.connect(WIRE)
        first = client(tmp_path)

        again = Bridges(sysfs, leases=tmp_path / "leases", resolv_conf=tmp_path / "resolv.conf").connect(WIRE)

    assert (again, client(tmp_path)) == (connected, first)


@pytest.mark.root
def test_one_that_was_killed_is_started_again(linux: Bridges, namespace: Namespace, tmp_path: Path) -> None:
    with server(namespace.far):
        connected = linux.connect(WIRE)
        first = client(tmp_path)
        os.kill(first, signal.SIGKILL)
        assert ended(first, 10)

        assert linux.connect(WIRE) == connected
        assert lives(client(tmp_path))


@pytest.mark.root
@pytest.mark.parametrize("static", [True, False])
def test_the_client_ends_with_its_mode_or_its_bridge(
    linux: Bridges, namespace: Namespace, tmp_path: Path, static: bool
) -> None:
    with server(namespace.far):
        linux.connect(WIRE)
        pid = client(tmp_path)

        if static:
            linux.connect(replace(WIRE, ipv4=STATIC))
        else:
            linux.disconnect("xenbr1")

    assert not lives(pid)
    if static:
        assert addresses(namespace) == ("192.0.2.9/24",)
    left = {path.name for path in (tmp_path / "leases").iterdir()}
    assert left - {"xenbr1.names"} == {"leased", "names.lock"}


@pytest.mark.root
def test_an_address_that_was_set_stays_until_a_server_gives_another(
    linux: Bridges, namespace: Namespace, sysfs: Path, tmp_path: Path
) -> None:
    linux.connect(replace(WIRE, ipv4=STATIC))

    silent = Bridges(sysfs, leases=tmp_path / "leases", resolv_conf=tmp_path / "resolv.conf", first_lease=0.5).connect(
        WIRE
    )
    with server(namespace.far):
        came = until(lambda: addresses(namespace) == (f"{GIVEN}/24",))

    assert (silent.addresses, silent.gateway) == (("192.0.2.9/24",), "")
    assert came


def ways_out() -> dict[int, str]:
    with IPRoute() as netlink:
        return read_gateways(netlink)


@pytest.mark.root
def test_the_way_out_is_over_the_router_that_the_server_names_if_it_is_to_be(
    linux: Bridges, namespace: Namespace
) -> None:
    out = replace(WIRE, ipv4=Addressing(AddressMode.dhcp, leads_out=True))
    with server(namespace.far):
        linux.connect(WIRE)
        before = ways_out()
        linux.connect(out)
        during = ways_out()
        linux.connect(out)
        again = ways_out()
        linux.connect(WIRE)

    assert (before, ways_out()) == ({}, {})
    assert during == again == {namespace.index("xenbr1"): "198.51.100.1"}


@pytest.mark.root
def test_a_late_lease_leads_out_too(linux: Bridges, namespace: Namespace, sysfs: Path, tmp_path: Path) -> None:
    out = replace(WIRE, ipv4=Addressing(AddressMode.dhcp, leads_out=True))

    Bridges(sysfs, leases=tmp_path / "leases", resolv_conf=tmp_path / "resolv.conf", first_lease=0.5).connect(out)

    with server(namespace.far):
        assert until(lambda: ways_out() == {namespace.index("xenbr1"): "198.51.100.1"})


@pytest.mark.root
def test_without_a_client_it_is_said(linux: Bridges, monkeypatch: pytest.MonkeyPatch, namespace: Namespace) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(NotSupported):
        linux.connect(WIRE)


# --- What servers say ----------------------------------------------------------------------------------

SAID = {"interface": "xenbr1", "ip": GIVEN, "subnet": "255.255.255.128", "lease": "120"}


def test_a_lease_is_what_the_client_was_told() -> None:
    lease = leased.read(
        SAID
        | {"router": "198.51.100.1 198.51.100.2", "dns": "198.51.100.3 198.51.100.4"}
        | {"search": "a.example b.example", "domain": "b.example $(reboot)"}
    )

    assert lease == Lease(
        f"{GIVEN}/25", "198.51.100.1", ("198.51.100.3", "198.51.100.4"), 120, ("a.example", "b.example")
    )
    assert leased.read(SAID) == Lease(f"{GIVEN}/25", "", (), 120)


@pytest.mark.parametrize(
    "wrong", [{"ip": "300.1.1.1"}, {"subnet": "255.0.255.0"}, {"router": "$(reboot)"}, {"lease": "for ever"}]
)
def test_what_makes_no_sense_is_no_lease(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        leased.read(SAID | wrong)


def test_what_is_no_lease_changes_nothing(tmp_path: Path) -> None:
    resolver = Resolver(tmp_path, tmp_path / "resolv.conf", Policy.always)
    leased.main(tmp_path, resolver, "deconfig", {"interface": "xenbr1"})

    assert list(tmp_path.iterdir()) == []

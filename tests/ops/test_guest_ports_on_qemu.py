"""What a guest of QEMU can send, through the whole daemon: it tries, and the other end hears it or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from tests.console_client import Line, serial_line
from tests.daemon import Client
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon
from xapid.demo.build import READY

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]

HOST, ALLOWED, OTHER = "192.0.2.1", "192.0.2.7", "192.0.2.8"


@dataclass(frozen=True)
class Guest:
    """One that is up, with an interface that is locked to an address; the host has one on the bridge."""

    daemon: QemuDaemon
    client: Client
    vm: str
    vif: str
    line: Line

    def reaches_the_host(self, source: str) -> bool:
        self.line.run(f"ip address replace {source}/24 dev eth0; ip neighbour flush dev eth0")
        return self.line.run(f"ping -c 1 -W 3 -I {source} {HOST} >/dev/null; echo $?") == ["0"]

    def dropped(self, reason: str) -> int:
        uuid = self.client.call("VIF.get_uuid", self.vif)
        said = self.daemon.run("nft", "list", "counter", "bridge", "xapid", f"{reason}-{uuid}")
        return int(said.split("packets ")[1].split()[0])


@pytest.fixture
def guest() -> Iterator[Guest]:
    with qemu_daemon() as daemon, closing(daemon.client()) as client:
        vm = new_guest(client, "bounded")
        (vif,) = client.call("VM.get_VIFs", vm)
        client.call("VIF.set_locking_mode", vif, "locked")
        client.call("VIF.set_ipv4_allowed", vif, [ALLOWED])
        client.call("VM.start", vm, False, False)
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)
            line.wait_for("nic eth0")
            give_address(daemon, client.call("network.get_bridge", client.call("VIF.get_network", vif)))
            yield Guest(daemon, client, vm, vif, line)


def give_address(daemon: QemuDaemon, bridge: str) -> None:
    daemon.run("ip", "address", "add", f"{HOST}/24", "dev", bridge)


def test_a_guest_reaches_others_from_its_own_address_alone(guest: Guest) -> None:
    first = guest.reaches_the_host(ALLOWED), guest.reaches_the_host(OTHER)
    counted = guest.dropped("ipv4") + guest.dropped("arp")
    guest.client.call("VIF.add_ipv4_allowed", guest.vif, OTHER)
    then = guest.reaches_the_host(OTHER)
    guest.client.call("VIF.set_locking_mode", guest.vif, "disabled")
    disabled = guest.reaches_the_host(ALLOWED)

    assert (first, then, disabled) == ((True, False), True, False)
    assert counted > 0

    guest.client.call("VIF.set_locking_mode", guest.vif, "unlocked")
    assert guest.reaches_the_host("192.0.2.9")


def test_the_bounds_go_with_the_interface_to_another_network_and_end_with_it(guest: Guest) -> None:
    other = guest.client.call(
        "network.create", {"name_label": "other", "name_description": "", "MTU": "1500", "other_config": {}}
    )
    old = guest.client.call("network.get_bridge", guest.client.call("VIF.get_network", guest.vif))

    guest.client.call("VIF.move", guest.vif, other)

    uuid = guest.client.call("VIF.get_uuid", guest.vif)
    assert old not in guest.daemon.run("ip", "link")
    give_address(guest.daemon, guest.client.call("network.get_bridge", other))
    assert (guest.reaches_the_host(ALLOWED), guest.reaches_the_host(OTHER)) == (True, False)
    guest.client.call("VM.hard_shutdown", guest.vm)
    assert uuid not in guest.daemon.run("nft", "list", "table", "bridge", "xapid")


def test_bounds_that_somebody_removed_are_back_after_a_start_of_the_daemon(guest: Guest) -> None:
    guest.daemon.run("nft", "delete", "table", "bridge", "xapid")
    while_gone = guest.reaches_the_host(OTHER)

    guest.daemon.kill()
    guest.daemon.start()

    assert while_gone
    with closing(guest.daemon.client()) as client, serial_line(guest.daemon.socket, client, guest.vm) as line:
        again = replace(guest, client=client, line=line)
        assert (again.reaches_the_host(ALLOWED), again.reaches_the_host(OTHER)) == (True, False)


def test_packets_are_as_long_as_the_network_takes_from_the_guest_to_the_bridge() -> None:
    with qemu_daemon() as daemon, closing(daemon.client()) as client:
        vm = new_guest(client, "long")
        (vif,) = client.call("VM.get_VIFs", vm)
        network = client.call("VIF.get_network", vif)
        client.call("network.set_MTU", network, "9000")
        client.call("VM.start", vm, False, False)
        bridge = client.call("network.get_bridge", network)
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)
            line.wait_for("nic eth0")
            give_address(daemon, bridge)
            line.run(f"ip address replace {ALLOWED}/24 dev eth0")

            # With its headers of 28 bytes, and not in pieces.
            whole = line.run(f"ping -c 1 -W 5 -s 8972 {HOST} >/dev/null; echo $?")

            assert line.run("cat /sys/class/net/eth0/mtu") == ["9000"]
        links = daemon.run("ip", "-o", "link").splitlines()

    assert whole == ["0"]
    assert [" mtu 9000 " in line for line in links if f"{bridge}:" in line or f"master {bridge} " in line] == [True] * 2

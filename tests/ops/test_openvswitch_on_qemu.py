"""A whole daemon on Open vSwitch: an interface of the host, a VLAN of it and a guest are joined to its bridges."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.backends.network.own_switch import SCHEMA, SWITCH_INSTALLED
from tests.console_client import serial_line
from tests.own_network import own_network
from tests.qemu_daemon import QemuDaemon, new_guest, started_on_qemu
from xapid.demo.build import READY

pytestmark = [pytest.mark.slow, pytest.mark.libvirt, pytest.mark.root, SWITCH_INSTALLED]

FOLDER = "/run/openvswitch"
SWITCH = f"""
mkdir -p {FOLDER}
mount -t tmpfs none {FOLDER}
ovsdb-tool create {FOLDER}/conf.db {SCHEMA}
ovsdb-server {FOLDER}/conf.db --remote=punix:{FOLDER}/db.sock --unixctl={FOLDER}/db.ctl -vconsole:off --detach \\
    --pidfile={FOLDER}/db.pid --no-chdir
ovs-vsctl --no-wait init
exec ovs-vswitchd unix:{FOLDER}/db.sock --unixctl={FOLDER}/switch.ctl -vconsole:off
"""


class OnOpenVSwitch(QemuDaemon):
    def start(self, *options: str, environment: dict[str, str] | None = None) -> None:
        chosen = {"XAPID_NETWORK_BACKEND": "openvswitch", "XAPID_NETWORK_DATAPATH": "netdev"}
        super().start(*options, environment=chosen | (environment or {}))

    @property
    def transactions(self) -> int:
        return self.run("cat", f"{FOLDER}/conf.db").count('"xapid: ')

    def ports(self, bridge: str) -> set[str]:
        return set(self.run("ovs-vsctl", "list-ports", bridge).split())


@contextmanager
def switch(within: tuple[str, ...]) -> Iterator[None]:
    """One in that network, where a daemon and libvirt look for it."""
    with subprocess.Popen([*within, "sh", "-ec", SWITCH]) as process:
        try:
            deadline = time.monotonic() + 20
            while subprocess.run([*within, "test", "-e", f"{FOLDER}/switch.ctl"], check=False).returncode:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            subprocess.run([*within, "sh", "-c", f"kill $(cat {FOLDER}/db.pid)"], check=True)


@pytest.fixture
def daemon() -> Iterator[OnOpenVSwitch]:
    with own_network() as within, own_network() as elsewhere, switch(within):
        holder = Path(elsewhere[1].removeprefix("--net=")).parts[2]
        link = ["ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1far", "netns", holder]
        subprocess.run([*within, *link], check=True)
        with started_on_qemu(OnOpenVSwitch, within) as daemon:
            yield daemon


def test_what_the_daemon_has_joined_stays_as_it_is_when_it_is_killed(daemon: OnOpenVSwitch) -> None:
    with closing(daemon.client()) as client:
        (host,) = client.call("host.get_all")
        assert client.call("host.get_software_version", host)["network_backend"] == "openvswitch"
        daemon.run("ip", "addr", "add", "192.0.2.1/24", "dev", "eth1")
        pif = str(client.call("PIF.introduce", host, "", "eth1", True))
        daemon.run("ip", "addr", "del", "192.0.2.1/24", "dev", "eth1")
        client.call("PIF.reconfigure_ip", pif, "Static", "192.0.2.9", "255.255.255.0", "", "")
        client.call("PIF.plug", pif)
        network = client.call("network.create", {"name_label": "five", "other_config": {}})
        client.call("VLAN.create", pif, "5", network)
        vm = new_guest(client, "switched")
        for vif in client.call("VM.get_VIFs", vm):
            client.call("VIF.destroy", vif)
        vif = client.call("VIF.create", a_vif(vm, network))
        client.call("VM.start", vm, False, False)
        # A guest lets go of an interface once it has come up.
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)
        bare = str(client.call("network.get_bridge", client.call("PIF.get_network", pif)))
        tagged = str(client.call("network.get_bridge", network))
    (guest,) = [port for port in daemon.ports(tagged) if port.startswith("guest")]
    assert daemon.ports(bare) == {"eth1", f"{tagged}-at-{bare}"}
    assert "192.0.2.9/24" in daemon.run("ip", "addr", "show", bare)
    before = daemon.transactions
    assert before > 0

    daemon.kill()
    daemon.start()

    with closing(daemon.client()) as client:
        assert client.call("PIF.get_currently_attached", pif)
        assert daemon.transactions == before
        client.call("VIF.unplug", vif)
        client.call("VM.hard_shutdown", vm)
    assert guest not in daemon.ports(tagged)


def a_vif(vm: str, network: str) -> dict[str, object]:
    return {
        "VM": vm,
        "network": network,
        "device": "0",
        "MAC": "",
        "MTU": "1500",
        "other_config": {},
        "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    }

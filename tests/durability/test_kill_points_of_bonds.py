"""kill -9 before and after each driver call and commit while wires change, on bridges of Linux with a guest on QEMU.

The bond has one member, for few kernels that tests run on have others: all that moves with it moves all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client
from tests.durability.killed_operations import PENDING, Killed, carry_out
from tests.durability.test_kill_points import places, some
from tests.forked_daemon import ForkedQemuDaemon
from tests.own_network import own_network
from tests.qemu_daemon import QemuDaemon, new_guest, started_on_qemu

pytestmark = [pytest.mark.libvirt, pytest.mark.root, pytest.mark.slow]

Records = dict[str, dict[str, Any]]
NULL = "OpaqueRef:NULL"


@pytest.fixture
def daemon() -> Iterator[QemuDaemon]:
    """On a host with an interface eth1, whose other end is in another network."""
    with own_network() as far, own_network() as within, started_on_qemu(ForkedQemuDaemon, within) as daemon:
        holder = far[1].split("/")[2]
        daemon.run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1far", "netns", holder)
        yield daemon


def site(daemon: QemuDaemon, client: Client) -> str:
    """The network of eth1, with a guest that runs on it, and addresses. Returns the interface."""
    (host,) = client.call("host.get_all")
    # An end of a pair counts as an interface of the host only with an address, or as a port of ours.
    daemon.run("ip", "addr", "add", "192.0.2.1/24", "dev", "eth1")
    pif = str(client.call("PIF.introduce", host, "", "eth1", True))
    daemon.run("ip", "addr", "del", "192.0.2.1/24", "dev", "eth1")
    client.call("PIF.reconfigure_ip", pif, "Static", "192.0.2.9", "255.255.255.0", "", "")
    client.call("PIF.plug", pif)
    vm = new_guest(client, "on the wire")
    for vif in client.call("VM.get_VIFs", vm):
        client.call("VIF.destroy", vif)
    client.call("VIF.create", {
        "VM": vm, "network": client.call("PIF.get_network", pif), "device": "0", "MAC": "", "MTU": "1500",
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    client.call("VM.start", vm, False, False)
    return pif


def links(daemon: QemuDaemon) -> dict[str, dict[str, Any]]:
    return {link["ifname"]: link for link in json.loads(daemon.run("ip", "-j", "addr"))}


def untruths(client: Client, daemon: QemuDaemon) -> list[str]:
    """What is recorded of wires otherwise than it is."""
    pifs: Records = client.call("PIF.get_all_records")
    networks: Records = client.call("network.get_all_records")
    there, found, wanted = links(daemon), [], set()
    for pif in pifs.values():
        if pif["management"] or not pif["currently_attached"]:
            continue
        bridge = networks[pif["network"]]["bridge"]
        wanted.add(bridge)
        if there["eth1"].get("master") != bridge:
            found.append(f"{pif['device']} leads to {bridge}, and eth1 is a port of {there['eth1'].get('master')}")
        addresses = [each["local"] for each in there.get(bridge, {}).get("addr_info", ()) if each["family"] == "inet"]
        if addresses != [pif["IP"]]:
            found.append(f"{bridge} has addresses {addresses}, and should have {pif['IP']}")
    for vif in client.call("VIF.get_all_records").values():
        found += [f"a VIF is busy with {operation}" for operation in vif["current_operations"].values()]
        if vif["currently_attached"]:
            bridge = networks[vif["network"]]["bridge"]
            taps = [link for link in there.values() if link.get("master") == bridge and link["ifname"] != "eth1"]
            if len(taps) != 1:
                found.append(f"{len(taps)} guests are joined to {bridge}")
    ours = {name for name in there if name.startswith(("xenbr", "xapi"))}
    found += [f"{name} is left over" for name in ours - wanted]
    for bond in client.call("Bond.get_all_records").values():
        if len(bond["slaves"]) != 1 or bond["master"] not in pifs:
            found.append(f"a bond of {bond['slaves']} as {bond['master']}")
    for task in client.call("task.get_all_records").values():
        if task["status"] in PENDING:
            found.append(f"{task['name_label']} is {task['status']}")
    return found


@dataclass(frozen=True)
class Act:
    """An operation: its message and parameters, whether the records say that it was done, and how to take it back."""

    message: str
    prepare: Callable[[Client, str], tuple[Any, ...]]
    happened: Callable[[Client, str], bool]
    back: Callable[[Client, str], None]

    def __str__(self) -> str:
        return self.message


def is_bonded(client: Client, pif: str) -> bool:
    return bool(client.call("PIF.get_bond_slave_of", pif) != NULL)


def a_bond(client: Client, pif: str) -> tuple[Any, ...]:
    fresh = client.call("network.create", {"name_label": "bond", "name_description": "", "other_config": {}})
    return fresh, [pif], "", "active-backup", {}


def its_bond(client: Client, pif: str) -> tuple[Any, ...]:
    return (client.call("PIF.get_bond_slave_of", pif),)


def address(last: int) -> tuple[Any, ...]:
    return "Static", f"192.0.2.{last}", "255.255.255.0", "", ""


CREATE = Act("Bond.create", a_bond, is_bonded, lambda client, pif: client.call("Bond.destroy", *its_bond(client, pif)))
DESTROY = Act(
    "Bond.destroy",
    its_bond,
    lambda client, pif: not is_bonded(client, pif),
    lambda client, pif: client.call("Bond.create", *a_bond(client, pif)),
)
READDRESS = Act(
    "PIF.reconfigure_ip",
    lambda client, pif: (pif, *address(10)),
    lambda client, pif: bool(client.call("PIF.get_IP", pif) == "192.0.2.10"),
    lambda client, pif: client.call("PIF.reconfigure_ip", pif, *address(9)),
)


@pytest.mark.parametrize("setting", ["XAPID_KILL_AT_CALL", "XAPID_KILL_AT_BATCH"])
@pytest.mark.parametrize("act", [CREATE, DESTROY, READDRESS], ids=str)
def test_whenever_the_daemon_dies_wires_are_as_the_records_say(
    daemon: QemuDaemon, act: Act, setting: str, tmp_path: Path
) -> None:
    kill_at = tmp_path / "kill at"
    with closing(daemon.client()) as client:
        pif = site(daemon, client)
        if act is DESTROY:
            act.back(client, pif)
    daemon.stop()
    daemon.start(environment={setting: str(kill_at)})
    deaths = 0

    for place in some(places()):
        with closing(daemon.client()) as client:
            assert untruths(client, daemon) == []
            params = act.prepare(client, pif)
            kill_at.write_text(place)
            try:
                status = carry_out(daemon, client, act.message, *params)
            except Killed:
                status = ""
            kill_at.unlink()
        if status:
            assert status == "success"
            break
        deaths += 1
        daemon.start(environment={setting: str(kill_at)})
        with closing(daemon.client()) as client:
            assert untruths(client, daemon) == [], place
            if act.happened(client, pif):
                act.back(client, pif)

    assert deaths >= 2
    with closing(daemon.client()) as client:
        assert untruths(client, daemon) == []

"""The guide's walk and the samples of the SDK with real guests and the client of PyPI: guide, 2.3.2, 2.3.5, 4.2.1."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any

import pytest
import XenAPI

from tests.clients.walk import NO_QOS, Walker, walk
from tests.console_client import LIMIT, Line, serial_line
from tests.daemon import Client, UnixTransport
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]

TEMPLATE = "xapid demo guest"
NULL = "OpaqueRef:NULL"
ADDRESS = "10.9.8.7"


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


@pytest.fixture(scope="module")
def xapi(daemon: QemuDaemon) -> Iterator[Any]:
    """Over the socket, as scripts on the host connect."""
    session = XenAPI.Session("http://localhost", transport=UnixTransport(str(daemon.socket)))
    session.xenapi.login_with_password("root", "", "1.0", "powercycle.py")
    yield session.xenapi
    session.xenapi.session.logout()
    session("close")()


def eventually(true: Callable[[], Any]) -> Any:
    """What a sample looks for, as it does: again and again."""
    deadline = time.monotonic() + LIMIT
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def machines(xapi: Any) -> dict[str, dict[str, Any]]:
    records = xapi.VM.get_all_records()
    return {
        ref: each for ref, each in records.items() if not each["is_a_template"] and not each["is_control_domain"]
    }  # fmt: skip


def remove(xapi: Any, vm: str) -> None:
    """The machine and its disks."""
    record = xapi.VM.get_record(vm)
    if record["power_state"] != "Halted":
        xapi.VM.hard_shutdown(vm)
    disks = [xapi.VBD.get_VDI(vbd) for vbd in record["VBDs"]]
    xapi.VM.destroy(vm)
    for disk in disks:
        xapi.VDI.destroy(disk)


# --- install.py -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Installed:
    """What install.py prints at its end: a machine, what runs in it, and where it is reached."""

    vm: str
    system: str
    address: str


def install(xapi: Any) -> Installed:
    """As the sample does it, with a template and a network of what there is."""
    records = xapi.VM.get_all_records()
    template = next(
        ref for ref, each in records.items() if each["is_a_template"] and each["name_label"] == TEMPLATE
    )  # fmt: skip
    vm = xapi.VM.clone(template, "installed")
    # The template of the sample has no interface, ours has one.
    (vif,) = xapi.VM.get_VIFs(vm)
    network = xapi.VIF.get_network(vif)
    xapi.VIF.destroy(vif)
    xapi.VIF.create(
        {"VM": vm, "network": network, "device": "0", "MAC": "", "MTU": "1500", "other_config": {}, **NO_QOS}
    )
    xapi.VM.set_PV_args(vm, f"{xapi.VM.get_PV_args(vm)} noninteractive demo.ip={ADDRESS}/24")
    (pool,) = xapi.pool.get_all()
    sr = xapi.SR.get_uuid(xapi.pool.get_default_SR(pool))
    disks = ElementTree.fromstring(xapi.VM.get_other_config(vm)["disks"])
    for disk in disks:
        disk.set("sr", sr)
    xapi.VM.remove_from_other_config(vm, "disks")
    xapi.VM.add_to_other_config(vm, "disks", ElementTree.tostring(disks, encoding="unicode"))
    xapi.VM.provision(vm)
    xapi.VM.start(vm, False, True)

    def told(what: str, key: str) -> Callable[[], str]:
        def look() -> str:
            try:
                return str(getattr(xapi.VM_guest_metrics, f"get_{what}")(xapi.VM.get_guest_metrics(vm)).get(key, ""))
            except XenAPI.Failure:
                return ""

        return look

    return Installed(vm, eventually(told("os_version", "name")), eventually(told("networks", "0/ip")))


@pytest.fixture(scope="module")
def installed(xapi: Any) -> Iterator[Installed]:
    """A guest that is up, made by install.py."""
    installed = install(xapi)
    yield installed
    remove(xapi, installed.vm)


@pytest.fixture(scope="module")
def off(daemon: QemuDaemon, xapi: Any) -> Iterator[str]:
    """A guest that is off."""
    with closing(daemon.client()) as client:
        vm = new_guest(client, "off")
    yield vm
    remove(xapi, vm)


# --------------------------------------------------------------------------------------------------------------------


def test_a_machine_walks_through_all_of_its_life(daemon: QemuDaemon, xapi: Any, client: Client) -> None:
    def line(vm: str) -> AbstractContextManager[Line]:
        return serial_line(daemon.socket, client, vm)

    walk(Walker(xapi, TEMPLATE, line))

    assert daemon.guests == []


def test_install_sees_which_system_it_installed_and_at_which_address(installed: Installed) -> None:
    assert (installed.system, installed.address) == ("xapid demo guest 1.0", ADDRESS)


def test_powercycle_takes_every_machine_through_sleep_and_out_of_it(
    daemon: QemuDaemon, xapi: Any, off: str, installed: Installed
) -> None:
    found = machines(xapi)
    assert set(found) == {off, installed.vm}
    for vm, record in found.items():
        if record["power_state"] == "Running":
            xapi.VM.clean_shutdown(vm)
        # The sample does it nine times.
        xapi.VM.start(vm, False, True)
        eventually(lambda vm=vm: "suspend" in xapi.VM.get_record(vm)["allowed_operations"])
        xapi.VM.suspend(vm)
        assert xapi.VM.get_power_state(vm) == "Suspended"
        xapi.VM.resume(vm, False, True)
        xapi.VM.clean_shutdown(vm)
    assert [each["power_state"] for each in machines(xapi).values()] == ["Halted", "Halted"]
    assert daemon.guests == []


def test_permute_moves_all_at_once_to_the_only_host_there_is(
    daemon: QemuDaemon, xapi: Any, off: str, installed: Installed
) -> None:
    for vm, record in machines(xapi).items():
        if record["power_state"] == "Halted":
            xapi.VM.start(vm, False, False)
    for _ in range(2):
        running = {ref: each for ref, each in machines(xapi).items() if each["power_state"] == "Running"}
        assert set(running) == {off, installed.vm}
        hosts = [each["resident_on"] for each in running.values()]
        hosts = [hosts[-1], *hosts[:-1]]
        tasks = [
            xapi.Async.VM.pool_migrate(vm, host, {"live": "true"}) for vm, host in zip(running, hosts, strict=True)
        ]  # fmt: skip
        eventually(lambda tasks=tasks: all(xapi.task.get_record(task)["status"] != "pending" for task in tasks))
        records = [xapi.task.get_record(task) for task in tasks]
        assert [(each["status"], each["error_info"]) for each in records] == [("success", [])] * 2
        for task in tasks:
            xapi.task.destroy(task)
    assert len(daemon.guests) == 2
    for vm in (off, installed.vm):
        xapi.VM.hard_shutdown(vm)


def test_vm_power_states_takes_a_clone_through_all_of_them(daemon: QemuDaemon, xapi: Any, off: str) -> None:
    clone = xapi.VM.clone(off, "Cloned VM (from 'off')")
    xapi.VM.set_name_description(clone, "Another cloned VM")
    states = [xapi.VM.get_power_state(clone)]

    def may_sleep() -> bool:
        """The sample waits until the guest says so."""
        guest = xapi.VM.get_guest_metrics(clone)
        return bool(guest != NULL and xapi.VM_guest_metrics.get_other(guest).get("feature-suspend") == "1")

    xapi.VM.start(clone, True, True)
    states.append(xapi.VM.get_power_state(clone))
    xapi.VM.unpause(clone)
    states.append(xapi.VM.get_power_state(clone))
    eventually(may_sleep)
    xapi.VM.suspend(clone)
    states.append(xapi.VM.get_power_state(clone))
    xapi.VM.resume(clone, False, True)
    states.append(xapi.VM.get_power_state(clone))
    xapi.VM.hard_shutdown(clone)
    states.append(xapi.VM.get_power_state(clone))

    assert states == ["Halted", "Paused", "Running", "Suspended", "Running", "Halted"]
    assert daemon.guests == []
    remove(xapi, clone)

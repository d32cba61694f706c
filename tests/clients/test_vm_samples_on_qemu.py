"""What the samples of the SDK do with real guests, with the client of PyPI: guide, 2.3.2, 2.3.5 and 4.2.1."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from tests.console_client import LIMIT
from tests.daemon import Client, UnixTransport
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


@pytest.fixture
def session(daemon: QemuDaemon) -> Iterator[Any]:
    """Over the socket, as scripts on the host connect."""
    session = XenAPI.Session("http://localhost", transport=UnixTransport(str(daemon.socket)))
    session.xenapi.login_with_password("root", "", "1.0", "powercycle.py")
    yield session
    session.xenapi.session.logout()
    session("close")()


def machines(session: Any) -> dict[str, dict[str, Any]]:
    records = session.xenapi.VM.get_all_records()
    return {
        ref: each for ref, each in records.items() if not each["is_a_template"] and not each["is_control_domain"]
    }  # fmt: skip


@pytest.fixture
def guests(daemon: QemuDaemon, client: Client) -> Iterator[list[str]]:
    """One that is off and one that runs. They are gone at the end, with all that the samples made of them."""
    vms = [new_guest(client, "off"), daemon.booted("up")]
    yield vms
    for vm in client.call("VM.get_all"):
        record = client.call("VM.get_record", vm)
        if record["is_a_template"] or record["is_control_domain"]:
            continue
        if record["power_state"] != "Halted":
            client.call("VM.hard_shutdown", vm)
        client.call("VM.destroy", vm)
    assert daemon.guests == []


def test_powercycle_takes_every_machine_through_sleep_and_out_of_it(
    daemon: QemuDaemon, session: Any, guests: list[str]
) -> None:
    found = machines(session)
    assert set(found) == set(guests)
    for vm, record in found.items():
        if record["power_state"] == "Running":
            session.xenapi.VM.clean_shutdown(vm)
        # The sample does it nine times.
        for _ in range(2):
            session.xenapi.VM.start(vm, False, True)
            deadline = time.monotonic() + LIMIT
            while "suspend" not in session.xenapi.VM.get_record(vm)["allowed_operations"]:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            session.xenapi.VM.suspend(vm)
            assert session.xenapi.VM.get_power_state(vm) == "Suspended"
            session.xenapi.VM.resume(vm, False, True)
            session.xenapi.VM.clean_shutdown(vm)
    assert [each["power_state"] for each in machines(session).values()] == ["Halted", "Halted"]
    assert daemon.guests == []


def test_permute_moves_all_at_once_to_the_only_host_there_is(
    daemon: QemuDaemon, session: Any, guests: list[str]
) -> None:
    session.xenapi.VM.start(guests[0], False, False)
    for _ in range(2):
        running = {ref: each for ref, each in machines(session).items() if each["power_state"] == "Running"}
        assert set(running) == set(guests)
        hosts = [each["resident_on"] for each in running.values()]
        hosts = [hosts[-1], *hosts[:-1]]
        tasks = [
            session.xenapi.Async.VM.pool_migrate(vm, host, {"live": "true"})
            for vm, host in zip(running, hosts, strict=True)
        ]
        deadline = time.monotonic() + LIMIT
        while any(session.xenapi.task.get_record(task)["status"] == "pending" for task in tasks):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        records = [session.xenapi.task.get_record(task) for task in tasks]
        assert [(each["status"], each["error_info"]) for each in records] == [("success", [])] * 2
        for task in tasks:
            session.xenapi.task.destroy(task)
    assert len(daemon.guests) == 2

"""Guests on QEMU whose process is killed: the record says so by an event, whether or not a daemon was there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.console_client import connect, console
from tests.daemon import Client
from tests.qemu_daemon import QemuDaemon, qemu_daemon

pytestmark = [pytest.mark.slow, pytest.mark.libvirt, pytest.mark.root]

SECOND = 1.0
"""In which a client hears of it; libvirt looks again after as long when it was not there."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


def is_off(client: Client, vm: str) -> None:
    record = client.call("VM.get_record", vm)
    assert (record["power_state"], record["domid"], record["consoles"]) == ("Halted", "-1", [])
    for device in ("VBD", "VIF"):
        assert not any(client.call(f"{device}.get_currently_attached", ref) for ref in record[f"{device}s"])


def test_an_event_tells_within_a_second_of_a_qemu_that_was_killed(daemon: QemuDaemon, client: Client) -> None:
    vm = daemon.booted("mortal")
    token = client.call("event.from", [f"VM/{vm}"], "", 0.0)["token"]

    daemon.end_guests()

    told = ""
    while told != "Halted":
        batch = client.call("event.from", [f"VM/{vm}"], token, SECOND)
        assert batch["events"], "no event tells of the end"
        token, told = batch["token"], batch["events"][-1]["snapshot"]["power_state"]
    is_off(client, vm)
    client.call("VM.start", vm, False, False)
    client.call("VM.hard_shutdown", vm)


def test_the_console_of_a_guest_that_was_killed_ends(daemon: QemuDaemon, client: Client) -> None:
    vm = daemon.booted("mortal")

    with connect(daemon.socket, client, console(client, vm, "vt100")) as line:
        daemon.end_guests()
        while line.recv(65536):
            pass


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_qemu_that_ended_while_no_daemon_ran_is_off_once_one_is_ready(daemon: QemuDaemon, how: str) -> None:
    vm = daemon.booted("mortal")
    getattr(daemon, how)()
    daemon.end_guests()

    daemon.start()

    with closing(daemon.client()) as client:
        token = client.call("event.from", [f"VM/{vm}"], "", 0.0)["token"]
        if client.call("VM.get_power_state", vm) != "Halted":
            assert client.call("event.from", [f"VM/{vm}"], token, SECOND)["events"]
        is_off(client, vm)

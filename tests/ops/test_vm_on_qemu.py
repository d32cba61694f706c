"""Machines that sleep, are copied and get new processes on QEMU, through the whole daemon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.daemon import Client
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon

NULL = "OpaqueRef:NULL"

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


@pytest.fixture
def vm(daemon: QemuDaemon, client: Client) -> Iterator[str]:
    """A guest that runs. It, its snapshots and its copies are gone at the end."""
    vm = new_guest(client, "guest")
    client.call("VM.start", vm, False, False)
    yield vm
    for name in ("guest", "asleep", "guest-cloned-suspended"):
        for each in client.call("VM.get_by_name_label", name):
            if client.call("VM.get_power_state", each) != "Halted":
                client.call("VM.hard_shutdown", each)
            client.call("VM.destroy", each)
    assert daemon.guests == []


def state(client: Client, vm: str) -> tuple[Any, bool]:
    """Its power state, and whether it has an image."""
    return client.call("VM.get_power_state", vm), client.call("VM.get_suspend_VDI", vm) != NULL


def test_a_sleeping_guest_and_its_copy_both_wake_up(daemon: QemuDaemon, client: Client, vm: str) -> None:
    client.call("VM.suspend", vm)
    copy = client.call("VM.csvm", vm)
    client.call("VM.checkpoint", vm, "asleep")

    client.call("VM.resume", vm, False, False)
    client.call("VM.resume", copy, False, False)

    assert [state(client, each) for each in (vm, copy)] == [("Running", False)] * 2
    assert len(daemon.guests) == 2


def test_a_guest_gets_a_new_process_where_it_is(daemon: QemuDaemon, client: Client, vm: str) -> None:
    (before,) = daemon.guests
    (host,) = client.call("host.get_all")

    client.call("VM.pool_migrate", vm, host, {"live": "true"})
    client.call("VM.restart_device_models", vm)

    assert state(client, vm) == ("Running", False)
    assert daemon.guests != [before]
    assert len(daemon.guests) == 1


def test_a_guest_that_is_still_booting_shuts_down_when_it_is_up(client: Client) -> None:
    vm = new_guest(client, "early")
    client.call("VM.start", vm, False, False)

    client.call("VM.clean_shutdown", vm)

    assert state(client, vm) == ("Halted", False)
    client.call("VM.destroy", vm)

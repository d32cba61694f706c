"""Guests on QEMU that start and end in their order: as an appliance, and with their host, also without a daemon."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.console_client import serial_line
from tests.daemon import ROOT, Client
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon
from xapid.demo.build import READY

pytestmark = [pytest.mark.slow, pytest.mark.libvirt, pytest.mark.root]

ALIVE = READY.removesuffix("ready")
"""Begins whatever it says of itself: it may be up, and its "ready" be said, before somebody reads."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


def two_guests(client: Client) -> list[str]:
    """That are off, the first one of order 1."""
    vms = [new_guest(client, name) for name in ("first", "second")]
    for order, vm in enumerate(vms, 1):
        client.call("VM.set_order", vm, str(order))
        client.call("VM.add_to_other_config", vm, "auto_poweron", "true")
    return vms


def wait_until_up(daemon: QemuDaemon, client: Client, vms: list[str]) -> None:
    for vm in vms:
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(ALIVE)


def destroyed(client: Client, vms: list[str]) -> None:
    for vm in vms:
        client.call("VM.destroy", vm)
    client.call("message.destroy_all", {})


def told(client: Client, name: str) -> list[str]:
    """The bodies of messages, the oldest first."""
    messages = client.call("message.get_all_records").values()
    return [each["body"] for each in reversed(messages) if each["name"] == name]


def end_guests(daemon: QemuDaemon, installed: Path) -> None:
    state = daemon.directory / "state"
    settings = ("--state-dir", str(state), "--unix", str(daemon.socket), "--drivers", "libvirt")
    daemon.run("env", f"PYTHONPATH={ROOT}", str(installed), *settings)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The executable, so that it runs this clone's command."""
    command = tmp_path / "bin" / "xapid"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m xapid "$@"\n')
    program = tmp_path / "shutdown"
    program.write_text((ROOT / "systemd/shutdown").read_text().replace("/opt/xapid", str(tmp_path)))
    for each in (command, program):
        each.chmod(0o755)
    return program


def test_an_appliance_starts_and_ends_in_order(daemon: QemuDaemon) -> None:
    with closing(daemon.client()) as client:
        vms = two_guests(client)
        appliance = client.call("VM_appliance.create", {"name_label": "a", "name_description": ""})
        for vm in vms:
            client.call("VM.set_appliance", vm, appliance)

        client.call("VM_appliance.start", appliance, False)
        wait_until_up(daemon, client, vms)
        client.call("VM_appliance.clean_shutdown", appliance)

        started, ended = told(client, "VM_STARTED"), told(client, "VM_SHUTDOWN")
        assert daemon.guests == []
        assert ["first" in body for body in started] == [True, False]
        assert ["first" in body for body in ended] == [False, True]
        client.call("VM_appliance.destroy", appliance)
        destroyed(client, vms)


def test_guests_outlive_the_daemon_and_end_cleanly_before_the_host(daemon: QemuDaemon, installed: Path) -> None:
    with closing(daemon.client()) as client:
        vms = two_guests(client)
        for vm in vms:
            client.call("VM.start", vm, False, False)
        wait_until_up(daemon, client, vms)
    running = daemon.guests
    daemon.stop()
    without_daemon = daemon.guests

    end_guests(daemon, installed)

    assert len(running) == 2
    assert without_daemon == running
    assert daemon.guests == []
    daemon.start()
    with closing(daemon.client()) as client:
        ended = told(client, "VM_SHUTDOWN")
        # The host has not booted: guests that start with it are off, and it takes none.
        assert [client.call("VM.get_power_state", vm) for vm in vms] == ["Halted", "Halted"]
        assert [body.partition(") ")[2] for body in ended] == ["was shut down", "was shut down"]
        assert ["first" in body for body in ended] == [False, True]
        assert all("last_shutdown_time" in client.call("VM.get_other_config", vm) for vm in vms)
        assert client.call("host.get_enabled", client.call("host.get_all")[0]) is False
        destroyed(client, vms)

"""What the units of a host do with its guests: start them after a boot, and end them before the host goes down."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import ROOT, Client, Daemon
from tests.machines import MIB, NULL

pytestmark = pytest.mark.slow

DEAF = {"sim-guest": "deaf"}
LOST = 75


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path, environment={"XAPID_GUESTS_END_WITH_HOST": "0.2"}) as daemon:
        yield daemon


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The executable, installed so that it runs this clone's command."""
    command = tmp_path / "opt" / "bin" / "xapid"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m xapid "$@"\n')
    program = tmp_path / "shutdown"
    program.write_text((ROOT / "systemd/shutdown").read_text().replace("/opt/xapid", str(tmp_path / "opt")))
    for each in (command, program):
        each.chmod(0o755)
    return program


def run(daemon: Daemon, *command: object) -> subprocess.CompletedProcess[str]:
    settings = ("--unix", str(daemon.socket), "--state-dir", str(daemon.directory / "state"), "--drivers", "sim")
    return subprocess.run(
        [*map(str, command), *settings],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def xapid(daemon: Daemon, *command: str) -> subprocess.CompletedProcess[str]:
    return run(daemon, sys.executable, "-m", "xapid", *command)


def machine(client: Client, name: str, **fields: Any) -> str:
    wanted = {
        "name_label": name, "name_description": "", "user_version": "1", "is_a_template": False, "affinity": NULL,
        "memory_static_max": str(64 * MIB), "memory_dynamic_max": str(64 * MIB), "memory_dynamic_min": str(64 * MIB),
        "memory_static_min": str(64 * MIB), "VCPUs_params": {}, "VCPUs_max": "1", "VCPUs_at_startup": "1",
        "actions_after_shutdown": "destroy", "actions_after_reboot": "restart", "actions_after_crash": "destroy",
        "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "", "PV_args": "", "PV_bootloader_args": "",
        "PV_legacy_args": "", "HVM_boot_policy": "BIOS order", "HVM_boot_params": {"order": "cd"},
        "platform": {"sim-guest": "full"}, "PCI_bus": "", "other_config": {}, "recommendations": "",
    }  # fmt: skip
    return str(client.call("VM.create", wanted | fields))


def running(client: Client, name: str, **fields: Any) -> str:
    vm = machine(client, name, **fields)
    client.call("VM.start", vm, False, False)
    return vm


def ended(client: Client) -> list[str]:
    """What was told of the end of machines, the first first."""
    messages = client.call("message.get_all_records").values()
    told = [each["body"] for each in messages if each["name"] == "VM_SHUTDOWN"]
    return [body.partition("(")[0].removeprefix("VM ").strip() + body.partition(")")[2] for body in reversed(told)]


def test_guests_end_in_order_and_the_host_takes_no_more(daemon: Daemon, installed: Path) -> None:
    with closing(daemon.client()) as client:
        for order in (1, 3, 2):
            running(client, str(order), order=str(order), platform=DEAF if order == 2 else {"sim-guest": "full"})
        (host,) = client.call("host.get_all")

        done = run(daemon, installed)

        assert (done.returncode, done.stderr) == (0, "")
        assert ended(client) == [
            "'3' was shut down",
            "'2' did not shut down in time, and was switched off",
            "'1' was shut down",
        ]
        assert client.call("host.get_enabled", host) is False


def test_after_the_deadline_guests_are_switched_off(tmp_path: Path, installed: Path) -> None:
    with (
        Daemon(tmp_path, environment={"XAPID_GUESTS_END_WITH_HOST": "600"}) as daemon,
        closing(daemon.client()) as client,
    ):
        vms = [running(client, str(order), order=str(order), platform=DEAF) for order in (1, 2)]
        began = time.monotonic()

        done = run(daemon, installed, "--deadline", "0.5")

        assert done.returncode == 0
        assert "guests did not end in time" in done.stderr
        assert time.monotonic() - began < 60
        assert {client.call("VM.get_power_state", vm) for vm in vms} == {"Halted"}


def test_a_guest_that_is_to_outlast_its_toolstack_is_left_alone(daemon: Daemon, installed: Path) -> None:
    with closing(daemon.client()) as client:
        vm = running(client, "left", other_config={"auto_poweroff": "false"})

        done = run(daemon, installed)

        assert (done.returncode, client.call("VM.get_power_state", vm)) == (0, "Running")


def test_without_a_daemon_one_is_started_for_it(daemon: Daemon, installed: Path) -> None:
    daemon.stop()

    done = run(daemon, installed)

    assert done.returncode == 0
    assert "one is started for the end of the guests" in done.stderr
    assert "xapid is stopping; guests run on" in done.stderr


def test_guests_start_after_a_boot_and_the_command_waits_for_them(daemon: Daemon) -> None:
    with closing(daemon.client()) as client:
        wanted = machine(client, "wanted", other_config={"auto_poweron": "true"})
        other = machine(client, "other")
        bad = machine(client, "bad", other_config={"auto_poweron": "true"}, VCPUs_max="0")
        uuid = client.call("VM.get_uuid", bad)
        before = client.call("VM.get_power_state", wanted)
    # To the simulator each start is a boot.
    daemon.stop()
    daemon.start()

    done = xapid(daemon, "guests", "start")

    assert before == "Halted"
    assert done.returncode == 1
    assert f"guest {uuid} did not start: " in done.stderr
    with closing(daemon.client()) as client:
        assert [client.call("VM.get_power_state", vm) for vm in (wanted, other, bad)] == ["Running", "Halted", "Halted"]


def test_the_command_says_if_there_is_no_daemon(daemon: Daemon) -> None:
    daemon.stop()

    done = xapid(daemon, "guests", "start")

    assert done.returncode == LOST
    assert done.stderr.startswith(f"xapid: the daemon does not answer on {daemon.socket}: ")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    tree = tmp_path / "opt"
    for program in ("xapid/bin/xapid", "xensource/libexec/shutdown"):
        (tree / program).parent.mkdir(parents=True)
        (tree / program).touch(mode=0o755)
    units = tmp_path / "units"
    units.mkdir()
    for unit in (ROOT / "systemd").glob("xapid*"):
        (units / unit.name).write_text(unit.read_text().replace("/opt/", f"{tree}/"))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(units.glob("*.service"))], capture_output=True, text=True
    )

    assert [line for line in (done.stdout + done.stderr).splitlines() if "xapid" in line] == []

"""The units of a Xen host that reboots: its guests end before it, cleanly and in order, and start after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.console_client import serial_line
from tests.daemon import Client
from tests.lab_install import BOOT_LIMIT, Installed, installed_host, stage
from tests.qemu_daemon import new_guest
from xapid.demo.build import READY

pytestmark = [pytest.mark.slow, pytest.mark.lab]

AUTO_POWERON = "auto_poweron", "true"
UNITS = "xapid xapid-guests xapid-autostart"


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with installed_host(stage(tmp_path_factory.mktemp("staged")), "--cpus", "1", "--memory", "2560") as host:
        host.host.run(f"systemctl enable {UNITS}")
        host.start()
        yield host


def running(installed: Installed, client: Client, name: str, order: int) -> str:
    """A guest that is up."""
    vm = new_guest(client, name)
    client.call("VM.set_order", vm, str(order))
    client.call("VM.start", vm, False, False)
    with serial_line(installed.socket, client, vm, BOOT_LIMIT) as line:
        line.wait_for(READY)
    return vm


def ended(client: Client) -> list[str]:
    """What was told of the end of machines, the first first."""
    told: list[dict[str, Any]] = list(client.call("message.get_all_records").values())
    ends = sorted((each for each in told if each["name"] == "VM_SHUTDOWN"), key=lambda each: str(each["timestamp"]))
    return [each["body"].partition("(")[0] + each["body"].partition(")")[2].strip() for each in ends]


def test_guests_end_before_their_host_and_start_after_it(installed: Installed) -> None:
    with closing(installed.client()) as client:
        early = running(installed, client, "early", 0)
        late = running(installed, client, "late", 5)
        client.call("VM.add_to_other_config", early, *AUTO_POWERON)
        before = client.call("VM.get_record", early)

    installed.host.reboot()
    installed.start()
    # It waits until guests are started.
    installed.host.run("systemctl start xapid-autostart")

    with closing(installed.client()) as client:
        after = client.call("VM.get_record", early)
        with serial_line(installed.socket, client, early, BOOT_LIMIT) as line:
            line.wait_for(READY)
        (host,) = client.call("host.get_all")
        assert ended(client) == ["VM 'late' was shut down", "VM 'early' was shut down"]
        assert [client.call("VM.get_power_state", vm) for vm in (early, late)] == ["Running", "Halted"]
        assert client.call("host.get_enabled", host) is True
    assert after["uuid"] == before["uuid"] and after["resident_on"] == before["resident_on"]
    assert len(installed.host.run("xl list").splitlines()) == 3
    assert installed.host.run(f"systemctl is-failed {UNITS} || true").split() == ["active"] * 3

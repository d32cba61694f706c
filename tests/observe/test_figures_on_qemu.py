"""Figures of a guest on QEMU that is busy, through the whole daemon, once its host is told to take them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.console_client import LIMIT, serial_line
from tests.daemon import Client
from tests.qemu_daemon import QemuDaemon, qemu_daemon

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]

BUSY = "while :; do dd if=/dev/vda of=/dev/null bs=64k count=16; done >/dev/null 2>&1 &"


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


def becomes(client: Client, ref: str, cls: str, so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """A record, once it is so."""
    end, token = time.monotonic() + LIMIT, ""
    while not so(record := client.call(f"{cls}.get_record", ref)):
        assert time.monotonic() < end, record
        token = client.call("event.from", [cls], token, 5.0)["token"]
    found: dict[str, Any] = record
    return found


def test_a_busy_guest_shows_how_busy_it_is(daemon: QemuDaemon) -> None:
    vm = daemon.booted("busy")
    with closing(daemon.client()) as client:
        (host,) = client.call("host.get_all")
        client.call("host.add_to_other_config", host, "rrd_update_interval", "1")
    daemon.stop()
    daemon.start()

    with closing(daemon.client()) as client:
        with serial_line(daemon.socket, client, vm) as line:
            assert line.run(f"{BUSY} echo begun") == ["begun"]
        record = client.call("VM.get_record", vm)
        drives = {ref: client.call("VBD.get_record", ref) for ref in record["VBDs"]}
        (disk,) = (each["metrics"] for each in drives.values() if each["type"] == "Disk")

        machine = becomes(client, record["metrics"], "VM_metrics", lambda row: row["VCPUs_utilisation"].get("0", 0) > 0)
        read = becomes(client, disk, "VBD_metrics", lambda row: row["io_read_kbs"] > 0)
        cpus = client.call("host_cpu.get_all_records").values()
        client.call("VM.hard_shutdown", vm)
        still = becomes(client, disk, "VBD_metrics", lambda row: row["io_read_kbs"] == 0)

    assert machine["VCPUs_utilisation"]["0"] <= 1
    assert read["last_updated"] <= still["last_updated"]
    assert any(each["utilisation"] > 0 for each in cpus)

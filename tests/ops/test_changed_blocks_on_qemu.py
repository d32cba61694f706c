"""A guest on QEMU writes known blocks between snapshots of its disk, and those are told, whatever is killed."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.console_client import serial_line
from tests.daemon import Client, Failure
from tests.ops.test_chains_on_qemu import SIZE, disk, drive, merging_at_once, settled
from tests.qemu_daemon import QemuDaemon, agent_of, new_guest
from xapid.demo.build import READY

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@pytest.fixture
def daemon() -> Iterator[QemuDaemon]:
    with merging_at_once() as daemon:
        yield daemon


def told(client: Client, older: str, newer: str) -> set[int]:
    bits = base64.b64decode(client.call("VDI.list_changed_blocks", older, newer))
    assert len(bits) == SIZE >> 16 >> 3
    return {number for number in range(8 * len(bits)) if bits[number // 8] & 0x80 >> number % 8}


def test_blocks_that_a_guest_writes(daemon: QemuDaemon) -> None:
    with closing(daemon.client()) as client:
        vm, vdi = new_guest(client, "writer"), disk(client)
        drive(client, vm, vdi)
        client.call("VM.start", vm, False, False)
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)
            (name,) = line.run(f"cd /sys/block; grep -l '^{SIZE // 512}$' */size | cut -d / -f 1")

            def put(*places: int) -> None:
                for place in places:
                    line.run(
                        f"head -c 4096 /dev/urandom | dd of=/dev/{name} bs=4k seek={place * 16 + 3} "
                        "conv=notrunc,fsync 2>/dev/null; echo written"
                    )

            put(1, 2)
            client.call("VDI.enable_cbt", vdi)
            snapshots = []
            for places in ((5,), (0, 7), (7, 100, 767), (9,)):
                put(*places)
                snapshots.append(client.call("VDI.snapshot", vdi, {}))
            put(11, 12)
            first, second, third, fourth = snapshots
            assert told(client, first, second) == {0, 7}
            assert told(client, second, third) == {7, 100, 767}
            assert told(client, first, fourth) == {0, 7, 9, 100, 767}

            client.call("VDI.data_destroy", first)
            client.call("VDI.data_destroy", second)
            client.call("VDI.data_destroy", third)
            assert settled(client, vm) == 2
            assert told(client, first, second) == {0, 7}
            assert told(client, second, third) == {7, 100, 767}
            assert told(client, third, fourth) == {9}

            os.kill(agent_of(daemon), signal.SIGKILL)
            assert told_again(client, first, fourth) == {0, 7, 9, 100, 767}
        daemon.kill()
    daemon.start(environment={"XAPID_STORAGE_MERGE_AFTER": "0"})
    with closing(daemon.client()) as client:
        assert told(client, first, fourth) == {0, 7, 9, 100, 767}
        daemon.end_guests()
        wait_until_halted(client, vm)
        assert told(client, fourth, vdi) == {11, 12}
        assert told(client, third, vdi) == {9, 11, 12}


def told_again(client: Client, older: str, newer: str, seconds: float = 60.0) -> set[int]:
    """The same while the agent comes back."""
    end = time.monotonic() + seconds
    while True:
        try:
            return told(client, older, newer)
        except Failure:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def wait_until_halted(client: Client, vm: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while client.call("VM.get_power_state", vm) != "Halted":
        assert time.monotonic() < end, "the guest that was killed still runs"
        time.sleep(0.2)

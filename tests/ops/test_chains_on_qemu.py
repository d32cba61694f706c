"""A guest on QEMU writes, and is snapshotted again and again, while chains of images grow shorter beneath it."""

from __future__ import annotations

import hashlib
import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.console_client import serial_line
from tests.daemon import Client
from tests.own_network import own_network
from tests.qemu_daemon import QemuDaemon, new_guest, started_on_qemu
from xapid.demo.build import READY

MIB = 1 << 20
NULL = "OpaqueRef:NULL"
SIZE = 48 * MIB
PATTERNS = 40
"""Snapshots, before each of which the guest writes another MiB, and that many at most that stay the same."""
KEPT = (5, 20, 38)
DEEPEST = 30

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@contextmanager
def merging_at_once(**settings: str) -> Iterator[QemuDaemon]:
    """A daemon that makes chains shorter as soon as it can; ``settings``: variables of its environment beside that."""
    with own_network() as within, started_on_qemu(QemuDaemon, within) as daemon:
        daemon.stop()
        daemon.start(environment={"XAPID_STORAGE_MERGE_AFTER": "0", **settings})
        yield daemon


@pytest.fixture
def daemon() -> Iterator[QemuDaemon]:
    with merging_at_once() as daemon:
        yield daemon


def disk(client: Client) -> str:
    (pool,) = client.call("pool.get_all")
    sr = client.call("pool.get_default_SR", pool)
    return str(client.call("VDI.create", {
        "name_label": "a disk", "name_description": "", "SR": sr, "virtual_size": str(SIZE), "type": "user",
        "sharable": False, "read_only": False, "other_config": {},
    }))  # fmt: skip


def drive(client: Client, vm: str, vdi: str) -> str:
    return str(client.call("VBD.create", {
        "VM": vm, "VDI": vdi, "userdevice": "autodetect", "bootable": False, "mode": "RW", "type": "Disk",
        "unpluggable": True, "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    }))  # fmt: skip


def checksum(client: Client, vdi: str) -> str:
    """Of all that a disk holds, which a copy of it is asked."""
    sr = client.call("VDI.get_SR", vdi)
    copy = client.call("VDI.copy", vdi, sr, NULL, NULL)
    (pbd,) = client.call("SR.get_PBDs", sr)
    folder = Path(client.call("PBD.get_device_config", pbd)["location"])
    image, raw = folder / f"{client.call('VDI.get_location', copy)}.qcow2", folder / "checksum"
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(image), str(raw)], check=True)
    found = hashlib.sha256(raw.read_bytes()).hexdigest()
    raw.unlink()
    client.call("VDI.destroy", copy)
    return found


def depth(records: dict[str, Any], vdi: str) -> int:
    """How many images a disk is read through."""
    by_uuid, found, row = {row["uuid"]: row for row in records.values()}, 1, records[vdi]
    while (parent := row["sm_config"].get("vhd-parent")) is not None:
        found, row = found + 1, by_uuid[parent]
    return found


def the_disk(client: Client, vm: str) -> str:
    """The disk that the guest writes to, of a machine or of its snapshot."""
    drives = [client.call("VBD.get_record", vbd) for vbd in client.call("VM.get_VBDs", vm)]
    (found,) = {
        each["VDI"]
        for each in drives
        if each["type"] == "Disk" and client.call("VDI.get_virtual_size", each["VDI"]) == str(SIZE)
    }
    return str(found)


def collections(client: Client) -> list[dict[str, Any]]:
    tasks = client.call("task.get_all_records").values()
    return [task for task in tasks if task["name_label"] == "Garbage Collection"]


def test_forty_snapshots_of_a_guest_that_writes_and_three_that_it_goes_back_to(daemon: QemuDaemon) -> None:
    with closing(daemon.client()) as client:
        vm = new_guest(client, "writer")
        drive(client, vm, disk(client))
        client.call("VM.start", vm, False, False)
        made: dict[int, str] = {}
        sums: dict[int, str] = {}
        deepest = 0
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)
            (name,) = line.run(f"cd /sys/block; grep -l '^{SIZE // 512}$' */size | cut -d / -f 1")
            device = f"/dev/{name}"
            # Load: two MiB at the end are written again and again.
            line.run(
                f" (while :; do dd if=/dev/urandom of={device} bs=64k count=32 seek=640 conv=fsync; sleep 0.5; "
                "done) >/dev/null 2>&1 & echo begun"
            )
            for number in range(1, PATTERNS + 1):
                line.run(
                    f"yes {number:07} | head -c {MIB} | dd of={device} bs=64k seek={number * 16 % 640} "
                    "conv=notrunc,fsync 2>/dev/null; echo written"
                )
                made[number] = client.call("VM.snapshot", vm, f"snapshot {number}")
                if number in KEPT:
                    sums[number] = checksum(client, the_disk(client, made[number]))
                if number > 1 and number - 1 not in KEPT:
                    destroy(client, made.pop(number - 1))
                records = client.call("VDI.get_all_records")
                deepest = max(deepest, *(depth(records, vdi) for vdi in records))

            assert deepest <= DEEPEST
            assert settled(client, vm) <= len(KEPT) + 3
            for number in KEPT:
                assert checksum(client, the_disk(client, made[number])) == sums[number]
            assert (
                f"{PATTERNS:07}"
                in line.run(
                    "echo 3 >/proc/sys/vm/drop_caches; "
                    f"dd if={device} bs=64k skip={PATTERNS * 16 % 640} count=1 2>/dev/null | head -n 1"
                )[0]
            )
        assert {task["status"] for task in collections(client)} <= {"success", "pending"}
        figures = metrics(daemon, client)
        for number in KEPT:
            client.call("VM.revert", made[number])
            assert checksum(client, the_disk(client, vm)) == sums[number]
    assert "xapid_sr_chain_depth{" in figures
    assert "xapid_sr_reclaimable_bytes{" in figures


def destroy(client: Client, snapshot: str) -> None:
    """A snapshot with its disks."""
    drives = [client.call("VBD.get_record", vbd) for vbd in client.call("VM.get_VBDs", snapshot)]
    client.call("VM.destroy", snapshot)
    for each in drives:
        if each["type"] == "Disk":
            client.call("VDI.destroy", each["VDI"])


def settled(client: Client, vm: str, seconds: float = 180.0) -> int:
    """The depth of the chain of a machine's disk once nothing makes it shorter any more."""
    end = time.monotonic() + seconds
    before, quiet = 0, 0
    while quiet < 8:
        assert time.monotonic() < end, f"the chain still changes: {before}"
        now = depth(client.call("VDI.get_all_records"), the_disk(client, vm))
        busy = any(task["status"] == "pending" for task in collections(client))
        quiet = 0 if busy or now != before else quiet + 1
        before = now
        time.sleep(0.5)
    return before


def metrics(daemon: QemuDaemon, client: Client) -> str:
    """What Prometheus is told."""
    with closing(http.client.HTTPConnection("unix")) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(daemon.socket))
        connection.request("GET", f"/metrics?session_id={client.session}")
        return connection.getresponse().read().decode()


@pytest.fixture
def slow_daemon() -> Iterator[QemuDaemon]:
    """What it begins by itself never comes to its end: the next snapshot wants the disk before."""
    with merging_at_once(XAPID_STORAGE_MERGE_SPEED="1024") as daemon:
        yield daemon


def written(client: Client, folder: Path, vdi: str, number: int) -> bool:
    """Write behind the daemon's back. Who wants a disk has what is done to it left off, mostly for long enough."""
    client.call("VDI.update", vdi)
    image = folder / f"{client.call('VDI.get_location', vdi)}.qcow2"
    words = f"write -P {number + 1} {number}M 1M"
    return subprocess.run(["qemu-io", "-f", "qcow2", "-c", words, str(image)], check=False).returncode == 0


def test_a_chain_never_exceeds_its_limit_however_fast_snapshots_come(slow_daemon: QemuDaemon) -> None:
    with closing(slow_daemon.client()) as client:
        vdi = disk(client)
        (pbd,) = client.call("SR.get_PBDs", client.call("VDI.get_SR", vdi))
        folder = Path(client.call("PBD.get_device_config", pbd)["location"])
        depths = []
        for number in range(DEEPEST + 5):
            assert any(written(client, folder, vdi, number) for _ in range(10))
            client.call("VDI.destroy", client.call("VDI.snapshot", vdi, {}))
            depths.append(depth(client.call("VDI.get_all_records"), vdi))

        assert max(depths) == depths[-1] == DEEPEST
        held = b"".join(bytes([number + 1]) * MIB for number in range(DEEPEST + 5))
        assert checksum(client, vdi) == hashlib.sha256(held.ljust(SIZE, b"\0")).hexdigest()

"""Disks and discs of a guest that runs on QEMU, through the whole daemon; the guest tells what it sees."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.console_client import Line, serial_line
from tests.daemon import Client, Failure
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon
from xapid.demo.build import READY

MIB = 1 << 20
NULL = "OpaqueRef:NULL"

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@dataclass(frozen=True)
class Patient:
    """A guest that is up, with an empty CD drive, and its serial line."""

    daemon: QemuDaemon
    client: Client
    vm: str
    cd: str
    line: Line

    def call(self, method: str, *params: Any) -> Any:
        return self.client.call(method, *params)

    def said(self) -> int:
        """How much the guest has said; for ``line.wait_for``."""
        return len(self.line.said)

    def disk(self, size: int) -> str:
        """A new disk on the local storage."""
        (pool,) = self.call("pool.get_all")
        sr = self.call("pool.get_default_SR", pool)
        return str(self.call("VDI.create", {
            "name_label": "a disk", "name_description": "", "SR": sr, "virtual_size": str(size), "type": "user",
            "sharable": False, "read_only": False, "other_config": {},
        }))  # fmt: skip

    def drive(self, vdi: str) -> str:
        return drive(self.client, self.vm, vdi)

    def image(self, vdi: str) -> Path:
        """The file of a disk."""
        sr = self.call("VDI.get_SR", vdi)
        (pbd,) = self.call("SR.get_PBDs", sr)
        location = self.call("PBD.get_device_config", pbd)["location"]
        return Path(location) / f"{self.call('VDI.get_location', vdi)}.qcow2"


def drive(client: Client, vm: str, vdi: str = NULL) -> str:
    empty = vdi == NULL
    return str(client.call("VBD.create", {
        "VM": vm, "VDI": vdi, "userdevice": "autodetect", "bootable": False, "mode": "RO" if empty else "RW",
        "type": "CD" if empty else "Disk", "unpluggable": True, "empty": empty, "other_config": {},
        "qos_algorithm_type": "", "qos_algorithm_params": {},
    }))  # fmt: skip


@pytest.fixture(scope="module")
def patient() -> Iterator[Patient]:
    with qemu_daemon() as daemon, closing(daemon.client()) as client:
        vm = new_guest(client, "patient")
        cd = drive(client, vm)
        client.call("VM.start", vm, False, False)
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)
            yield Patient(daemon, client, vm, cd, line)
            client.call("VM.hard_shutdown", vm)


def test_several_disks_are_plugged_and_snapshotted_and_let_go(patient: Patient) -> None:
    disks = [patient.disk(size * MIB) for size in (17, 18, 19)]
    vbds = [patient.drive(disk) for disk in disks]
    before = patient.said()
    for vbd in vbds:
        patient.call("VBD.plug", vbd)
    for size in (17, 18, 19):
        patient.line.wait_for(f"{size} MiB", before)
    old = [patient.image(disk) for disk in disks]

    snapshots = [patient.call("VDI.snapshot", disk, {}) for disk in disks]

    new = [patient.image(disk) for disk in disks]
    assert not set(old) & set(new)
    assert [patient.call("VDI.get_snapshot_of", snapshot) for snapshot in snapshots] == disks
    for vbd in vbds:
        patient.call("VBD.unplug", vbd)
    assert not any(path.with_suffix(".lease").exists() for path in (*old, *new))
    for vdi in (*snapshots, *disks):
        patient.call("VDI.destroy", vdi)
    assert not any(path.exists() for path in (*old, *new))


def test_a_disk_moves_to_another_repository_under_the_guest(patient: Patient, tmp_path: Path) -> None:
    host, elsewhere = patient.call("host.get_all")[0], tmp_path / "elsewhere"
    other = patient.call(
        "SR.create", host, {"location": str(elsewhere)}, "0", "elsewhere", "", "file", "user", False, {}
    )
    vdi = patient.disk(21 * MIB + 1)
    vbd, before = patient.drive(vdi), patient.said()
    patient.call("VBD.plug", vbd)
    patient.line.wait_for("22 MiB", before)
    (name,) = patient.line.run(f"cd /sys/block; grep -l '^{22 * MIB // 512}$' */size | cut -d / -f 1")
    device = f"/dev/{name}"
    snapshot, old = patient.call("VDI.snapshot", vdi, {}), patient.image(vdi)
    patient.line.run(f"echo before | dd of={device} conv=fsync; echo done")

    moved = patient.call("VDI.pool_migrate", vdi, other, {})

    assert patient.line.run(f"echo 3 >/proc/sys/vm/drop_caches; head -n 1 {device}") == ["before"]
    patient.line.run(f"echo after | dd of={device} conv=fsync; echo done")
    assert patient.call("VBD.get_VDI", vbd) == moved
    assert patient.call("VDI.get_snapshot_of", snapshot) == moved
    assert not old.exists()
    assert patient.image(moved).parent == elsewhere
    patient.call("VBD.unplug", vbd)
    assert b"after" in patient.image(moved).read_bytes()
    copy = patient.call("VDI.copy", moved, NULL, NULL, patient.disk(22 * MIB))
    assert b"after" in patient.image(copy).read_bytes()
    for each in (copy, snapshot, moved):
        patient.call("VDI.destroy", each)
    (pbd,) = patient.call("SR.get_PBDs", other)
    patient.call("PBD.unplug", pbd)
    patient.call("SR.destroy", other)
    assert not elsewhere.exists()


def test_a_disk_grows_under_the_guest(patient: Patient) -> None:
    vdi = patient.disk(20 * MIB)
    vbd = patient.drive(vdi)
    patient.call("VBD.plug", vbd)

    with pytest.raises(Failure, match="VDI_IN_USE"):
        patient.call("VDI.resize", vdi, str(40 * MIB))
    patient.call("VDI.resize_online", vdi, str(40 * MIB))

    (size,) = struct.unpack_from(">Q", patient.image(vdi).read_bytes()[:32], 24)
    assert (patient.call("VDI.get_virtual_size", vdi), size) == (str(40 * MIB), 40 * MIB)
    patient.call("VBD.unplug", vbd)
    patient.call("VDI.destroy", vdi)


def test_discs_are_put_in_and_taken_out(patient: Patient, tmp_path: Path) -> None:
    for name in ("a.iso", "b.iso"):
        (tmp_path / name).write_bytes(bytes(2 * MIB))
    (host,) = patient.call("host.get_all")
    sr = patient.call("SR.create", host, {"location": str(tmp_path)}, "0", "library", "", "iso", "iso", True, {})
    discs = sorted(patient.call("SR.get_VDIs", sr), key=lambda vdi: str(patient.call("VDI.get_location", vdi)))

    seen = []
    for disc in discs:
        patient.call("VBD.insert", patient.cd, disc)
        seen.append(patient.call("VBD.get_VDI", patient.cd))
        patient.call("VBD.eject", patient.cd)

    assert seen == discs
    assert patient.call("VBD.get_empty", patient.cd) is True
    (pbd,) = patient.call("SR.get_PBDs", sr)
    patient.call("PBD.unplug", pbd)
    patient.call("SR.forget", sr)


def test_a_guest_gives_memory_back_and_gets_it_again(patient: Patient) -> None:
    """Its kernel says how much it has."""
    whole = int(patient.call("VM.get_memory_static_max", patient.vm))
    counts = patient.call("host.compute_free_memory", patient.call("host.get_all")[0])

    def kilobytes() -> int:
        patient.call("VM.wait_memory_target_live", patient.vm)
        return int(patient.line.run("awk '/MemTotal/{print $2}' /proc/meminfo")[0])

    before = kilobytes()
    patient.call("VM.set_memory_dynamic_range", patient.vm, str(whole - 64 * MIB), str(whole - 64 * MIB))
    less = kilobytes()
    patient.call("VM.set_memory_dynamic_range", patient.vm, str(whole), str(whole))
    again = kilobytes()

    assert before - less == pytest.approx(64 * 1024, abs=1024)
    assert again == before
    # On QEMU nobody asks guests for memory by himself: they count for all that they can have.
    assert patient.call("host.compute_free_memory", patient.call("host.get_all")[0]) == counts

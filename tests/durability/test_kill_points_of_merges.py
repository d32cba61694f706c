"""kill -9 of the daemon before and after every driver call and every commit while chains of images grow shorter."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client
from tests.durability.test_kill_points import places, some
from tests.forked_daemon import ForkedQemuDaemon
from tests.own_network import own_network
from tests.qemu_daemon import QemuDaemon, new_guest, started_on_qemu

pytestmark = [pytest.mark.libvirt, pytest.mark.root, pytest.mark.slow]

PATIENCE = 120.0
"""Seconds in which chains are as short as they can be."""


@pytest.fixture
def daemon() -> Iterator[QemuDaemon]:
    with own_network() as within, started_on_qemu(ForkedQemuDaemon, within) as daemon:
        yield daemon


class Site:
    """A machine with a disk whose chain can become shorter."""

    def __init__(self, client: Client) -> None:
        (pool,) = client.call("pool.get_all")
        self.sr = client.call("pool.get_default_SR", pool)
        self.vm = new_guest(client, "killed")
        (self.vbd,) = client.call("VM.get_VBDs", self.vm)
        self.vdi = client.call("VBD.get_VDI", self.vbd)
        (pbd,) = client.call("SR.get_PBDs", self.sr)
        self.folder = Path(client.call("PBD.get_device_config", pbd)["location"])

    def path(self, client: Client) -> Path:
        return self.folder / f"{client.call('VDI.get_location', self.vdi)}.qcow2"

    def lengthen(self, client: Client, number: int) -> None:
        """Make the chain longer while nothing makes it shorter; each image has something of its own."""
        client.call("SR.add_to_other_config", self.sr, "gc", "false")
        for place in range(3):
            if client.call("VM.get_power_state", self.vm) == "Halted":
                words = f"write -P {(number + place) % 255 + 1} {(number * 3 + place) % 60}M 1M"
                subprocess.run(["qemu-io", "-f", "qcow2", "-c", words, str(self.path(client))], check=True)
            client.call("VDI.destroy", client.call("VDI.snapshot", self.vdi, {}))

    def begin(self, client: Client) -> None:
        client.call("SR.remove_from_other_config", self.sr, "gc")

    def checksum(self, client: Client) -> str:
        raw = self.folder / "checksum"
        command = ["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(self.path(client)), str(raw)]
        subprocess.run(command, check=True)
        found = hashlib.sha256(raw.read_bytes()).hexdigest()
        raw.unlink()
        return found

    def depth(self, client: Client) -> int:
        """How many images there are: all are beneath the disk, or are the disk."""
        return len(client.call("SR.get_VDIs", self.sr))

    def untruths(self, client: Client) -> list[str]:
        found = []
        before = self.facts(client)
        client.call("SR.scan", self.sr)
        if self.facts(client) != before:
            found.append(f"a scan finds {self.facts(client)}, and the records said {before}")
        runs = client.call("VM.get_power_state", self.vm) == "Running"
        leases = {path.stem: path.read_text().split()[0] for path in self.folder.glob("*.lease")}
        holder = {client.call("VDI.get_location", self.vdi): client.call("VBD.get_uuid", self.vbd)}
        if leases != (holder if runs else {}):
            found.append(f"leases are {leases}")
        for cls in ("VM", "VBD", "VDI", "SR"):
            for row in client.call(f"{cls}.get_all_records").values():
                found += [f"a {cls} is busy with {each}" for each in row["current_operations"].values()]
        if "dirty" in client.call("SR.get_other_config", self.sr):
            found.append("the repository waits to be scanned")
        if any(b"merging" in path.read_bytes() for path in self.folder.glob("*.json")):
            found.append("an image is said to be merged")
        return found

    def facts(self, client: Client) -> dict[str, Any]:
        rows = client.call("VDI.get_all_records")
        return {
            row["uuid"]: (row["location"], row["managed"], row["missing"], row["sm_config"])
            for row in rows.values()
            if row["SR"] == self.sr
        }


def settled(client: Client, site: Site, images: int) -> bool:
    """Whether the chain becomes as short as it can be, and nothing is going on any more."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        tasks = client.call("task.get_all_records").values()
        if site.depth(client) == images and not any(
            task["status"] == "pending" and task["name_label"] == "Garbage Collection" for task in tasks
        ):
            return True
        time.sleep(0.2)
    return False


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold: something may be looked at for a moment yet."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.2)
    return held


def lives(daemon: QemuDaemon, client: Client, site: Site, images: int) -> bool:
    """Whether the daemon outlives what it begins."""
    try:
        site.begin(client)
        return settled(client, site, images)
    except OSError:
        assert daemon.process is not None
        daemon.process.wait(30)
        return False


@pytest.mark.parametrize(
    "state, images, setting",
    [
        ("Halted", 1, "XAPID_KILL_AT_CALL"),
        ("Halted", 1, "XAPID_KILL_AT_BATCH"),
        ("Running", 2, "XAPID_KILL_AT_BATCH"),
        ("Running", 2, "XAPID_KILL_AT_CALL"),
    ],
)
def test_whenever_the_daemon_dies_disks_hold_what_they_held(
    daemon: QemuDaemon, state: str, images: int, setting: str, tmp_path: Path
) -> None:
    kill_at = tmp_path / "kill at"
    environment = {setting: str(kill_at), "XAPID_STORAGE_MERGE_AFTER": "0"}
    daemon.stop()
    daemon.start(environment=environment)
    with closing(daemon.client()) as client:
        site = Site(client)
        if state == "Running":
            client.call("VM.start", site.vm, False, False)
    deaths = 0

    for number, place in enumerate(some(places())):
        with closing(daemon.client()) as client:
            site.lengthen(client, number)
            before = site.checksum(client) if state == "Halted" else ""
            kill_at.write_text(place)
            lived = lives(daemon, client, site, images)
            kill_at.unlink()
        if not lived:
            deaths += 1
            daemon.start(environment=environment)
        with closing(daemon.client()) as client:
            # The call that begins it may have been what was lost.
            site.begin(client)
            assert settled(client, site, images), place
            assert within(10.0, lambda: site.untruths(client) == []), (place, site.untruths(client))
            if before:
                assert site.checksum(client) == before, place
            assert client.call("VM.get_power_state", site.vm) == state, place
        assert len(daemon.guests) == (state == "Running"), place
        if lived:
            break

    assert deaths >= 2

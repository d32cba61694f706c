"""A guest on QEMU that writes more than its repository has space for, and goes on once there is more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.backends.storage.loop_device import loop_device
from tests.console_client import serial_line
from tests.daemon import Client
from tests.ops.test_devices_on_qemu import drive
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon
from xapid.backends.storage.mounts import PLACE
from xapid.demo.build import READY
from xapid.ops.space import STALLED

MIB = 1 << 20
PATIENCE = 120.0

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


def background(command: str) -> str:
    """What has a guest's shell do something meanwhile; once, although it may be typed again."""
    mark = f"/run/{abs(hash(command))}"
    return f"{{ [ -e {mark} ] || {{ >{mark}; {command}; }}; }} >/dev/null 2>&1 & echo begun"


def becomes(client: Client, vm: str, state: str) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if client.call("VM.get_power_state", vm) == state:
            return True
        time.sleep(0.5)
    return False


def test_a_guest_stands_still_without_space_and_loses_nothing(daemon: QemuDaemon, tmp_path: Path) -> None:
    with loop_device(tmp_path / "disk", 96 * MIB) as device, closing(daemon.client()) as client:
        (host,) = client.call("host.get_all")
        config = {"device": str(device)}
        sr = client.call("SR.create", host, config, "0", "small", "", "ext", "user", False, {})
        # So that there can be more space at one stroke.
        ballast = f"{PLACE}/{client.call('SR.get_uuid', sr)}/ballast"
        daemon.run("fallocate", "--length", str(40 * MIB), ballast)
        vdi = client.call("VDI.create", {
            "name_label": "a disk", "name_description": "", "SR": sr, "virtual_size": str(51 * MIB), "type": "user",
            "sharable": False, "read_only": False, "other_config": {},
        })  # fmt: skip
        vm, other = new_guest(client, "writer"), daemon.booted("bystander")
        drive(client, vm, vdi)
        client.call("VM.start", vm, False, False)
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)
            (name,) = line.run(f"cd /sys/block; grep -l '^{51 * MIB // 512}$' */size | cut -d / -f 1")
            line.run("dd if=/dev/urandom of=/run/blob bs=1M count=4 2>/dev/null; echo made")
            line.run(
                background(
                    "sleep 5; for i in $(seq 12); do cat /run/blob; done | "
                    f"dd of=/dev/{name} bs=1M conv=fsync; >/run/written"
                )
            )

            assert becomes(client, vm, "Paused")
            end = time.monotonic() + PATIENCE
            while not (found := stalls(client)) and time.monotonic() < end:
                time.sleep(0.5)
            assert found == [client.call("VM.get_uuid", vm)]
            assert client.call("VM.get_power_state", other) == "Running"
            daemon.run("rm", ballast)

            assert becomes(client, vm, "Running")
            before = len(line.said)
            line.run(
                background(
                    "while [ ! -e /run/written ]; do sleep 1; done; echo 3 >/proc/sys/vm/drop_caches; "
                    f"for i in $(seq 12); do cat /run/blob; done | cmp -n {48 * MIB} - /dev/{name} && "
                    "echo it is al''l there >/dev/ttyS0"
                )
            )
            line.wait_for("it is all there", before)
        client.call("VM.hard_shutdown", vm)
        client.call("VM.hard_shutdown", other)
        client.call("VDI.destroy", vdi)
        (pbd,) = client.call("SR.get_PBDs", sr)
        client.call("PBD.unplug", pbd)
        client.call("SR.destroy", sr)


def stalls(client: Client) -> list[str]:
    """The machines of which it was told that they stand still."""
    return [each["obj_uuid"] for each in client.call("message.get_all_records").values() if each["name"] == STALLED]

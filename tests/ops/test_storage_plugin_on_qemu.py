"""A guest on QEMU whose disk is in the repository of a storage plug-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console_client import serial_line
from tests.daemon import Client
from tests.ops.test_devices_on_qemu import drive
from tests.own_network import own_network
from tests.plugin_host import Host
from tests.qemu_daemon import QemuDaemon, new_guest, started_on_qemu
from tests.storage_plugins import V1, V3, Installed, install
from xapid.demo.build import READY

MIB = 1 << 20

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


class WithPlugins(QemuDaemon):
    """It finds the examples below its directory."""

    def start(self, *options: str, environment: dict[str, str] | None = None) -> None:
        plugins = Installed(self.directory / "plugins")
        if not plugins.folder.exists():
            install(plugins.folder)
        super().start(*options, environment={**plugins.environment, **(environment or {})})


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with own_network() as within, started_on_qemu(WithPlugins, within) as daemon:
        yield daemon


@pytest.mark.parametrize("kind", [V1, V3])
def test_a_guest_writes_to_a_disk_of_a_plugin_and_is_snapshotted(daemon: QemuDaemon, client: Client, kind: str) -> None:
    folder = daemon.directory / "state" / f"of-{kind}"
    folder.mkdir()
    host = Host(daemon, Installed(daemon.directory / "plugins"), client, folder)
    sr = host.sr(kind=kind)
    vdi = host.disk(sr, 17 * MIB)
    vm = new_guest(client, f"writer to {kind}")
    drive(client, vm, vdi)
    path = Path(folder / "sr" / host.vdi(vdi)["location"])

    client.call("VM.start", vm, False, False)
    with serial_line(daemon.socket, client, vm) as line:
        line.wait_for(READY)
        (name,) = line.run(f"cd /sys/block; grep -l '^{17 * MIB // 512}$' */size | cut -d / -f 1")
        line.run(f"printf before | dd of=/dev/{name} conv=fsync 2>/dev/null; echo done")
        client.call("VM.snapshot", vm, "as of then")
        line.run(f"printf later. | dd of=/dev/{name} conv=fsync 2>/dev/null; echo done")
    client.call("VM.hard_shutdown", vm)

    (kept,) = client.call("VDI.get_snapshots", vdi)
    assert path.read_bytes()[:6] == b"later."
    assert (folder / "sr" / host.vdi(kept)["location"]).read_bytes()[:6] == b"before"
    assert list((daemon.directory / "state" / "plugins" / client.call("SR.get_uuid", sr)).glob("*.json")) == []

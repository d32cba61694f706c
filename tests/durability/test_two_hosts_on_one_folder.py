"""Two daemons on QEMU, each a host, on the folder of one repository: neither writes what the other's guest has."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.daemon import Client, Failure
from tests.ops.test_devices_on_qemu import drive
from tests.qemu_daemon import QemuDaemon, emulators, end, new_guest, qemu_daemon

MIB = 1 << 20
NULL = "OpaqueRef:NULL"

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@pytest.fixture(scope="module")
def daemons() -> Iterator[tuple[QemuDaemon, QemuDaemon]]:
    with ExitStack() as stack:
        yield stack.enter_context(qemu_daemon()), stack.enter_context(qemu_daemon())


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where guests come through."""
    made = Path(tempfile.mkdtemp(prefix="xs-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


class Host:
    """One of the two, with the repository and its disk as it knows them."""

    def __init__(self, daemon: QemuDaemon) -> None:
        self.daemon = daemon
        self.vdi = self.vm = ""

    def make(self, folder: Path) -> tuple[str, str]:
        """The repository, with a disk for a guest. Returns the uuid of the one and the key of the other."""
        with closing(self.daemon.client()) as client:
            (host,) = client.call("host.get_all")
            config = {"location": str(folder / "sr")}
            sr = client.call("SR.create", host, config, "0", "shared", "", "file", "user", True, {})
            record = {
                "name_label": "a disk", "name_description": "", "SR": sr, "virtual_size": str(8 * MIB), "type": "user",
                "sharable": False, "read_only": False, "other_config": {},
            }  # fmt: skip
            self.vdi = client.call("VDI.create", record)
            self._guest(client)
            return client.call("SR.get_uuid", sr), client.call("VDI.get_location", self.vdi)

    def take_up(self, folder: Path, uuid: str) -> None:
        """The same repository, with what is in it."""
        with closing(self.daemon.client()) as client:
            (host,) = client.call("host.get_all")
            sr = client.call("SR.introduce", uuid, "shared", "", "file", "user", True, {})
            config = {"location": str(folder / "sr")}
            pbd = client.call("PBD.create", {"host": host, "SR": sr, "device_config": config, "other_config": {}})
            client.call("PBD.plug", pbd)
            (self.vdi,) = client.call("SR.get_VDIs", sr)
            self._guest(client)

    def _guest(self, client: Client) -> None:
        self.vm = new_guest(client, "writer")
        drive(client, self.vm, self.vdi)

    def start(self) -> None:
        with closing(self.daemon.client()) as client:
            client.call("VM.start", self.vm, False, False)

    def stop(self) -> None:
        with closing(self.daemon.client()) as client:
            client.call("VM.hard_shutdown", self.vm)

    def error_of_start(self) -> list[str]:
        with pytest.raises(Failure) as error:
            self.start()
        return list(error.value.args)


def test_a_disk_passes_to_another_host_once_its_guest_and_its_daemon_are_gone(
    daemons: tuple[QemuDaemon, QemuDaemon], folder: Path
) -> None:
    first, second = Host(daemons[0]), Host(daemons[1])
    uuid, key = first.make(folder)
    second.take_up(folder, uuid)
    first.start()

    while_it_runs = second.error_of_start()
    first.daemon.kill()
    while_its_guest_lives = second.error_of_start()
    for each in emulators(first.daemon.directory):
        end(each, signal.SIGKILL)
    second.start()
    first.daemon.start()
    too_late = first.error_of_start()

    for error in (while_it_runs, while_its_guest_lives, too_late):
        assert (error[0], error[1]) == ("SR_BACKEND_FAILURE_46", "") and key in error[2]
    second.stop()
    first.start()
    assert (folder / "sr" / f"{key}.lease").exists()
    first.stop()
    assert list((folder / "sr").glob("*.lease")) == []

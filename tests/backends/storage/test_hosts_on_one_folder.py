"""Two hosts, each a process of its own, on the folder of one repository."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, fresh, open_in_qemu
from tests.daemon import ROOT
from tests.told import ended
from xapid.backends.interface import Failed, InUse
from xapid.backends.storage.file import File
from xapid.backends.storage.folder_hosts import FolderHosts, Lease, is_written
from xapid.backends.storage.interface import Disk, NewVolume, Sr, Volume, VolumeFormat
from xapid.backends.storage.mounts import beneath, parsed, shares_locks

OWNER = "00000000-0000-4000-8000-000000000006"
ENOUGH = 30.0


class Host:
    """Another host, which has a volume leased; with QEMU's process that has it open, or 0."""

    def __init__(self, root: Path, sr: Sr, volume: Volume, owner: str, *words: str) -> None:
        command = [
            sys.executable, "-m", "tests.backends.storage.holding", str(root), sr.device_config["location"], sr.uuid,
            volume.key, owner, *words,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert self._process.stdout is not None
        self.said = int(self._process.stdout.readline())

    @property
    def guest(self) -> int:
        return self.said

    def kill(self) -> None:
        """kill -9: what it started lives on."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()


def end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    assert ended(pid, ENOUGH)


@pytest.fixture
def here(tmp_path: Path) -> File:
    """The driver of this host."""
    return File(tmp_path / "here")


@pytest.fixture
def sr(here: File, tmp_path: Path) -> Sr:
    sr = Sr(fresh(), "file", {"location": str(tmp_path / "sr")})
    here.create_sr(sr, 0)
    here.attach_sr(sr)
    return sr


@pytest.fixture
def volume(here: File, sr: Sr) -> Volume:
    return here.create(sr, NewVolume(fresh(), 4 * MIB))


@pytest.fixture
def there(tmp_path: Path, sr: Sr) -> Iterator[Callable[..., Host]]:
    """Starts another host."""
    with ExitStack() as stack:

        def start(volume: Volume, *words: str, owner: str = OWNER, root: str = "there") -> Host:
            return stack.enter_context(closing(Host(tmp_path / root, sr, volume, owner, *words)))

        yield start


def reasons(here: File, volume: Volume) -> list[str]:
    """Why nothing can be done to a volume, call by call."""
    calls = [
        lambda: here.attach(volume, fresh(), True),
        lambda: here.attach(volume, OWNER, True),
        lambda: here.resize(volume, 8 * MIB),
        lambda: here.destroy(volume),
        lambda: here.copy(volume, volume.sr, NewVolume(fresh(), volume.size)),
        lambda: here.rewind(volume),
    ]
    found = []
    for call in calls:
        with pytest.raises(InUse) as error:
            call()
        found.append(error.value.facts["code"])
    return found


def test_what_another_host_lends_is_not_available(here: File, volume: Volume, there: Callable[..., Host]) -> None:
    there(volume)

    assert set(reasons(here, volume)) == {"46"}
    assert here.leases(volume.sr) == {}
    here.detach(volume, OWNER)
    assert set(reasons(here, volume)) == {"46"}
    assert here.attach(volume, fresh(), False).read_only


def test_what_this_host_lends_is_not_available_to_another(
    here: File, volume: Volume, there: Callable[..., Host]
) -> None:
    here.attach(volume, "one", True)

    assert there(volume).said == 46
    assert here.leases(volume.sr) == {volume.key: "one"}


def test_another_life_of_the_same_host_goes_on_with_its_leases(
    here: File, sr: Sr, volume: Volume, there: Callable[..., Host], tmp_path: Path
) -> None:
    there(volume).kill()

    again = there(volume)
    last = File(tmp_path / "there")
    last.attach_sr(sr)

    assert again.said == 0
    assert last.leases(sr) == {volume.key: OWNER}
    last.detach(volume, OWNER)
    assert here.attach(volume, "one", True)


@pytest.mark.libvirt
def test_a_lease_goes_with_the_host_and_its_guest_and_not_before(
    here: File, volume: Volume, there: Callable[..., Host]
) -> None:
    other = there(volume, "open")
    lent = set(reasons(here, volume))
    other.kill()
    guest_lives = set(reasons(here, volume))

    end(other.guest)

    assert (lent, guest_lives) == ({"46"}, {"46"})
    assert here.attach(volume, "one", True)
    assert here.leases(volume.sr) == {volume.key: "one"}
    assert there(volume).said == 46


def test_what_may_come_into_a_raw_volume_without_qemu_is_not_taken_from_a_host_that_is_away(
    here: File, sr: Sr, there: Callable[..., Host]
) -> None:
    volume = here.create(sr, NewVolume(fresh(), 4 * MIB, format=VolumeFormat.raw))
    there(volume).kill()

    assert set(reasons(here, volume)) == {"46"}
    # Whoever knows better gives it back.
    assert here.leases(sr) == {volume.key: OWNER}
    here.detach(volume, OWNER)
    assert here.attach(volume, "one", True)


def test_where_hosts_do_not_see_each_others_locks_nothing_is_taken_from_a_host_that_is_away(
    sr: Sr, volume: Volume, there: Callable[..., Host], tmp_path: Path
) -> None:
    class Blind(File):
        @staticmethod
        def _shares_locks(folder: Path) -> bool:
            return False

    here = Blind(tmp_path / "here")
    here.attach_sr(sr)
    there(volume).kill()

    assert set(reasons(here, volume)) == {"46"}


@pytest.mark.parametrize("format", [VolumeFormat.qcow2, VolumeFormat.raw])
def test_what_a_host_lent_before_it_was_booted_is_nobodys(here: File, sr: Sr, format: VolumeFormat) -> None:
    volume = here.create(sr, NewVolume(fresh(), 4 * MIB, format=format))
    here.attach(volume, "one", True)
    lease = Path(sr.device_config["location"]) / f"{volume.key}.lease"
    owner, host, _ = lease.read_text().split()
    lease.write_text(f"{owner} {host} {fresh()}")

    assert here.leases(sr) == {}
    assert here.attach(volume, "two", True)


def test_a_clone_of_a_host_takes_nothing_from_it(
    here: File, sr: Sr, volume: Volume, there: Callable[..., Host], tmp_path: Path
) -> None:
    """It is called the same and was booted at another time."""
    there(volume)
    folder = Path(sr.device_config["location"])
    (lease,) = folder.glob("*.lease")
    owner, host, boot = lease.read_text().split()
    elsewhere = fresh()
    (folder / "hosts" / f"{host}.{boot}").rename(folder / "hosts" / f"{host}.{elsewhere}")
    lease.write_text(f"{owner} {host} {elsewhere}")
    clone = File(tmp_path / "there")

    clone.attach_sr(sr)

    with pytest.raises(InUse):
        clone.attach(volume, OWNER, True)
    assert (folder / "hosts" / f"{host}.{elsewhere}").exists()


def test_files_of_earlier_boots_go(here: File, sr: Sr) -> None:
    hosts = Path(sr.device_config["location"]) / "hosts"
    (present,) = [path.name for path in hosts.iterdir()]
    host = present.partition(".")[0]
    (hosts / f"{host}.{fresh()}").touch()
    (hosts / f"{fresh()}.{fresh()}").touch()
    here.detach_sr(sr)

    here.attach_sr(sr)

    assert {path.name.partition(".")[0] == host for path in hosts.iterdir()} == {True, False}
    assert present in [path.name for path in hosts.iterdir()] and len([*hosts.iterdir()]) == 2


def test_a_folder_of_hosts_that_leads_elsewhere_is_not_followed(here: File, sr: Sr, tmp_path: Path) -> None:
    hosts = Path(sr.device_config["location"]) / "hosts"
    here.detach_sr(sr)
    hosts.rename(tmp_path / "elsewhere")
    hosts.symlink_to(tmp_path / "elsewhere")
    before = {path.name for path in (tmp_path / "elsewhere").iterdir()}

    with pytest.raises(Failed):
        File(tmp_path / "another").attach_sr(sr)

    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == before


@pytest.mark.parametrize(
    "text, owner, host",
    [
        (b"", None, ""),
        (b"somebody", "somebody", ""),
        (b"a ../../etc/passwd x", "a ../../etc/passwd x", ""),
        (f"a {OWNER} {OWNER}".encode(), "a", OWNER),
    ],
)
def test_leases_are_read_as_they_were_written(text: bytes, owner: str | None, host: str) -> None:
    lease = Lease.read(text)

    assert (lease and lease.owner, lease.host if lease else "") == (owner, host)


def test_a_host_is_called_the_same_in_each_of_its_lives(tmp_path: Path) -> None:
    first, second, other = FolderHosts(tmp_path), FolderHosts(tmp_path), FolderHosts(tmp_path / "other")

    assert first.lease("a") == second.lease("a") != other.lease("a")


@pytest.mark.libvirt
@pytest.mark.parametrize("format", [VolumeFormat.qcow2, VolumeFormat.raw])
def test_it_is_seen_whether_qemu_may_write_an_image(here: File, sr: Sr, format: VolumeFormat) -> None:
    volume = here.create(sr, NewVolume(fresh(), 4 * MIB, format=format))
    disk = here.attach(volume, "one", True)
    path = Path(disk.path)

    with open_in_qemu(disk):
        written = is_written(path)
    with open_in_qemu(Disk(disk.path, disk.format, read_only=True)):
        read = is_written(path)

    assert (written, read, is_written(path)) == (True, False, False)


@pytest.mark.parametrize(
    "file_system, shared",
    [
        ("ext4 /dev/sda1 rw", True),
        ("nfs4 server:/export rw,vers=4.2,local_lock=none,addr=192.0.2.1", True),
        ("nfs server:/export rw,vers=3,nolock,local_lock=all,addr=192.0.2.1", False),
        ("cifs //server/share rw,vers=3.1.1,nobrl", False),
        ("fuse.sshfs me@server:/ rw", False),
        ("9p share rw,trans=virtio", False),
    ],
)
def test_it_is_known_of_which_file_systems_all_hosts_see_the_locks(file_system: str, shared: bool) -> None:
    mount = parsed(f"36 35 98:0 / /mnt/of\\040disks rw,noatime master:1 - {file_system}")

    assert (mount.target, shares_locks(mount)) == ("/mnt/of disks", shared)


def test_a_folder_lies_on_what_is_mounted_nearest_to_it(tmp_path: Path) -> None:
    found, proc = beneath(tmp_path), beneath(Path("/proc/self/fd"))

    assert found is not None and tmp_path.is_relative_to(found.target)
    assert proc is not None and (proc.target, proc.kind) == ("/proc", "proc")

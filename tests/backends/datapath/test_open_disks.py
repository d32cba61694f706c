"""Disks are opened, found again and closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from tests.backends.datapath.disk_rig import MIB, Rig
from tests.told import lives
from xapid.backends.agent import Backend, DriverSpec
from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.domain.interface import DiskSpec
from xapid.backends.interface import BackendError, Failed, NotFound, NotSupported
from xapid.backends.storage import qcow2
from xapid.backends.storage.interface import Disk, VolumeFormat

pytestmark = pytest.mark.libvirt


@pytest.mark.parametrize("format", VolumeFormat)
def test_what_is_written_to_the_device_is_in_the_image(rig: Rig, format: VolumeFormat) -> None:
    drive = rig.drive(rig.image(format=format))

    device = rig.devices[rig.disks.open(rig.owner, drive)]
    device.write(MIB, b"x" * 4096)

    assert device.export.size == 8 * MIB
    assert rig.disks.open_files(rig.owner) == {drive.vbd: drive.disk and drive.disk.path}
    rig.disks.release(rig.owner, drive.vbd)
    again = rig.devices[rig.disks.open(rig.owner, drive)]
    assert again.read(MIB, 4096) == b"x" * 4096


def test_what_an_image_continues_is_seen_through_it(rig: Rig) -> None:
    base = rig.image()
    drive = rig.drive(base)
    rig.devices[rig.disks.open(rig.owner, drive)].write(0, b"below" * 100)
    rig.disks.release(rig.owner, drive.vbd)

    above = rig.drive(rig.image(backing=rig.image(backing=base)))
    device = rig.devices[rig.disks.open(rig.owner, above)]

    assert device.read(0, 500) == b"below" * 100


def test_a_disk_that_is_open_stays_as_it_is(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    first = rig.disks.open(rig.owner, drive)
    program = rig.program()

    # Another object, as after a restart of the daemon.
    restarted = OpenDisks(rig.state, rig.devices)
    again = restarted.open(rig.owner, drive)

    restarted.close()
    assert (again, rig.program()) == (first, program)
    rig.devices[first].write(0, b"goes on")


def test_another_medium_takes_the_place_of_the_one_before(rig: Rig) -> None:
    first = rig.drive(rig.image(), device="cdrom")
    second = DiskSpec(first.vbd, 0, "cdrom", rig.image(format=VolumeFormat.raw))
    rig.disks.open(rig.owner, first)

    rig.disks.open(rig.owner, second)

    assert rig.disks.open_files(rig.owner) == {first.vbd: second.disk and second.disk.path}


def test_a_read_only_disk_cannot_be_written(rig: Rig) -> None:
    for drive in (
        rig.drive(rig.image(), read_only=True),
        rig.drive(rig.image(), device="cdrom"),
        rig.drive(Disk(rig.image().path, VolumeFormat.qcow2, read_only=True)),
    ):
        device = rig.devices[rig.disks.open(rig.owner, drive)]

        assert device.export.read_only
        with pytest.raises(OSError, match="Errno"):
            device.write(0, b"x")


def test_after_the_last_disk_nothing_is_left(rig: Rig) -> None:
    drives = [rig.drive(rig.image()) for _ in range(2)]
    for drive in drives:
        rig.disks.open(rig.owner, drive)
    program = rig.program()

    rig.disks.release(rig.owner, drives[0].vbd)
    assert list(rig.disks.open_files(rig.owner)) == [drives[1].vbd]
    assert len(rig.devices.names()) == 1
    rig.disks.release(rig.owner, drives[1].vbd)

    assert (rig.disks.owners(), rig.devices.names(), lives(program)) == ([], [], False)
    rig.disks.release(rig.owner, drives[1].vbd)


def test_all_of_one_guest_are_closed_and_those_of_others_not(rig: Rig) -> None:
    drive, other, owner = rig.drive(rig.image()), rig.drive(rig.image()), str(uuid4())
    for each in (drive, rig.drive(rig.image())):
        rig.disks.open(rig.owner, each)
    rig.disks.open(owner, other)
    program = rig.program()

    for _ in range(2):
        rig.disks.release_all(rig.owner)

    assert rig.disks.owners() == [owner]
    assert not lives(program)
    rig.devices[rig.disks.open(owner, other)].write(0, b"goes on")


@pytest.mark.parametrize("broken", ["missing", "no qcow2", "base missing", "format of base unsaid", "in use"])
def test_of_a_disk_that_cannot_be_opened_nothing_is_left(rig: Rig, broken: str) -> None:
    drive = rig.drive(_broken(rig, broken))

    with pytest.raises(BackendError):
        rig.disks.open(rig.owner, drive)

    assert rig.owner not in rig.disks.owners()


def test_a_base_that_is_missing_is_named(rig: Rig) -> None:
    base = rig.image()
    drive = rig.drive(rig.image(backing=base))
    Path(base.path).unlink()

    with pytest.raises(NotFound) as error:
        rig.disks.open(rig.owner, drive)

    assert error.value.facts == {"path": base.path}


def test_what_an_image_says_it_continues_is_a_path_whatever_it_looks_like(rig: Rig) -> None:
    image = rig.image()
    command = ["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "json:{}", image.path]
    subprocess.run(command, check=True)
    (rig.folder / "json:{}").write_bytes(b"a file of this name".ljust(MIB))

    device = rig.devices[rig.disks.open(rig.owner, rig.drive(image))]

    assert device.read(0, 19) == b"a file of this name"


@pytest.mark.parametrize("way", ["path", "link"])
def test_what_lies_in_another_directory_is_not_opened(rig: Rig, way: str) -> None:
    image = rig.image()
    secret = rig.folder / "elsewhere" / "shadow"
    secret.parent.mkdir()
    secret.write_bytes(b"secret".ljust(MIB))
    (rig.folder / "link").symlink_to(secret)
    named = str(secret) if way == "path" else "link"
    subprocess.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", named, image.path], check=True)

    with pytest.raises(NotSupported, match="lies elsewhere"):
        rig.disks.open(rig.owner, rig.drive(image))

    assert rig.owner not in rig.disks.owners()


def test_an_image_whose_bytes_are_elsewhere_is_refused(rig: Rig) -> None:
    path, other = rig.folder / "a.qcow2", rig.folder / "other"
    options = f"data_file={other}"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, str(path), "1M"], check=True)

    with pytest.raises(Failed, match="in another file"):
        rig.disks.open(rig.owner, rig.drive(Disk(str(path), VolumeFormat.qcow2)))


def test_an_image_that_continues_itself_is_refused(rig: Rig) -> None:
    image = rig.image()
    subprocess.run(["qemu-img", "rebase", "-u", "-F", "qcow2", "-b", image.path, image.path], check=True)

    with pytest.raises(Failed, match="itself"):
        rig.disks.open(rig.owner, rig.drive(image))


def test_a_disk_that_is_elsewhere_cannot_be_given(rig: Rig) -> None:
    with pytest.raises(NotSupported):
        rig.disks.open(rig.owner, rig.drive(Disk("/nowhere", VolumeFormat.raw, kind="nbd")))


def test_when_the_opener_is_killed_the_disks_work_on_and_are_found(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    _open_and_be_killed(rig, drive)
    program = rig.program()

    assert rig.disks.owners() == [rig.owner]
    assert rig.disks.open_files(rig.owner) == {drive.vbd: drive.disk and drive.disk.path}
    rig.devices[rig.disks.open(rig.owner, drive)].write(0, b"goes on")
    assert rig.program() == program
    rig.disks.release_all(rig.owner)
    assert (rig.disks.owners(), lives(program)) == ([], False)


def test_a_program_that_does_not_answer_is_ended_all_the_same(rig: Rig) -> None:
    rig.disks.open(rig.owner, rig.drive(rig.image()))
    program = rig.program()
    os.kill(program, signal.SIGSTOP)

    impatient = OpenDisks(rig.state, rig.devices, patience=0.2)
    impatient.release_all(rig.owner)
    impatient.close()

    assert (rig.disks.owners(), lives(program)) == ([], False)


def test_when_its_agent_ends_nothing_of_it_is_left_but_what_is_open(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    spec = DriverSpec("disks", "xapid.backends.datapath.open_disks:OpenDisks", {"folder": str(tmp_path)})
    agents = Backend(spec, {}, lambda *_: None)
    agents.driver()
    assert set(threading.enumerate()) > before

    agents.close()

    assert set(threading.enumerate()) == before


OPENER = """
import signal, sys
from pathlib import Path
from tests.backends.datapath import kernel_devices, nbd_client
from tests.told import lives
from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.domain.interface import DiskSpec
from xapid.backends.storage.interface import Disk, VolumeFormat

state, owner, vbd, image, devices = sys.argv[1:]
disks = OpenDisks(Path(state), {**vars(kernel_devices), **vars(nbd_client)}[devices]())
disks.open(owner, DiskSpec(vbd, 0, "disk", Disk(image, VolumeFormat.qcow2)))
print("open", flush=True)
signal.pause()
"""


def _open_and_be_killed(rig: Rig, drive: DiskSpec) -> None:
    """Another process opens a disk."""
    assert drive.disk is not None
    command = [
        sys.executable,
        "-c",
        OPENER,
        str(rig.state),
        rig.owner,
        drive.vbd,
        drive.disk.path,
        type(rig.devices).__name__,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)}) as opener:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "open\n"
        opener.kill()


def _broken(rig: Rig, how: str) -> Disk:
    image = rig.image()
    path = Path(image.path)
    match how:
        case "missing":
            path.unlink()
        case "no qcow2":
            path.write_bytes(bytes(MIB))
        case "base missing":
            base, image = image, rig.image(backing=image)
            Path(base.path).unlink()
        case "format of base unsaid":
            path.unlink()
            qcow2.create(path, 8 * MIB, qcow2.Backing(rig.image().path, format=""))
        case "in use":
            rig.disks.open(str(uuid4()), rig.drive(image))
    return image

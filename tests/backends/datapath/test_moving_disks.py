"""Open disks move to other files, grow, and are lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from tests.backends.datapath.disk_rig import MIB, Rig, in_use
from tests.backends.domain.hypervisor import within
from tests.told import lives
from xapid.backends.datapath import image_nodes
from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.interface import Failed, NotFound, Unavailable
from xapid.backends.storage.interface import VolumeFormat

pytestmark = pytest.mark.libvirt


def test_disks_move_to_other_files_while_they_are_open(rig: Rig) -> None:
    drives = [rig.drive(rig.image()), rig.drive(rig.image(format=VolumeFormat.raw))]
    devices = [rig.devices[rig.disks.open(rig.owner, each)] for each in drives]
    for device in devices:
        device.write(0, b"before" * 100)
    moves = {each.vbd: rig.image(backing=each.disk) for each in drives}

    rig.disks.switch(rig.owner, moves)

    assert rig.disks.open_files(rig.owner) == {vbd: disk.path for vbd, disk in moves.items()}
    for drive, device in zip(drives, devices, strict=True):
        device.write(MIB, b"after")
        assert device.read(0, 600) == b"before" * 100
        assert drive.disk is not None
        assert b"after" not in Path(drive.disk.path).read_bytes()


def test_what_was_moved_from_can_be_read_by_others(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    rig.devices[rig.disks.open(rig.owner, drive)].write(0, b"as of the snapshot")
    snapshot = rig.drive(rig.image(backing=drive.disk))
    rig.disks.switch(rig.owner, {drive.vbd: rig.image(backing=drive.disk)})

    device = rig.devices[rig.disks.open(str(uuid4()), snapshot)]

    assert device.read(0, 18) == b"as of the snapshot"


def test_a_disk_can_move_many_times_and_be_closed(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    device = rig.devices[rig.disks.open(rig.owner, drive)]
    now = drive.disk
    for number in range(12):
        device.write(number, bytes([number]))
        now = rig.image(backing=now)
        last = rig.drive(now)
        rig.disks.switch(rig.owner, {drive.vbd: now})
        # As after a move that the daemon did not live to see.
        rig.disks.switch(rig.owner, {drive.vbd: now})

    rig.disks.release(rig.owner, drive.vbd)

    assert rig.devices[rig.disks.open(rig.owner, last)].read(0, 12) == bytes(range(12))


def test_when_one_disk_cannot_move_none_does(rig: Rig) -> None:
    drives = [rig.drive(rig.image()) for _ in range(2)]
    for each in drives:
        rig.disks.open(rig.owner, each)
    before = rig.disks.open_files(rig.owner)
    damaged = rig.image(backing=drives[1].disk)
    Path(damaged.path).write_bytes(bytes(MIB))
    good = rig.image(backing=drives[0].disk)

    with pytest.raises(Failed):
        rig.disks.switch(rig.owner, {drives[0].vbd: good, drives[1].vbd: damaged})

    assert rig.disks.open_files(rig.owner) == before
    assert not in_use(good)


def test_an_unknown_disk_does_not_move(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    rig.disks.open(rig.owner, drive)

    with pytest.raises(NotFound) as error:
        rig.disks.switch(rig.owner, {"unknown": rig.image()})

    assert error.value.facts == {"vbd": "unknown"}


def test_an_open_disk_grows(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    path = rig.disks.open(rig.owner, drive)
    rig.devices[path].write(0, b"before")

    rig.disks.resize(rig.owner, drive.vbd, 24 * MIB)

    device = rig.devices[path]
    assert device.export.size == 24 * MIB
    device.write(23 * MIB, b"after")
    assert device.read(0, 6) == b"before"


def test_a_disk_that_cannot_grow_stays_in_use(rig: Rig) -> None:
    drive = rig.drive(rig.image(), read_only=True)
    path = rig.disks.open(rig.owner, drive)

    with pytest.raises(Failed):
        rig.disks.resize(rig.owner, drive.vbd, 24 * MIB)

    assert rig.devices[path].read(0, 6) == bytes(6)


def test_who_was_killed_while_a_disk_grew_goes_on_with_it(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    path = rig.disks.open(rig.owner, drive)
    with rig.monitor() as monitor:
        monitor.execute("block-export-del", id=f"disk-{drive.vbd}", mode="hard")
        monitor.wait_for("BLOCK_EXPORT_DELETED")
        monitor.execute("block_resize", node_name=rig.node(monitor, drive), size=24 * MIB)

    OpenDisks(rig.state, rig.devices).close()

    assert rig.devices[path].export.size == 24 * MIB
    assert rig.devices[path].read(0, 6) == bytes(6)


def test_who_was_killed_before_a_disk_moved_can_move_it(rig: Rig) -> None:
    drive = rig.drive(rig.image())
    rig.disks.open(rig.owner, drive)
    abandoned, overlay = rig.image(backing=drive.disk), rig.image(backing=drive.disk)
    with rig.monitor() as monitor:
        name = f"{rig.node(monitor, drive)[:-1]}2"
        monitor.execute("blockdev-add", **image_nodes.overlay(Path(abandoned.path), name, read_only=False))

    rig.disks.switch(rig.owner, {drive.vbd: overlay})

    assert rig.disks.open_files(rig.owner) == {drive.vbd: overlay.path}
    assert not in_use(abandoned)


def test_when_the_program_is_killed_its_guest_and_the_log_are_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    drive = rig.drive(rig.image())
    rig.disks.open(rig.owner, drive)

    os.kill(rig.program(), signal.SIGKILL)

    assert within(10, lambda: not rig.devices.names())
    assert f"the program that served the disks of {rig.owner} has died" in caplog.text
    for call in (
        lambda: rig.disks.open_files(rig.owner),
        lambda: rig.disks.switch(rig.owner, {drive.vbd: rig.image(backing=drive.disk)}),
        lambda: rig.disks.resize(rig.owner, drive.vbd, 24 * MIB),
    ):
        with pytest.raises(Unavailable, match=rig.owner):
            call()
    # The machine is ended, and started anew.
    rig.disks.release_all(rig.owner)
    assert rig.disks.owners() == []
    rig.devices[rig.disks.open(rig.owner, drive)].write(0, b"goes on")


def test_a_program_that_died_meanwhile_is_noticed_at_the_start(rig: Rig) -> None:
    rig.disks.open(rig.owner, rig.drive(rig.image()))
    rig.disks.close()
    program = rig.program()
    os.kill(program, signal.SIGKILL)
    assert within(10, lambda: not lives(program))

    OpenDisks(rig.state, rig.devices).close()

    assert rig.devices.names() == []

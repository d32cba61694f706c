"""What every datapath driver promises."""

from __future__ import annotations

import pytest

from tests.backends.domain.hypervisor import MIB, Hypervisor
from xapid.backends.domain.interface import Feature
from xapid.backends.interface import NotFound


def test_the_disks_of_a_guest_move_to_other_files_together(hypervisor: Hypervisor) -> None:
    first, second, empty = hypervisor.drive(), hypervisor.drive(1), hypervisor.drive(3, device="cdrom", disk=None)
    spec = hypervisor.spec(disks=(first, second, empty))
    hypervisor.driver.start(spec, paused=False)
    moves = {each.vbd: hypervisor.disk(backing=each.disk) for each in (first, second)}

    hypervisor.datapath.switch(spec.uuid, moves)

    assert hypervisor.datapath.open_files(spec.uuid) == {vbd: disk.path for vbd, disk in moves.items()}


def test_a_disk_that_has_moved_already_stays(hypervisor: Hypervisor) -> None:
    first, second = hypervisor.drive(), hypervisor.drive(1)
    spec = hypervisor.spec(disks=(first, second))
    hypervisor.driver.start(spec, paused=True)
    moves = {first.vbd: hypervisor.disk(backing=first.disk)}
    hypervisor.datapath.switch(spec.uuid, moves)

    moves[second.vbd] = hypervisor.disk(backing=second.disk)
    for _ in range(2):
        hypervisor.datapath.switch(spec.uuid, moves)

    assert hypervisor.datapath.open_files(spec.uuid) == {vbd: disk.path for vbd, disk in moves.items()}


def test_when_one_disk_is_unknown_none_moves(hypervisor: Hypervisor) -> None:
    drive = hypervisor.drive()
    spec = hypervisor.spec(disks=(drive,))
    hypervisor.driver.start(spec, paused=True)
    assert drive.disk is not None

    with pytest.raises(NotFound) as error:
        hypervisor.datapath.switch(
            spec.uuid, {drive.vbd: hypervisor.disk(backing=drive.disk), "unknown": hypervisor.disk()}
        )

    assert error.value.facts == {"vbd": "unknown"}
    assert hypervisor.datapath.open_files(spec.uuid) == {drive.vbd: drive.disk.path}


def test_a_suspended_machine_is_resumed_with_the_files_it_moved_to(hypervisor: Hypervisor) -> None:
    drive = hypervisor.drive()
    spec = hypervisor.spec(disks=(drive,))
    hypervisor.driver.start(spec, paused=False)
    moved = hypervisor.disk(backing=drive.disk)
    hypervisor.datapath.switch(spec.uuid, {drive.vbd: moved})
    image = hypervisor.image()
    hypervisor.driver.suspend(spec.uuid, image)

    now = hypervisor.spec(uuid=spec.uuid, disks=(hypervisor.drive(vbd=drive.vbd, disk=moved),))
    hypervisor.driver.resume(now, image, paused=False)

    assert hypervisor.datapath.open_files(spec.uuid) == {drive.vbd: moved.path}


def test_the_disk_of_a_guest_can_grow(hypervisor: Hypervisor) -> None:
    drive = hypervisor.drive()
    spec = hypervisor.spec(disks=(drive,))
    hypervisor.driver.start(spec, paused=False)

    hypervisor.datapath.resize(spec.uuid, drive.vbd, 24 * MIB)

    assert hypervisor.size(drive) == 24 * MIB


def test_a_disk_that_is_not_there_cannot_grow(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    hypervisor.driver.start(spec, paused=True)

    with pytest.raises(NotFound):
        hypervisor.datapath.resize(spec.uuid, "unknown", MIB)


def test_a_machine_that_is_gone_has_no_disks(hypervisor: Hypervisor) -> None:
    uuid = hypervisor.spec().uuid

    for asked in (
        lambda: hypervisor.datapath.switch(uuid, {}),
        lambda: hypervisor.datapath.resize(uuid, "unknown", MIB),
        lambda: hypervisor.datapath.open_files(uuid),
    ):
        with pytest.raises(NotFound):
            asked()


def test_what_can_be_done_is_said(hypervisor: Hypervisor) -> None:
    assert hypervisor.datapath.info.features == {Feature.live_snapshot, Feature.live_resize}

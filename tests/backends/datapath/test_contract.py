"""What every datapath driver promises."""

from __future__ import annotations

from functools import partial

import pytest

from tests.backends.domain.hypervisor import MIB, PATIENCE, Hypervisor, within
from xapid.backends.domain.interface import DiskSpec, Feature
from xapid.backends.interface import Failed, NotFound


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
    everywhere = {Feature.live_snapshot, Feature.live_resize, Feature.live_merge}

    assert hypervisor.datapath.info.features - {Feature.live_mirror} == everywhere


# Moving to another volume


def machine_with_a_disk(hypervisor: Hypervisor) -> tuple[str, DiskSpec]:
    """A machine that runs; skipped where disks cannot move."""
    if Feature.live_mirror not in hypervisor.datapath.info.features:
        pytest.skip("disks do not move here")
    drive = hypervisor.drive()
    spec = hypervisor.spec(disks=(drive,))
    hypervisor.driver.start(spec, paused=False)
    return spec.uuid, drive


def in_step(hypervisor: Hypervisor, uuid: str, drive: DiskSpec) -> bool:
    return within(PATIENCE, lambda: hypervisor.datapath.mirrored(uuid, drive.vbd).in_step)


def test_a_disk_moves_to_another_volume_while_its_guest_runs(hypervisor: Hypervisor) -> None:
    uuid, drive = machine_with_a_disk(hypervisor)
    target = hypervisor.disk()

    for _ in range(2):
        hypervisor.datapath.mirror(uuid, drive.vbd, target)
    assert in_step(hypervisor, uuid, drive)
    assert drive.disk is not None
    assert hypervisor.datapath.open_files(uuid) == {drive.vbd: drive.disk.path}
    for _ in range(2):
        hypervisor.datapath.move(uuid, drive.vbd, target)

    assert hypervisor.datapath.open_files(uuid) == {drive.vbd: target.path}
    assert hypervisor.driver.find(uuid) is not None


def test_a_disk_that_continues_others_moves_with_all_that_it_holds(hypervisor: Hypervisor) -> None:
    uuid, drive = machine_with_a_disk(hypervisor)
    hypervisor.datapath.switch(uuid, {drive.vbd: hypervisor.disk(backing=drive.disk)})
    target = hypervisor.disk()

    hypervisor.datapath.mirror(uuid, drive.vbd, target)
    assert in_step(hypervisor, uuid, drive)
    hypervisor.datapath.move(uuid, drive.vbd, target)

    # It can be snapshotted there as any other.
    overlay = hypervisor.disk(backing=target)
    hypervisor.datapath.switch(uuid, {drive.vbd: overlay})
    assert hypervisor.datapath.open_files(uuid) == {drive.vbd: overlay.path}


def test_a_mirror_that_is_taken_away_leaves_the_disk_where_it_was(hypervisor: Hypervisor) -> None:
    uuid, drive = machine_with_a_disk(hypervisor)
    target = hypervisor.disk()
    hypervisor.datapath.mirror(uuid, drive.vbd, target)

    for _ in range(2):
        hypervisor.datapath.unmirror(uuid, drive.vbd)

    assert drive.disk is not None
    assert hypervisor.datapath.open_files(uuid) == {drive.vbd: drive.disk.path}
    with pytest.raises(Failed):
        hypervisor.datapath.mirrored(uuid, drive.vbd)
    with pytest.raises(Failed):
        hypervisor.datapath.move(uuid, drive.vbd, target)
    # The volume is free for others, and the disk may move anew.
    hypervisor.datapath.mirror(uuid, drive.vbd, target)


def test_only_what_is_there_moves(hypervisor: Hypervisor) -> None:
    uuid, _ = machine_with_a_disk(hypervisor)
    gone, target, datapath = hypervisor.spec().uuid, hypervisor.disk(), hypervisor.datapath

    for machine, named in ((uuid, "vbd"), (gone, "domain")):
        for asked in (
            partial(datapath.mirror, machine, "unknown", target),
            partial(datapath.mirrored, machine, "unknown"),
            partial(datapath.move, machine, "unknown", target),
            partial(datapath.unmirror, machine, "unknown"),
        ):
            with pytest.raises(NotFound) as error:
                asked()
            assert named in error.value.facts

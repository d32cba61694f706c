"""What every storage driver promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.backends.storage.rig import MIB, Rig, by_key, fresh, image, whole
from xapid.backends.interface import AlreadyExists, BackendError, BadConfig, Failed, InUse, NotFound, NotSupported
from xapid.backends.storage.interface import Branch, Disk, Progress, Sr, Volume, VolumeFormat

# Repository


@pytest.mark.parametrize("place", [None, "", "relative/path", "/a/../b", "/a\nb"])
def test_a_repository_needs_a_place(placed_rig: Rig, place: str | None) -> None:
    rig = placed_rig
    config = {key: value for key, value in rig.sr.device_config.items() if key != rig.key}
    if place is not None:
        config[rig.key] = place

    with pytest.raises(BadConfig) as error:
        rig.driver.create_sr(Sr(fresh(), rig.sr.type, config), 0)

    assert error.value.facts["key"] == rig.key


def test_a_new_repository_is_empty_and_says_how_large_it_is(rig: Rig) -> None:
    scan = rig.driver.scan(rig.sr)

    assert scan.volumes == ()
    assert scan.figures.physical_size > 0
    assert scan.figures.virtual_allocation == 0


def test_a_repository_whose_place_is_away_cannot_be_attached(placed_rig: Rig) -> None:
    rig = placed_rig

    with pytest.raises(BackendError) as error:
        rig.driver.attach_sr(Sr(fresh(), rig.sr.type, rig.sr.device_config | {rig.key: rig.away}))

    assert error.value.facts["code"] == rig.code


def test_a_place_with_another_repository_is_not_taken_for_it(real_rig: Rig) -> None:
    with pytest.raises(NotFound) as error:
        real_rig.driver.attach_sr(Sr(fresh(), real_rig.sr.type, real_rig.sr.device_config))

    assert error.value.facts["code"] == "47"


def test_no_second_repository_is_made_where_there_is_one(single_rig: Rig) -> None:
    with pytest.raises(AlreadyExists) as error:
        single_rig.driver.create_sr(Sr(fresh(), single_rig.sr.type, single_rig.sr.device_config), 0)

    assert error.value.facts["code"] == "42"


def test_making_and_attaching_a_repository_again_changes_nothing(rig: Rig) -> None:
    volume = rig.volume()

    rig.driver.create_sr(rig.sr, 0)
    rig.driver.attach_sr(rig.sr)

    assert rig.present() == {volume.key}


def test_a_repository_with_volumes_is_not_destroyed(rig: Rig) -> None:
    rig.volume()

    with pytest.raises(Failed) as error:
        rig.driver.destroy_sr(rig.sr)

    assert error.value.facts["code"] == "39"


def test_destroying_a_repository_leaves_nothing_and_can_be_repeated(own_rig: Rig) -> None:
    own_rig.driver.detach_sr(own_rig.sr)
    own_rig.driver.destroy_sr(own_rig.sr)

    own_rig.driver.destroy_sr(own_rig.sr)

    assert not own_rig.leftover()


def test_what_is_in_a_repository_outlives_its_detachment(rig: Rig) -> None:
    volume = rig.volume()
    rig.driver.detach_sr(rig.sr)

    rig.driver.attach_sr(rig.sr)

    assert rig.driver.scan(rig.sr).volumes == (volume,)


def test_probing_finds_a_repository(rig: Rig) -> None:
    found = rig.driver.probe(rig.sr.device_config)

    assert rig.sr.uuid in [each.uuid for each in found]


# Volumes


@pytest.mark.parametrize("asked", [0, 1, 2 * MIB, 2 * MIB + 1, 10 * 1024 * MIB])
def test_a_volume_has_at_least_the_size_that_was_asked_for(rig: Rig, asked: int) -> None:
    volume = rig.volume(asked)

    assert volume.size == max(1, -(-asked // rig.step)) * rig.step
    assert rig.driver.stat(volume) == volume


@pytest.mark.parametrize("size", [-1, 1 << 60])
def test_an_impossible_size_is_refused(rig: Rig, size: int) -> None:
    with pytest.raises(BadConfig) as error:
        rig.volume(size)

    assert error.value.facts["key"] == "size"
    assert rig.present() == set()


def test_a_new_volume_is_what_was_asked_for(own_rig: Rig) -> None:
    new = own_rig.new()

    volume = own_rig.driver.create(own_rig.sr, new)

    assert (volume.sr, volume.key, volume.uuid, volume.name) == (own_rig.sr, new.uuid, new.uuid, "a disk")
    assert (volume.format, volume.parent, volume.hidden) == (VolumeFormat.qcow2, "", False)


@pytest.mark.parametrize("format, purpose", [(VolumeFormat.raw, "user"), (None, "suspend")])
def test_a_volume_is_raw_where_that_is_asked_for_or_memory_goes_there(
    rig: Rig, format: VolumeFormat | None, purpose: str
) -> None:
    volume = rig.driver.create(rig.sr, rig.new(format=format, purpose=purpose))

    assert volume.format == VolumeFormat.raw


def test_a_uuid_is_given_once(own_rig: Rig) -> None:
    new = own_rig.new()
    own_rig.driver.create(own_rig.sr, new)

    with pytest.raises(AlreadyExists):
        own_rig.driver.create(own_rig.sr, new)


def test_destroying_a_volume_can_be_repeated(rig: Rig) -> None:
    volume = rig.volume()
    rig.driver.destroy(volume)

    rig.driver.destroy(volume)

    assert rig.present() == set()


def test_a_volume_that_never_was_can_be_destroyed_by_its_uuid(rig: Rig) -> None:
    rig.driver.destroy(Volume(rig.sr, "", fresh(), 1, VolumeFormat.qcow2))

    assert rig.present() == set()


def test_a_volume_can_be_destroyed_by_its_uuid_alone(rig: Rig) -> None:
    volume = rig.volume()

    rig.driver.destroy(replace(volume, key=""))

    assert rig.present() == set()


@pytest.mark.parametrize("key", ["../../etc/passwd", "nothing", "", "00000000-0000-4000-8000-000000000000"])
def test_what_is_not_there_is_not_found(rig: Rig, key: str) -> None:
    with pytest.raises(NotFound):
        rig.driver.stat(Volume(rig.sr, key, fresh(), 1, VolumeFormat.raw))


def test_the_sum_of_the_sizes_is_told(rig: Rig) -> None:
    rig.volume(4 * MIB)
    rig.volume(6 * MIB)

    assert rig.driver.figures(rig.sr).virtual_allocation == 10 * MIB


# Who writes


def test_two_never_write_a_volume_at_once(rig: Rig) -> None:
    volume = rig.volume()
    rig.driver.attach(volume, "one", True)

    with pytest.raises(InUse):
        rig.driver.attach(volume, "two", True)


def test_who_writes_a_volume_may_attach_it_again(rig: Rig) -> None:
    volume = rig.volume()

    disk = rig.driver.attach(volume, "one", True)

    assert rig.driver.attach(volume, "one", True) == disk
    assert not disk.read_only


def test_who_only_reads_disturbs_nobody(rig: Rig) -> None:
    volume = rig.volume()
    rig.driver.attach(volume, "writer", True)

    assert rig.driver.attach(volume, "reader", False).read_only


def test_after_a_detachment_another_may_write(rig: Rig) -> None:
    volume = rig.volume()
    rig.driver.attach(volume, "one", True)
    rig.driver.detach(volume, "one")

    assert rig.driver.attach(volume, "two", True)


def test_a_detachment_that_never_was_attached_takes_nothing_from_others(rig: Rig) -> None:
    volume = rig.volume()
    rig.driver.attach(volume, "one", True)

    rig.driver.detach(volume, "two")
    rig.driver.detach(Volume(rig.sr, fresh(), fresh(), 1, VolumeFormat.raw), "two")

    with pytest.raises(InUse):
        rig.driver.attach(volume, "two", True)


@pytest.mark.parametrize("call", ["destroy", "resize", "copy"])
def test_what_is_written_is_not_worked_on(rig: Rig, call: str) -> None:
    volume = rig.volume()
    rig.driver.attach(volume, "one", True)

    with pytest.raises(InUse):
        match call:
            case "destroy":
                rig.driver.destroy(volume)
            case "resize":
                rig.driver.resize(volume, 8 * MIB)
            case "copy":
                rig.driver.copy(volume, rig.sr, rig.new())


# Snapshots and clones


@pytest.mark.parametrize("call", ["snapshot", "clone"])
def test_a_branch_leaves_an_inner_node_that_both_continue(own_rig: Rig, call: str) -> None:
    volume = own_rig.volume()
    new, base_uuid = own_rig.new(), fresh()

    branch: Branch = getattr(own_rig.driver, call)(volume, new, base_uuid)

    assert branch.base
    assert (branch.base.uuid, branch.base.hidden, branch.base.parent) == (base_uuid, True, "")
    assert (branch.active.uuid, branch.active.hidden, branch.active.parent) == (volume.uuid, False, branch.base.key)
    assert (branch.new.uuid, branch.new.hidden, branch.new.parent) == (new.uuid, False, branch.base.key)
    assert {branch.active.size, branch.new.size, branch.base.size} == {volume.size}
    assert own_rig.volumes() == by_key(branch.base, branch.active, branch.new)


def test_clones_of_what_nobody_wrote_do_not_lengthen_its_chain(own_rig: Rig) -> None:
    template = own_rig.clone(own_rig.volume()).active

    branches = [own_rig.clone(template) for _ in range(40)]

    assert all(branch.base is None and branch.active == template for branch in branches)
    assert {branch.new.parent for branch in branches} == {template.parent}


def test_what_was_written_since_is_kept_apart_from_an_earlier_snapshot(own_rig: Rig) -> None:
    first = own_rig.snapshot(own_rig.volume())
    written = own_rig.write(first.active)

    second = own_rig.snapshot(written)

    assert second.base
    assert second.base.parent == first.new.parent
    assert second.new.parent == second.base.key != first.new.parent


def test_a_volume_is_snapshotted_while_it_is_written(own_rig: Rig) -> None:
    volume = own_rig.volume()
    own_rig.driver.attach(volume, "guest", True)

    branch = own_rig.snapshot(volume)

    assert branch.base
    assert own_rig.driver.attach(branch.active, "guest", True)
    own_rig.driver.detach(volume, "guest")


def test_an_undone_branch_is_as_if_it_had_never_been(rig: Rig) -> None:
    volume = rig.volume()
    branch = rig.snapshot(volume)

    rig.driver.unbranch(branch, volume)
    rig.driver.unbranch(branch, volume)

    assert rig.driver.scan(rig.sr).volumes == (volume,)


def test_a_branch_is_undone_by_its_uuids_alone(rig: Rig) -> None:
    volume = rig.volume()
    new, base_uuid = rig.new(), fresh()
    rig.driver.clone(volume, new, base_uuid)

    rig.driver.unbranch(unborn(volume, new.uuid, base_uuid), volume)

    assert rig.driver.scan(rig.sr).volumes == (volume,)


def test_a_branch_that_never_was_is_undone_too(rig: Rig) -> None:
    volume = rig.volume()

    rig.driver.unbranch(unborn(volume, fresh(), fresh()), volume)

    assert rig.driver.scan(rig.sr).volumes == (volume,)


def test_undoing_a_branch_leaves_earlier_ones_alone(rig: Rig) -> None:
    first = rig.snapshot(rig.volume())
    before = rig.volumes()

    second = rig.snapshot(first.active)
    rig.driver.unbranch(second, first.active)

    assert rig.volumes() == before


def unborn(volume: Volume, new: str, base: str) -> Branch:
    """A branch as it is known before it is made."""
    return Branch(
        replace(volume, key=""), replace(volume, key="", uuid=new), replace(volume, key="", uuid=base, hidden=True)
    )


def test_the_last_that_continues_an_inner_node_takes_it_along(own_rig: Rig) -> None:
    first = own_rig.snapshot(own_rig.volume())
    second = own_rig.snapshot(own_rig.write(first.active))

    own_rig.driver.destroy(second.active)
    own_rig.driver.destroy(second.new)
    assert own_rig.visible() == {first.new.uuid}
    own_rig.driver.destroy(first.new)

    assert own_rig.present() == set()


def test_an_inner_node_is_neither_written_nor_destroyed_while_others_continue_it(own_rig: Rig) -> None:
    base = own_rig.snapshot(own_rig.volume()).base
    assert base

    with pytest.raises(BackendError):
        own_rig.driver.attach(base, "one", True)
    with pytest.raises(InUse):
        own_rig.driver.destroy(base)


# Size and copies


def test_a_volume_grows(rig_with_tools: Rig) -> None:
    rig = rig_with_tools
    volume = rig.volume(4 * MIB)

    grown = rig.driver.resize(volume, 8 * MIB - rig.step + 1)

    assert grown.size == 8 * MIB
    assert rig.driver.stat(volume).size == 8 * MIB
    assert rig.driver.resize(grown, 8 * MIB).size == 8 * MIB


@pytest.mark.parametrize("size, code", [(2 * MIB, None), (-1, "1200")])
def test_a_volume_does_not_shrink(own_rig: Rig, size: int, code: str | None) -> None:
    volume = own_rig.volume(4 * MIB)

    with pytest.raises(BadConfig) as error:
        own_rig.driver.resize(volume, size)

    assert (error.value.facts["key"], error.value.facts.get("code")) == ("size", code)
    assert own_rig.driver.stat(volume).size == 4 * MIB


def test_a_copy_stands_on_its_own_and_tells_how_far_it_is(rig_with_tools: Rig) -> None:
    rig = rig_with_tools
    told: list[Progress] = []
    rig.driver.watch(told.append)
    volume = rig.snapshot(rig.volume(6 * MIB)).new

    copy = rig.driver.copy(volume, rig.sr, rig.new(), "the copy")

    assert (copy.size, copy.parent) == (6 * MIB, "")
    assert told[-1] == Progress("the copy", 1.0)
    assert copy in rig.driver.scan(rig.sr).volumes


def contents(rig: Rig, volume: Volume) -> bytes:
    """What a guest reads of a volume; of a simulated one nothing is known."""
    disk = rig.driver.attach(volume, "reader", False)
    return whole(disk) if Path(disk.path).exists() else b""


def holding(rig: Rig, *parts: tuple[int, bytes], **of: Any) -> Volume:
    """A volume to which a guest has written, at these places."""
    return rig.written(rig.volume(**of), *parts)


@pytest.mark.parametrize("format", [VolumeFormat.qcow2, VolumeFormat.raw])
def test_a_volume_is_written_over_with_what_another_disk_holds(
    rig_with_tools: Rig, tmp_path: Path, format: VolumeFormat
) -> None:
    rig = rig_with_tools
    told: list[Progress] = []
    rig.driver.watch(told.append)
    target = holding(rig, (0, b"old"), (5 * MIB, b"behind"), size=6 * MIB, format=format)
    disk = image(tmp_path, 4 * MIB, (MIB, b"new"))

    filled = rig.driver.fill(target, disk, None, "the copy")

    assert (filled.key, filled.size) == (target.key, target.size)
    assert told[-1] == Progress("the copy", 1.0)
    if (found := contents(rig, filled)) != b"":
        assert (found[:3], found[MIB : MIB + 3], found[5 * MIB : 5 * MIB + 6]) == (bytes(3), b"new", b"behind")


def test_only_what_differs_from_another_disk_is_written(rig_with_tools: Rig, tmp_path: Path) -> None:
    rig = rig_with_tools
    target = holding(rig, (0, b"as it was"), (2 * MIB, b"goes"))
    base = image(tmp_path, 4 * MIB, (0, b"the same"), (2 * MIB, b"older"))
    disk = image(tmp_path, 4 * MIB, (0, b"the same"), (3 * MIB, b"newer"))

    filled = rig.driver.fill(target, disk, base)

    if (found := contents(rig, filled)) != b"":
        assert found[:9] == b"as it was"
        assert (found[2 * MIB : 2 * MIB + 5], found[3 * MIB : 3 * MIB + 5]) == (bytes(5), b"newer")


@pytest.mark.parametrize("why", ["written", "continued"])
def test_what_others_need_is_not_written_over(own_rig: Rig, tmp_path: Path, why: str) -> None:
    volume = own_rig.volume()
    if why == "written":
        own_rig.driver.attach(volume, "guest", True)
    else:
        base = own_rig.snapshot(volume).base
        assert base
        volume = base

    with pytest.raises(InUse):
        own_rig.driver.fill(volume, Disk(str(tmp_path / "none"), VolumeFormat.raw))


def test_a_volume_goes_back_to_what_it_was_branched_with(rewinding_rig: Rig) -> None:
    rig = rewinding_rig
    branch = rig.clone(holding(rig, (0, b"as it was")))
    rig.written(branch.active, (0, b"forgotten"))

    for _ in range(2):
        rewound = rig.driver.rewind(branch.active)

    assert (rewound.key, rewound.size, rewound.parent) == (branch.active.key, 4 * MIB, branch.active.parent)
    assert rig.driver.scan(rig.sr).damaged == ()
    assert contents(rig, rewound)[:9] in (b"as it was", b"")
    # As one that was never written to: the next branch is laid beside it.
    assert rig.clone(rewound).base is None


def test_a_volume_that_continues_nothing_has_nothing_to_go_back_to(rewinding_rig: Rig) -> None:
    with pytest.raises(NotSupported):
        rewinding_rig.driver.rewind(rewinding_rig.volume())


def test_a_volume_that_is_written_does_not_go_back(rewinding_rig: Rig) -> None:
    rig = rewinding_rig
    active = rig.clone(rig.volume()).active
    rig.driver.attach(active, "guest", True)

    with pytest.raises(InUse):
        rig.driver.rewind(active)


def test_who_may_write_a_volume_is_told_until_it_is_given_back(rig: Rig) -> None:
    written, read = rig.volume(), rig.volume()
    owner = fresh()
    rig.driver.attach(written, owner, True)
    rig.driver.attach(read, fresh(), False)

    held = rig.driver.leases(rig.sr)
    rig.driver.detach(written, owner)

    assert (held, rig.driver.leases(rig.sr)) == ({written.key: owner}, {})

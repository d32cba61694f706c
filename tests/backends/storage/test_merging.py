"""Volumes of a chain become one, and who reads through them sees the same."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, Rig, by_key, fresh, whole, write
from xapid.backends.interface import InUse, NotSupported
from xapid.backends.storage import qcow2
from xapid.backends.storage.interface import Disk, Progress, Volume, VolumeFormat
from xapid.backends.storage.sim import Sim

BLOCK = 64 * 1024


def grown(rig: Rig, lengths: int = 3, format: VolumeFormat | None = None) -> tuple[Volume, list[Volume]]:
    """A disk and its snapshots, the oldest first; each time another block of it was written."""
    disk, snapshots = rig.volume(4 * MIB, format), []
    for number in range(lengths):
        disk = rig.written(disk, (number * BLOCK, bytes([number + 1]) * BLOCK), (3 * MIB, bytes([number + 1]) * BLOCK))
        branch = rig.snapshot(disk)
        disk = branch.active
        snapshots.append(branch.new)
    return rig.written(disk, (lengths * BLOCK, b"\xee" * BLOCK)), snapshots


def contents(rig: Rig, volume: Volume) -> bytes:
    """All that a volume holds; of simulated ones nothing."""
    owner = fresh()
    disk = rig.driver.attach(volume, owner, False)
    try:
        return whole(disk) if Path(disk.path).exists() else b""
    finally:
        rig.driver.detach(volume, owner)


def below(rig: Rig, volume: Volume) -> Volume:
    return rig.volumes()[volume.parent]


def merged(rig: Rig, volume: Volume, owner: str = "") -> None:
    rig.driver.merge(volume, owner)
    assert rig.driver.end_merge(volume, True) is not None


def merged_leaf(rig: Rig, volume: Volume) -> Volume:
    owner = fresh()
    rig.driver.attach(volume, owner, True)
    rig.driver.merge(volume, owner)
    done = rig.driver.end_merge(volume, True)
    assert done is not None
    rig.driver.detach(volume, owner)
    return done.kept


@pytest.mark.parametrize("format", [None, VolumeFormat.raw])
def test_an_inner_node_goes_into_the_one_it_continues(merging_rig: Rig, format: VolumeFormat | None) -> None:
    rig = merging_rig
    disk, (first, second, third) = grown(rig, format=format)
    before = {each.uuid: contents(rig, each) for each in (disk, second, third)}
    rig.driver.destroy(first)
    upper = below(rig, second)
    lower = below(rig, upper)

    rig.driver.merge(upper, "")
    assert {each.uuid: contents(rig, each) for each in (disk, second, third)} == before
    done = rig.driver.end_merge(upper, True)

    assert done is not None
    assert done.gone == upper.uuid
    assert (done.kept.key, done.kept.uuid, done.kept.hidden, done.kept.format) == (
        lower.key, lower.uuid, True, lower.format,
    )  # fmt: skip
    volumes = rig.volumes()
    assert upper.key not in volumes
    assert done.kept == volumes[lower.key]
    assert volumes[second.key].parent == lower.key
    assert {each.uuid: contents(rig, each) for each in (disk, second, third)} == before


@pytest.mark.parametrize("format", [None, VolumeFormat.raw])
def test_a_disk_goes_on_in_the_place_of_what_it_continues(merging_rig: Rig, format: VolumeFormat | None) -> None:
    rig = merging_rig
    disk, (first, second) = grown(rig, 2, format)
    before = {each.uuid: contents(rig, each) for each in (disk, first)}
    rig.driver.destroy(second)
    lower = below(rig, disk)

    kept = merged_leaf(rig, disk)

    assert (kept.uuid, kept.hidden, kept.read_only, kept.name) == (disk.uuid, False, False, "a disk")
    volumes = rig.volumes()
    assert kept == volumes[kept.key]
    assert kept.parent == lower.parent
    assert len(volumes) == 3
    assert rig.driver.leases(rig.sr) == {}
    assert {each.uuid: contents(rig, each) for each in (kept, first)} == before
    # It is a disk as any other: written, snapshotted, destroyed.
    branch = rig.snapshot(rig.written(kept, (0, b"\x77" * BLOCK)))
    for each in (branch.active, branch.new, first):
        rig.driver.destroy(each)
    assert rig.present() == set()


@pytest.mark.parametrize("format", [None, VolumeFormat.raw])
def test_a_whole_chain_becomes_one_image(merging_rig: Rig, format: VolumeFormat | None) -> None:
    rig = merging_rig
    disk, snapshots = grown(rig, 5, format)
    before = contents(rig, disk)
    for snapshot in snapshots:
        rig.driver.destroy(snapshot)

    while (upper := below(rig, disk)).parent:
        merged(rig, upper)
        assert contents(rig, disk) == before
        disk = rig.driver.stat(disk)
    kept = merged_leaf(rig, disk)

    assert rig.volumes() == by_key(kept)
    assert (kept.parent, kept.uuid, kept.format) == ("", disk.uuid, format or VolumeFormat.qcow2)
    assert contents(rig, kept) == before


def test_a_snapshot_that_is_left_alone_goes_on_too(merging_rig: Rig) -> None:
    rig = merging_rig
    disk, (snapshot,) = grown(rig, 1)
    before = contents(rig, snapshot)
    rig.driver.destroy(disk)

    kept = merged_leaf(rig, snapshot)

    assert rig.volumes() == by_key(kept)
    assert (kept.uuid, kept.name, kept.parent) == (snapshot.uuid, snapshot.name, "")
    assert contents(rig, kept) == before


def test_a_larger_volume_makes_the_lower_one_larger(merging_rig: Rig) -> None:
    rig = merging_rig
    disk, (first, second) = grown(rig, 2)
    rig.driver.destroy(first)
    grown_disk = rig.written(rig.driver.resize(disk, 10 * MIB), (8 * MIB, b"\x55" * BLOCK))
    branch = rig.snapshot(grown_disk)
    rig.driver.destroy(second)
    rig.driver.destroy(branch.new)
    before = contents(rig, branch.active)

    merged(rig, below(rig, below(rig, branch.active)))
    merged(rig, below(rig, branch.active))
    kept = merged_leaf(rig, branch.active)

    assert kept.size == 10 * MIB
    assert contents(rig, kept) == before


def test_only_the_only_one_goes_into_what_it_continues(merging_rig: Rig) -> None:
    rig = merging_rig
    disk, (snapshot,) = grown(rig, 1)
    lower = below(rig, disk)

    for volume, error in ((disk, InUse), (snapshot, InUse), (lower, NotSupported)):
        with pytest.raises(error):
            rig.driver.merge(volume, fresh())
        with pytest.raises(error):
            rig.driver.begin_merge(volume, fresh())
    assert len(rig.volumes()) == 3


def test_a_disk_that_somebody_writes_is_not_merged(merging_rig: Rig) -> None:
    rig = merging_rig
    disk, (first, second) = grown(rig, 2)
    rig.driver.destroy(first)
    rig.driver.attach(disk, "a guest", True)

    with pytest.raises(InUse):
        rig.driver.merge(below(rig, disk), "")
    rig.driver.destroy(second)
    with pytest.raises(InUse):
        rig.driver.merge(disk, fresh())
    with pytest.raises(NotSupported):
        rig.driver.begin_merge(disk, "a guest")


@pytest.mark.libvirt
def test_what_a_program_reads_is_not_merged(file_rig: Rig) -> None:
    disk, (first, _) = grown(file_rig, 2)
    file_rig.driver.destroy(first)
    upper, shown = below(file_rig, disk), file_rig.driver.attach(disk, "a reader", False)
    command = ["qemu-io", "-r", "-f", shown.format, shown.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin and reader.stdout
        reader.stdin.write("read 0 512\n")
        reader.stdin.flush()
        reader.stdout.readline()

        with pytest.raises(InUse):
            file_rig.driver.merge(upper, "")

        reader.stdin.close()
    merged(file_rig, upper)


def test_what_was_not_merged_stays(merging_rig: Rig) -> None:
    rig = merging_rig
    disk, (first, second) = grown(rig, 2)
    rig.driver.destroy(first)
    before = rig.volumes()
    upper = below(rig, disk)
    rig.driver.attach(disk, "a guest", False)
    rig.driver.begin_merge(upper, "a guest")

    for done in (False,) if is_simulated(rig) else (True, False, True):
        assert rig.driver.end_merge(upper, done) is None

    # A volume group keeps the room that the lower one was given: a datapath may be at it yet.
    assert roomless(rig.volumes(), upper.parent) == roomless(before, upper.parent)
    rig.driver.detach(disk, "a guest")
    rig.driver.destroy(disk)
    rig.driver.destroy(second)
    assert rig.driver.end_merge(upper, True) is None


def roomless(volumes: dict[str, Volume], key: str) -> dict[str, Volume]:
    """The same, of one without what it takes."""
    return volumes | {key: replace(volumes[key], physical=0)}


def is_simulated(rig: Rig) -> bool:
    return isinstance(rig.driver, Sim)


def test_progress_is_told(merging_rig: Rig) -> None:
    rig = merging_rig
    disk, (first, _) = grown(rig, 2)
    rig.driver.destroy(first)
    told: list[Progress] = []
    rig.driver.watch(told.append)

    rig.driver.merge(below(rig, disk), "", 100 * MIB, "a task")

    assert {each.of for each in told} == {"a task"}
    assert told[-1].fraction == 1.0


# What a datapath does meanwhile


def by_datapath(rig: Rig, upper: Volume, above: Volume) -> Disk:
    """Let another merge a node, as the block layer of a guest does: of headers it changes that of one image above."""
    joint = rig.driver.begin_merge(upper, "a guest")
    subprocess.run(["qemu-img", "commit", "-q", "-d", "-f", "qcow2", joint.image.path], check=True)
    path = str(Path(joint.image.path).with_name(f"{above.key}.qcow2"))
    name = Path(joint.into.path).name
    subprocess.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-b", name, "-F", joint.into.format, path], check=True)
    return joint.into


@pytest.mark.libvirt
@pytest.mark.parametrize("format", [None, VolumeFormat.raw])
@pytest.mark.parametrize("done", [True, False])
def test_what_a_datapath_merged_is_taken_note_of(file_rig: Rig, format: VolumeFormat | None, done: bool) -> None:
    """Whoever says that it was not done: the images say that it was."""
    disk, (first, second, third) = grown(file_rig, format=format)
    before = {each.uuid: contents(file_rig, each) for each in (disk, second, third)}
    file_rig.driver.destroy(first)
    upper = below(file_rig, second)
    above = below(file_rig, disk)
    by_datapath(file_rig, upper, above)
    scan = file_rig.driver.scan(file_rig.sr)
    assert scan.damaged == ()
    assert {each.uuid: contents(file_rig, each) for each in (disk, second, third)} == before
    assert file_rig.driver.stat(disk) == disk

    merged = file_rig.driver.end_merge(upper, done)

    assert merged is not None
    assert merged.gone == upper.uuid
    assert upper.key not in file_rig.present()
    assert file_rig.volumes()[second.key].parent == file_rig.volumes()[above.key].parent == merged.kept.key
    assert {each.uuid: contents(file_rig, each) for each in (disk, second, third)} == before
    assert file_rig.driver.end_merge(upper, done) is None


@pytest.mark.libvirt
@pytest.mark.parametrize("method", ["begin_merge", "merge"])
def test_what_a_datapath_merges_later_is_found_by_the_next_who_wants_that(file_rig: Rig, method: str) -> None:
    """It could not be told to leave off, and the guest is gone since."""
    disk, (first, second) = grown(file_rig, 2)
    before = {each.uuid: contents(file_rig, each) for each in (disk, second)}
    file_rig.driver.destroy(first)
    upper = below(file_rig, disk)
    file_rig.driver.begin_merge(upper, "a guest")
    assert file_rig.driver.end_merge(upper, False) is None
    by_datapath(file_rig, upper, disk)
    assert {each.uuid: contents(file_rig, each) for each in (disk, second)} == before

    getattr(file_rig.driver, method)(upper, "")
    assert {each.uuid: contents(file_rig, each) for each in (disk, second)} == before
    merged = file_rig.driver.end_merge(upper, True)

    assert merged is not None
    assert merged.gone == upper.uuid
    assert {each.uuid: contents(file_rig, each) for each in (disk, second)} == before


@pytest.mark.libvirt
def test_an_image_that_nobody_merges_may_not_be_passed_over(file_rig: Rig) -> None:
    disk, (first, second) = grown(file_rig, 2)
    file_rig.driver.destroy(first)
    upper = below(file_rig, disk)
    path = Path(file_rig.sr.device_config["location"], f"{disk.key}.qcow2")

    qcow2.rename_backing(path, qcow2.Backing(f"{upper.parent}.qcow2", "qcow2"))

    assert file_rig.driver.scan(file_rig.sr).damaged == (disk.key,)
    assert second.key in file_rig.present()


# Headers


@pytest.mark.libvirt
@pytest.mark.parametrize("made_by_qemu", [True, False])
@pytest.mark.parametrize("format", VolumeFormat)
def test_a_header_comes_to_name_another_image(tmp_path: Path, made_by_qemu: bool, format: VolumeFormat) -> None:
    old, new = (tmp_path / f"{fresh()}.{kind}" for kind in (VolumeFormat.qcow2, format))
    qcow2.create(old, 4 * MIB)
    subprocess.run(["qemu-img", "create", "-q", "-f", format, str(new), str(4 * MIB)], check=True)
    write(Disk(str(new), format), (0, b"new" * BLOCK))
    path = tmp_path / "image.qcow2"
    if made_by_qemu:
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", old.name, "-F", "qcow2", str(path)], check=True
        )
    else:
        qcow2.create(path, 4 * MIB, qcow2.Backing(old.name, "qcow2"))
    write(Disk(str(path), VolumeFormat.qcow2), (2 * MIB, b"own" * BLOCK))

    for _ in range(2):
        qcow2.rename_backing(path, qcow2.Backing(new.name, format))

    assert qcow2.backing(path) == qcow2.Backing(new.name, format)
    subprocess.run(["qemu-img", "check", "-q", str(path)], check=True)
    found = whole(Disk(str(path), VolumeFormat.qcow2))
    assert found[: 3 * BLOCK] == b"new" * BLOCK
    assert found[2 * MIB : 2 * MIB + 3 * BLOCK] == b"own" * BLOCK

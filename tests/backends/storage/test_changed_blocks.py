"""What changed between two volumes is what was written between them, whatever becomes of the images meanwhile."""

from __future__ import annotations

import contextlib
import errno
import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage.conftest import EXT, GROUPS, LOOPS, SERVED, made
from tests.backends.storage.rig import MIB, Rig, fresh, repository, write
from tests.backends.storage.test_merging import contents
from xapid.backends.interface import BackendError, Failed, InUse, NotFound, NotSupported
from xapid.backends.storage import blocks
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import TRACKED_BLOCK as BLOCK
from xapid.backends.storage.interface import Disk, Volume, VolumeFormat

pytestmark = pytest.mark.libvirt


@pytest.fixture(params=["file", EXT, *LOOPS, GROUPS, *SERVED])
def tracking_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with made(request.param, tmp_path) as rig:
        yield rig


def tracked(rig: Rig, size: int = 4 * MIB, format: VolumeFormat | None = None) -> Volume:
    volume = rig.volume(size, format)
    rig.driver.track(volume, True)
    return rig.driver.stat(volume)


def put(rig: Rig, volume: Volume, *places: int) -> Volume:
    """These blocks written."""
    return rig.written(volume, *((place * BLOCK, bytes([place % 255 + 1]) * 512) for place in places))


def told(rig: Rig, older: Volume, newer: Volume) -> set[int]:
    bits = rig.driver.changed_blocks(older, newer)
    assert len(bits) == -(-newer.size // BLOCK // 8)
    return {number for number in range(8 * len(bits)) if bits[number // 8] & 0x80 >> number % 8}


def unknown(rig: Rig, older: Volume, newer: Volume) -> str:
    with pytest.raises(Failed) as raised:
        rig.driver.changed_blocks(older, newer)
    return str(raised.value.facts["code"])


@pytest.mark.parametrize("format", list(VolumeFormat))
def test_what_was_written_between_snapshots_is_told(tracking_rig: Rig, format: VolumeFormat) -> None:
    rig = tracking_rig
    disk = put(rig, tracked(rig, format=format), 1, 2)
    first = rig.snapshot(disk)
    second = rig.snapshot(put(rig, first.active, 0, 9))
    third = rig.snapshot(put(rig, second.active, 9, 63))
    disk = put(rig, third.active, 5)

    assert [volume.tracked for volume in (first.new, second.new, third.new, disk)] == [True] * 4
    assert told(rig, first.new, second.new) == {0, 9}
    assert told(rig, second.new, third.new) == {9, 63}
    assert told(rig, first.new, third.new) == {0, 9, 63}
    assert told(rig, first.new, disk) == {0, 5, 9, 63}
    assert told(rig, third.new, third.new) == set()
    assert rig.driver.changed_blocks(second.new, third.new) == bytes([0, 0x40, 0, 0, 0, 0, 0, 1])


def test_nothing_changed_where_nothing_was_written(tracking_rig: Rig) -> None:
    rig = tracking_rig
    first = rig.snapshot(put(rig, tracked(rig), 3))
    second = rig.snapshot(first.active)
    third = rig.snapshot(put(rig, second.active, 4))

    assert told(rig, first.new, second.new) == set()
    assert told(rig, second.new, third.new) == told(rig, first.new, third.new) == {4}


def test_what_a_guest_discards_has_changed(tracking_rig: Rig) -> None:
    rig = tracking_rig
    first = rig.snapshot(put(rig, tracked(rig), 3, 4))
    disk = rig.driver.attach(first.active, first.active.uuid, True)
    words = ["qemu-io", "-d", "unmap", "-f", disk.format, "-c", f"discard {3 * BLOCK} {BLOCK}", disk.path]
    subprocess.run([*words, "-c", f"write -z {8 * BLOCK} {BLOCK}"], check=True, stdout=subprocess.DEVNULL)
    rig.driver.detach(first.active, first.active.uuid)

    assert told(rig, first.new, first.active) == {3, 8}


def test_what_a_disk_grew_by_has_changed(tracking_rig: Rig) -> None:
    rig = tracking_rig
    first = rig.snapshot(tracked(rig))
    disk = rig.driver.resize(put(rig, first.active, 2), 6 * MIB)
    second = rig.snapshot(disk)

    assert told(rig, first.new, second.new) == {2, *range(64, 96)}
    assert told(rig, second.new, second.active) == set()
    assert unknown(rig, second.new, first.new) == "460"


def test_changes_are_not_known_of_what_stands_in_no_line(tracking_rig: Rig) -> None:
    rig = tracking_rig
    disk = rig.volume()
    early = rig.snapshot(put(rig, disk, 1))
    rig.driver.track(early.active, True)
    first = rig.snapshot(put(rig, early.active, 2))
    clone = rig.clone(first.new).new
    other = rig.snapshot(tracked(rig))
    elsewhere = replace(other.new, key=fresh(), uuid=fresh())

    assert not clone.tracked
    for pair in (
        (early.new, first.new),
        (first.new, clone),
        (clone, first.active),
        (other.new, first.new),
        (first.active, first.new),
        (elsewhere, first.new),
    ):
        assert unknown(rig, *pair) == "460"
    rig.driver.track(first.active, False)
    assert unknown(rig, first.new, first.active) == "460"
    rig.driver.track(first.active, True)
    assert unknown(rig, first.new, first.active) == "460"


def test_a_disk_that_is_written_tells_only_later(tracking_rig: Rig) -> None:
    rig = tracking_rig
    first = rig.snapshot(tracked(rig))
    rig.driver.attach(first.active, first.active.uuid, True)

    with pytest.raises(InUse):
        rig.driver.changed_blocks(first.new, first.active)

    rig.driver.detach(first.active, first.active.uuid)
    assert told(rig, first.new, first.active) == set()


def test_data_goes_and_what_changed_stays(tracking_rig: Rig) -> None:
    rig = tracking_rig
    first = rig.snapshot(put(rig, tracked(rig), 1))
    second = rig.snapshot(put(rig, first.active, 2))
    third = rig.snapshot(put(rig, second.active, 3))
    before = contents(rig, third.new)

    for each in (second.new, first.new, third.new, second.new):
        left = rig.driver.drop_data(each)
        assert (left.uuid, left.size, left.physical, left.parent, left.tracked) == (each.uuid, each.size, 0, "", True)
        assert rig.driver.stat(each) == left == rig.volumes()[each.key]
        with pytest.raises(NotFound):
            rig.driver.attach(each, each.uuid, False)

    assert told(rig, first.new, third.new) == {2, 3}
    assert told(rig, second.new, third.active) == {3}
    assert contents(rig, third.active) == before
    rig.driver.destroy(second.new)
    assert told(rig, first.new, third.new) == {2, 3}
    for each in (first.new, third.new, third.active):
        rig.driver.destroy(each)
    assert rig.present() == set()


def test_only_what_is_noted_loses_its_data(tracking_rig: Rig) -> None:
    rig = tracking_rig
    branch = rig.snapshot(rig.volume())

    with pytest.raises(NotSupported):
        rig.driver.drop_data(branch.new)


def test_an_undone_snapshot_left_the_line_as_it_was(tracking_rig: Rig) -> None:
    rig = tracking_rig
    first = rig.snapshot(tracked(rig))
    disk = put(rig, first.active, 7)
    for make in (rig.snapshot, rig.clone):
        rig.driver.unbranch(make(disk), disk)
        assert told(rig, first.new, disk) == {7}
    latest = rig.snapshot(disk)
    beside = rig.snapshot(latest.active)
    assert beside.base is None
    rig.driver.unbranch(beside, latest.active)

    assert told(rig, latest.new, latest.active) == set()
    assert told(rig, first.new, put(rig, latest.active, 8)) == {7, 8}


def test_a_disk_that_is_noted_is_not_merged_itself(tracking_rig: Rig) -> None:
    rig = tracking_rig
    branch = rig.snapshot(tracked(rig))
    rig.driver.destroy(branch.new)

    with pytest.raises(NotSupported):
        rig.driver.merge(branch.active, "")


def test_a_disk_whose_line_is_damaged_can_still_be_destroyed(file_rig: Rig) -> None:
    rig = file_rig
    first = rig.snapshot(tracked(rig))
    second = rig.snapshot(put(rig, first.active, 1))
    rig.driver.drop_data(first.new)
    rig.driver.drop_data(second.new)
    path = Path(rig.driver.attach(second.active, "reader", False).path)
    for log in path.parent.glob("*.blocks"):
        log.write_text("no bitmap")

    with pytest.raises(Failed):
        rig.driver.changed_blocks(first.new, second.active)
    rig.driver.destroy(second.new)
    assert unknown(rig, first.new, second.active) == "460"


def test_a_full_device_keeps_no_snapshot_from_being_destroyed(file_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = file_rig
    first = rig.snapshot(tracked(rig))
    second = rig.snapshot(put(rig, first.active, 1))
    third = rig.snapshot(put(rig, second.active, 2))

    def full(found: bytes) -> str:
        raise OSError(errno.ENOSPC, "no space", "a log")

    monkeypatch.setattr("xapid.backends.storage.blocks.text_of", full)
    rig.driver.destroy(second.new)

    assert second.new.key not in rig.present()
    assert unknown(rig, first.new, third.new) == "460"


def test_logs_that_nobody_names_go(tmp_path: Path) -> None:
    rig = repository(File(), tmp_path / "sr")
    stray = tmp_path / "sr" / "00000000-0000-4000-8000-00000000000a.blocks"
    first = rig.snapshot(tracked(rig))
    second = rig.snapshot(put(rig, first.active, 1))
    rig.driver.drop_data(second.new)
    stray.write_text(blocks.text_of(b"\xff"))

    rig.driver.attach_sr(rig.sr)

    assert not stray.exists()
    assert told(rig, first.new, second.new) == {1}


@pytest.mark.parametrize("options", ["cluster_size=4k", "cluster_size=2M", "extended_l2=on", "compat=0.10"])
def test_images_of_others_are_read(tmp_path: Path, options: str) -> None:
    disk = Disk(str(tmp_path / "image"), VolumeFormat.qcow2)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, disk.path, "1G"], check=True)
    write(disk, (5 * MIB, b"x" * 4096), (700 * MIB, b"y" * 4096))

    bits = blocks.written(tmp_path / "image")

    width = 32 if "2M" in options else 1
    expected = {start + number for start in (5 * MIB // BLOCK // width * width, 700 * 16) for number in range(width)}
    assert {number for number in range(8 * len(bits)) if bits[number // 8] & 0x80 >> number % 8} == expected


def test_damaged_images_are_refused(tmp_path: Path) -> None:
    disk = Disk(str(tmp_path / "image"), VolumeFormat.qcow2)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk.path, "16M"], check=True)
    write(disk, (5 * MIB, b"x"))
    whole = Path(disk.path).read_bytes()
    generator = random.Random(6)
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(3):
            broken[generator.choice([*range(4, 112), *range(3 * BLOCK, 3 * BLOCK + 8)])] = generator.randrange(256)
        Path(disk.path).write_bytes(broken)
        with contextlib.suppress(BackendError):
            assert len(blocks.written(Path(disk.path))) <= blocks.LONGEST


@pytest.mark.parametrize("text", [b"", b"no", b"eJw=", b"\xff"])
def test_what_is_no_log_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        blocks.of_text(text)


@pytest.mark.parametrize("seed", range(6))
def test_random_lines(tmp_path: Path, seed: int) -> None:
    """Whatever is done, what changed is what was written in between."""
    random_line(repository(File(), tmp_path / "sr"), seed)
    assert {path.name for path in (tmp_path / "sr").iterdir()} <= {"sr.json", "children", "tmp", "hosts", "lock"}


@pytest.mark.slow
@pytest.mark.root
def test_a_random_line_in_a_volume_group(tmp_path: Path) -> None:
    with made("lvm-loop", tmp_path) as rig:
        random_line(rig, 7)


def random_line(rig: Rig, seed: int) -> None:
    generator = random.Random(seed)
    disk, line, written = tracked(rig, MIB), [], []
    for _ in range(40):
        match generator.choice(["write", "snapshot", "snapshot", "destroy", "drop", "drop", "merge", "clone"]):
            case "write":
                place = generator.randrange(16)
                disk = put(rig, disk, place)
                if written:
                    written[-1].add(place)
            case "snapshot" if len(line) < 12:
                branch = rig.snapshot(disk)
                disk = branch.active
                line.append(branch.new)
                written.append(set())
            case "clone" if line:
                clone = rig.clone(disk)
                disk = clone.active
                rig.driver.destroy(clone.new)
            case "destroy" if line:
                gone = generator.randrange(len(line))
                rig.driver.destroy(line.pop(gone))
                later = written.pop(gone)
                if gone:
                    written[gone - 1] |= later
            case "drop" if line:
                rig.driver.drop_data(generator.choice(line))
            case "merge":
                _merge_any(rig)
        ends = [*line, disk]
        for start in range(len(line)):
            for end in range(start, len(ends)):
                assert told(rig, ends[start], ends[end]) == set().union(*written[start:end])
    for each in [*line, disk]:
        rig.driver.destroy(each)
    assert rig.present() == set()


def _merge_any(rig: Rig) -> None:
    for each in rig.driver.scan(rig.sr).volumes:
        if each.hidden and each.parent:
            try:
                rig.driver.merge(each, "")
            except (InUse, NotSupported):
                continue
            assert rig.driver.end_merge(each, True) is not None
            return

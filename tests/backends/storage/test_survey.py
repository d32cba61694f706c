"""What a scan reads, what it does not read again, and how it bears what is damaged."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, Rig, fresh
from xapid.backends.interface import Failed
from xapid.backends.storage import qcow2
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Volume, VolumeFormat

LONG_AGO = time.time() - 3600


def directory(rig: Rig) -> Path:
    return Path(rig.sr.device_config["location"])


def image(rig: Rig, volume: Volume) -> Path:
    return directory(rig) / f"{volume.key}.{volume.format}"


def settled(rig: Rig) -> None:
    """Let all files be old, so that they are remembered."""
    for path in directory(rig).iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))


def resized(path: Path, size: int) -> None:
    """What a guest's block layer does to the header: the file stays as long as it was."""
    with path.open("r+b") as file:
        file.seek(24)
        file.write(struct.pack(">Q", size))


def sizes(rig: Rig) -> list[int]:
    return [volume.size for volume in rig.driver.scan(rig.sr).volumes]


# What is read again


def test_a_file_that_looks_as_before_is_not_read_again(file_rig: Rig) -> None:
    volume = file_rig.volume(4 * MIB)
    settled(file_rig)
    first = sizes(file_rig)
    resized(image(file_rig, volume), 8 * MIB)
    os.utime(image(file_rig, volume), (LONG_AGO, LONG_AGO))

    assert (first, sizes(file_rig)) == ([4 * MIB], [4 * MIB])
    assert Rig(File(), file_rig.sr).volumes()[volume.key].size == 8 * MIB


def test_a_file_that_was_written_is_read_again(file_rig: Rig) -> None:
    volume = file_rig.volume(4 * MIB)
    settled(file_rig)
    first = sizes(file_rig)

    resized(image(file_rig, volume), 8 * MIB)

    assert (first, sizes(file_rig)) == ([4 * MIB], [8 * MIB])


def test_a_young_file_is_always_read_again(file_rig: Rig) -> None:
    volume = file_rig.volume(4 * MIB)
    soon = time.time() + 3600
    os.utime(image(file_rig, volume), (soon, soon))
    first = sizes(file_rig)
    resized(image(file_rig, volume), 8 * MIB)
    os.utime(image(file_rig, volume), (soon, soon))

    assert (first, sizes(file_rig)) == ([4 * MIB], [8 * MIB])


def test_what_came_and_what_went_is_seen(file_rig: Rig) -> None:
    kept, gone = file_rig.volume(), file_rig.volume()
    settled(file_rig)
    before = file_rig.present()
    file_rig.driver.destroy(gone)
    new = file_rig.volume()

    assert (before, file_rig.present()) == ({kept.key, gone.key}, {kept.key, new.key})


def test_a_volume_that_became_an_inner_node_is_seen_as_one(file_rig: Rig) -> None:
    volume = file_rig.volume()
    settled(file_rig)
    before = file_rig.visible()

    branch = file_rig.snapshot(volume)

    assert branch.base
    assert (before, file_rig.visible()) == ({volume.uuid}, {volume.uuid, branch.new.uuid})
    assert file_rig.volumes()[branch.base.key].hidden


def test_one_place_under_two_configurations_is_told_apart(file_rig: Rig) -> None:
    file_rig.volume()
    settled(file_rig)
    file_rig.driver.scan(file_rig.sr)
    other = Rig(file_rig.driver, file_rig.sr.__class__(file_rig.sr.uuid, "file", file_rig.sr.device_config, {"k": "v"}))

    assert [volume.sr for volume in other.driver.scan(other.sr).volumes] == [other.sr]


# What cannot be read


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage")


def missing(path: Path) -> None:
    path.unlink()


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


DAMAGES = [("qcow2", garbage), ("qcow2", missing), ("qcow2", fifo), ("json", garbage), ("json", fifo), ("json", link)]


@pytest.mark.parametrize("ending, damage", DAMAGES)
def test_a_damaged_volume_is_named_and_hides_no_other(file_rig: Rig, ending: str, damage: object) -> None:
    assert callable(damage)
    hurt, whole = file_rig.volume(), file_rig.volume()
    damage(directory(file_rig) / f"{hurt.key}.{ending}")

    scan = file_rig.driver.scan(file_rig.sr)

    assert [volume.key for volume in scan.volumes] == [whole.key]
    assert scan.damaged == (hurt.key,)


def test_a_volume_that_was_mended_is_there_again(file_rig: Rig) -> None:
    volume = file_rig.volume()
    path = image(file_rig, volume)
    content = path.read_bytes()
    garbage(path)
    hurt = file_rig.driver.scan(file_rig.sr)

    path.write_bytes(content)

    scan = file_rig.driver.scan(file_rig.sr)
    assert (hurt.damaged, scan.damaged) == ((volume.key,), ())
    assert [each.key for each in scan.volumes] == [volume.key]


@pytest.mark.parametrize("ending", ["qcow2", "json"])
def test_a_repository_with_a_damaged_volume_is_not_destroyed(file_rig: Rig, ending: str) -> None:
    volume = file_rig.volume()
    garbage(directory(file_rig) / f"{volume.key}.{ending}")

    with pytest.raises(Failed) as error:
        file_rig.driver.destroy_sr(file_rig.sr)

    assert error.value.facts["code"] == "39"
    assert image(file_rig, volume).exists()


def test_an_image_that_is_cut_short_is_damaged(file_rig: Rig) -> None:
    volume = file_rig.volume()
    os.truncate(image(file_rig, volume), qcow2.HEADER.size // 4)

    assert file_rig.driver.scan(file_rig.sr).damaged == (volume.key,)


def test_what_belongs_to_no_volume_is_no_damage(file_rig: Rig) -> None:
    (directory(file_rig) / f"{fresh()}.qcow2").write_bytes(b"an image without a record")
    (directory(file_rig) / "README.json").write_text("mine")
    raw = file_rig.volume(format=VolumeFormat.raw)

    scan = file_rig.driver.scan(file_rig.sr)

    assert ([volume.key for volume in scan.volumes], scan.damaged) == ([raw.key], ())

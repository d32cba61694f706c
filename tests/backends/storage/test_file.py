"""What the driver of directories promises besides: hostile directories, contents, long chains, old and new formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, Rig, fresh, repository
from xapid.backends.interface import AlreadyExists, BackendError, BadConfig, Failed, InUse, NotFound, NotSupported
from xapid.backends.process import run
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Sr, VolumeFormat
from xapid.backends.storage.volume_trees import DEEPEST


def directory(rig: Rig) -> Path:
    return Path(rig.sr.device_config["location"])


# Where repositories lie


def test_a_repository_without_a_place_lies_below_the_root(tmp_path: Path) -> None:
    driver = File(tmp_path / "root")
    sr = Sr(fresh(), "file")

    driver.create_sr(sr, 0)
    driver.attach_sr(sr)

    assert (tmp_path / "root" / sr.uuid / "sr.json").exists()


@pytest.mark.parametrize("location", ["/a/../etc", "/a\n/b", "/a\0b", "-rf", "~/disks"])
def test_a_place_that_could_mean_another_is_refused(location: str) -> None:
    with pytest.raises(BadConfig):
        File().create_sr(Sr(fresh(), "file", {"location": location}), 0)


def test_a_directory_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()

    with pytest.raises(AlreadyExists) as error:
        repository(File(), tmp_path)

    assert error.value.facts["code"] == "42"
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_directory_that_was_there_before_stays_when_its_repository_goes(tmp_path: Path) -> None:
    rig = repository(File(), tmp_path)

    rig.driver.destroy_sr(rig.sr)

    assert list(tmp_path.iterdir()) == []


def test_the_repository_of_another_is_not_attached(file_rig: Rig) -> None:
    with pytest.raises(NotFound) as error:
        file_rig.driver.attach_sr(replace(file_rig.sr, uuid=fresh()))

    assert error.value.facts["code"] == "47"


def test_a_repository_of_a_later_version_is_refused(file_rig: Rig) -> None:
    (directory(file_rig) / "sr.json").write_text(f'{{"format": 2, "uuid": "{file_rig.sr.uuid}"}}')

    with pytest.raises(NotSupported, match="later version"):
        file_rig.driver.attach_sr(file_rig.sr)


def test_a_file_in_place_of_a_directory_gives_its_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Failed) as error:
        repository(File(), tmp_path / "file")

    assert error.value.facts["code"] == "61"


# Hostile directories


def test_a_link_in_place_of_an_image_is_never_followed(file_rig: Rig, tmp_path: Path) -> None:
    volume = file_rig.volume(format=VolumeFormat.raw)
    (tmp_path / "secret").write_text("secret")
    image = directory(file_rig) / f"{volume.key}.raw"
    image.unlink()
    image.symlink_to(tmp_path / "secret")

    with pytest.raises(Failed, match="not a plain file"):
        file_rig.driver.attach(volume, fresh(), True)


def test_a_link_in_place_of_a_record_is_never_followed(file_rig: Rig, tmp_path: Path) -> None:
    volume, other = file_rig.volume(), file_rig.volume()
    record = directory(file_rig) / f"{volume.key}.json"
    record.rename(tmp_path / "elsewhere")
    record.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BackendError):
        file_rig.driver.attach(volume, fresh(), True)
    assert file_rig.present() == {other.key}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"uuid": 5}', "\0"])
def test_one_record_that_cannot_be_read_hides_no_other(file_rig: Rig, text: str) -> None:
    volume, other = file_rig.volume(), file_rig.volume()
    (directory(file_rig) / f"{volume.key}.json").write_text(text)

    assert file_rig.present() == {other.key}


def test_one_image_that_cannot_be_read_hides_no_other(file_rig: Rig) -> None:
    volume, other = file_rig.volume(), file_rig.volume()
    (directory(file_rig) / f"{volume.key}.qcow2").write_bytes(b"garbage")

    assert file_rig.present() == {other.key}


def test_what_is_not_ours_is_left_alone(file_rig: Rig) -> None:
    (directory(file_rig) / "README.json").write_text("mine")
    (directory(file_rig) / f"{fresh()}.qcow2").write_bytes(b"an image without a record")

    file_rig.driver.attach_sr(file_rig.sr)

    assert file_rig.present() == set()
    assert (directory(file_rig) / "README.json").exists()


# Volumes


def test_leases_outlive_the_agent(file_rig: Rig) -> None:
    volume = file_rig.volume()
    file_rig.driver.attach(volume, "one", True)
    later = File()

    with pytest.raises(InUse):
        later.attach(volume, "two", True)
    assert later.attach(volume, "one", True)


def test_a_volume_takes_next_to_nothing_until_it_is_written(file_rig: Rig) -> None:
    assert file_rig.volume(64 * 1024 * MIB).physical <= 64 * 1024


def test_a_uuid_whose_name_an_inner_node_has_gets_another_key(file_rig: Rig) -> None:
    volume = file_rig.volume()
    branch = file_rig.snapshot(volume)
    file_rig.driver.destroy(branch.active)

    again = file_rig.driver.create(file_rig.sr, replace(file_rig.new(), uuid=volume.uuid))

    assert again.uuid == volume.uuid
    assert again.key != volume.uuid


def test_a_chain_has_an_end(file_rig: Rig) -> None:
    volume = file_rig.volume()
    for _ in range(DEEPEST - 1):
        volume = file_rig.write(file_rig.snapshot(volume).active)

    with pytest.raises(Failed) as error:
        file_rig.snapshot(volume)

    assert error.value.facts["code"] == "109"


def test_a_branch_that_a_guest_went_on_in_is_not_undone(file_rig: Rig) -> None:
    volume = file_rig.volume()
    branch = file_rig.snapshot(volume)
    file_rig.write(branch.active)

    with pytest.raises(InUse):
        file_rig.driver.unbranch(branch, volume)

    assert branch.active.key in file_rig.present()


def test_a_volume_of_another_type_is_not_copied(file_rig: Rig) -> None:
    volume = replace(file_rig.volume(), sr=Sr(fresh(), "iso"))

    with pytest.raises(NotSupported):
        file_rig.driver.copy(volume, file_rig.sr, file_rig.new())


# Contents


def qemu_io(image: str, format: str, command: str) -> str:
    return run(["qemu-io", "-f", format, "-c", command, "--", image])


@pytest.mark.libvirt
@pytest.mark.parametrize("format", VolumeFormat)
def test_a_snapshot_keeps_what_was_and_the_volume_goes_on(file_rig: Rig, format: VolumeFormat) -> None:
    volume = file_rig.volume(format=format)
    before = file_rig.driver.attach(volume, "guest", True)
    qemu_io(before.path, before.format, "write -P 0x61 0 64k")
    branch = file_rig.snapshot(volume)
    after = file_rig.driver.attach(branch.active, "guest", True)

    qemu_io(after.path, after.format, "write -P 0x62 0 64k")

    kept = file_rig.driver.attach(branch.new, "reader", False)
    assert "verification failed" not in qemu_io(kept.path, kept.format, "read -P 0x61 0 64k")
    assert "verification failed" not in qemu_io(after.path, after.format, "read -P 0x62 0 64k")


@pytest.mark.libvirt
def test_a_copy_has_the_bytes_but_not_the_holes(file_rig: Rig) -> None:
    volume = file_rig.volume(1024 * MIB)
    disk = file_rig.driver.attach(volume, "guest", True)
    qemu_io(disk.path, disk.format, "write -P 0x61 512M 64k")
    file_rig.driver.detach(volume, "guest")

    copy = file_rig.driver.copy(volume, file_rig.sr, file_rig.new())

    copied = file_rig.driver.attach(copy, "reader", False)
    assert "verification failed" not in qemu_io(copied.path, copied.format, "read -P 0x61 512M 64k")
    assert copy.physical < MIB


@pytest.mark.libvirt
def test_a_copy_that_fails_leaves_nothing(file_rig: Rig) -> None:
    volume = file_rig.volume()
    image = directory(file_rig) / f"{volume.key}.qcow2"
    with image.open("r+b") as file:
        file.seek(40)
        file.write(b"\xff" * 8)  # Where the first table lies.

    with pytest.raises(Failed, match="qemu-img"):
        file_rig.driver.copy(volume, file_rig.sr, file_rig.new())

    assert file_rig.present() == {volume.key}
    assert [path.name for path in (directory(file_rig) / "tmp").iterdir()] == ["lock"]

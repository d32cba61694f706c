"""Repositories on a block device with a file system of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.storage.loop_device import loop_device
from tests.backends.storage.loop_groups import LoopGroups
from tests.backends.storage.rig import MIB, Rig, fresh
from xapid.backends.interface import AlreadyExists, BackendError, Failed, InUse, NoSpace, NotFound
from xapid.backends.storage import block_devices
from xapid.backends.storage.ext import KIND, LABEL, Ext
from xapid.backends.storage.interface import NewVolume, Sr, SrFound, VolumeFormat
from xapid.backends.storage.mounts import Mounts, at, mounts

pytestmark = pytest.mark.root


def device(rig: Rig) -> Path:
    return Path(rig.sr.device_config["device"])


def folder(rig: Rig) -> Path:
    """Where it is mounted."""
    assert isinstance(rig.driver, Ext)
    return rig.driver.mounts.folder(rig.sr.uuid)


def test_the_file_system_bears_the_uuid_of_the_repository_and_is_mounted_without_programs_of_root(ext_rig: Rig) -> None:
    signature = block_devices.signature(device(ext_rig))
    (line,) = [each for each in Path("/proc/mounts").read_text().splitlines() if str(folder(ext_rig)) in each]

    assert (signature["TYPE"], signature["LABEL"], signature["UUID"]) == (KIND, LABEL, ext_rig.sr.uuid)
    assert {"nosuid", "nodev", "noatime"} <= set(line.split()[3].split(","))


def test_detached_it_is_not_mounted_and_nothing_is_written_in_its_place(ext_rig: Rig) -> None:
    volume = ext_rig.volume()

    ext_rig.driver.detach_sr(ext_rig.sr)
    ext_rig.driver.detach_sr(ext_rig.sr)

    for call in (ext_rig.volume, lambda: ext_rig.driver.scan(ext_rig.sr), lambda: ext_rig.driver.stat(volume)):
        with pytest.raises(NotFound):
            call()
    assert not folder(ext_rig).exists()


def test_another_driver_takes_over_what_is_mounted(ext_rig: Rig) -> None:
    volume = ext_rig.volume()
    next_one = Ext(mounts=Mounts(folder(ext_rig).parent))

    next_one.attach_sr(ext_rig.sr)

    assert next_one.scan(ext_rig.sr).volumes == (volume,)
    assert len([each for each in mounts() if each.target == str(folder(ext_rig))]) == 1
    del next_one  # It would have something open there.
    ext_rig.driver.detach_sr(ext_rig.sr)


def test_while_a_file_is_open_it_stays_attached(ext_rig: Rig) -> None:
    volume = ext_rig.volume()
    disk = ext_rig.driver.attach(volume, "guest", True)

    with open(disk.path, "rb"), pytest.raises(InUse) as error:  # noqa: PTH123 - as others do
        ext_rig.driver.detach_sr(ext_rig.sr)

    assert error.value.facts["code"] == "16"
    assert ext_rig.driver.stat(volume) == volume


@pytest.mark.parametrize("name", ["/dev/null", "/etc/hostname", "/dev/nowhere", "/dev"])
def test_what_is_no_block_device_is_refused(ext_rig: Rig, name: str) -> None:
    with pytest.raises(NotFound) as error:
        ext_rig.driver.create_sr(Sr(fresh(), "ext", {"device": name}), 0)

    assert error.value.facts["code"] == "91"


def test_a_device_that_is_named_twice_is_one(tmp_path: Path) -> None:
    driver = Ext(mounts=Mounts(tmp_path / "mounts"))
    with loop_device(tmp_path / "disk", 64 * MIB) as disk:
        sr = Sr(fresh(), "ext", {"device": f"{disk},{disk}"})

        driver.create_sr(sr, 0)

        assert block_devices.signature(disk)["UUID"] == sr.uuid


# Several devices


def joined(folder: Path) -> tuple[Ext, LoopGroups]:
    """A driver, and what it has for LVM."""
    groups = LoopGroups(folder, 256 * MIB)
    return Ext(mounts=Mounts(folder / "mounts"), commands=lambda devices: groups), groups


@pytest.fixture
def two(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A configuration with two devices."""
    with loop_device(tmp_path / "one", 128 * MIB) as one, loop_device(tmp_path / "other", 128 * MIB) as other:
        yield {"device": f"{one}, {other}"}


def test_a_file_system_lies_on_all_the_devices_and_is_open_only_while_it_is_attached(
    tmp_path: Path, two: dict[str, str]
) -> None:
    driver, groups = joined(tmp_path)
    sr = Sr(fresh(), "ext", two)
    driver.create_sr(sr, 0)
    made = groups.active(f"XSLocalEXT-{sr.uuid}")

    driver.attach_sr(sr)

    assert (made, groups.active(f"XSLocalEXT-{sr.uuid}")) == (set(), {sr.uuid})
    assert driver.figures(sr).physical_size > 192 * MIB
    assert driver.probe(two) == [SrFound(two, sr.uuid)]
    driver.detach_sr(sr)
    assert groups.active(f"XSLocalEXT-{sr.uuid}") == set()
    driver.destroy_sr(sr)
    assert (groups.groups(), driver.probe(two)) == ([], [])


def test_what_was_begun_on_several_devices_is_made_to_its_end(tmp_path: Path, two: dict[str, str]) -> None:
    driver, groups = joined(tmp_path)
    sr = Sr(fresh(), "ext", two)
    # Whoever made it died when there was nothing but the group.
    groups.create_group(f"XSLocalEXT-{sr.uuid}")

    with pytest.raises(NotFound) as error:
        driver.attach_sr(sr)
    driver.create_sr(sr, 0)

    assert error.value.facts["code"] == "47"
    driver.attach_sr(sr)
    assert driver.scan(sr).volumes == ()
    driver.detach_sr(sr)


def test_devices_of_another_group_are_left_alone(tmp_path: Path, two: dict[str, str]) -> None:
    driver, groups = joined(tmp_path)
    groups.create_group("theirs")

    with pytest.raises(InUse) as error:
        driver.create_sr(Sr(fresh(), "ext", two), 0)

    assert error.value.facts["code"] == "16"
    assert groups.groups() == ["theirs"]


def test_a_device_that_is_a_repository_itself_is_not_joined_to_another(tmp_path: Path, two: dict[str, str]) -> None:
    driver, groups = joined(tmp_path)
    first, _, _ = two["device"].partition(",")
    alone = Sr(fresh(), "ext", {"device": first})
    driver.create_sr(alone, 0)

    with pytest.raises(AlreadyExists) as error:
        driver.create_sr(Sr(fresh(), "ext", two), 0)

    assert error.value.facts["code"] == "42"
    assert (groups.groups(), driver.probe({"device": first})) == ([], [SrFound({"device": first}, alone.uuid)])


def test_while_a_file_is_open_several_devices_stay_joined(tmp_path: Path, two: dict[str, str]) -> None:
    driver, groups = joined(tmp_path)
    sr = Sr(fresh(), "ext", two)
    driver.create_sr(sr, 0)
    driver.attach_sr(sr)
    disk = driver.attach(driver.create(sr, NewVolume(fresh(), MIB)), "guest", True)

    with open(disk.path, "rb"), pytest.raises(InUse):  # noqa: PTH123 - as others do
        driver.detach_sr(sr)

    assert groups.active(f"XSLocalEXT-{sr.uuid}") == {sr.uuid}
    driver.detach_sr(sr)


# One device


def test_a_device_that_somebody_uses_is_left_alone(ext_rig: Rig, tmp_path: Path) -> None:
    with loop_device(tmp_path / "theirs", 64 * MIB) as theirs:
        subprocess.run(["mkfs.ext4", "-q", "-L", "theirs", str(theirs)], check=True)
        place = tmp_path / "place"
        place.mkdir()
        subprocess.run(["mount", str(theirs), str(place)], check=True)
        try:
            with pytest.raises(InUse) as error:
                ext_rig.driver.create_sr(Sr(fresh(), "ext", {"device": str(theirs)}), 0)
        finally:
            subprocess.run(["umount", str(place)], check=True)

        assert error.value.facts["code"] == "16"
        assert block_devices.signature(theirs)["LABEL"] == "theirs"


def test_the_disk_of_the_host_itself_is_refused(ext_rig: Rig) -> None:
    root = at(Path("/"))
    assert root is not None
    if not Path("/sys/dev/block", root.number).exists():
        pytest.skip("the root of this host lies on no block device")
    name = Path("/sys/dev/block", root.number).resolve().name

    with pytest.raises(InUse) as error:
        ext_rig.driver.create_sr(Sr(fresh(), "ext", {"device": f"/dev/{name}"}), 0)

    assert error.value.facts["code"] == "105"


def test_what_else_was_on_a_device_is_overwritten(tmp_path: Path) -> None:
    driver = Ext(mounts=Mounts(tmp_path / "mounts"))
    with loop_device(tmp_path / "disk", 64 * MIB) as disk:
        subprocess.run(["mkfs.ext4", "-q", "-L", "old", str(disk)], check=True)
        sr = Sr(fresh(), "ext", {"device": str(disk)})

        driver.create_sr(sr, 0)

        assert driver.probe(sr.device_config) == [SrFound({"device": str(disk)}, sr.uuid)]
        assert driver.mounts.at(sr.uuid) is None


def test_on_a_device_that_is_too_small_none_is_made(tmp_path: Path) -> None:
    driver = Ext(mounts=Mounts(tmp_path / "mounts"))
    with loop_device(tmp_path / "disk", 8192) as disk:
        sr = Sr(fresh(), "ext", {"device": str(disk)})
        with pytest.raises(Failed) as error:
            driver.create_sr(sr, 0)

        assert error.value.facts["code"] == "57"
        assert not driver.mounts.folder(sr.uuid).exists()


def test_one_that_is_full_says_so_and_goes_on_when_there_is_space(ext_rig: Rig) -> None:
    filling = folder(ext_rig) / "filling"
    with filling.open("wb") as file:
        # Some blocks are the kernel's, which are counted as free.
        os.posix_fallocate(file.fileno(), 0, os.statvfs(filling).f_bavail * os.statvfs(filling).f_frsize - 64 * 1024)

    with pytest.raises(NoSpace):
        for _ in range(100):
            ext_rig.driver.create(ext_rig.sr, NewVolume(fresh(), MIB, format=VolumeFormat.qcow2))
    filling.unlink()
    # Where space ran out in the middle of a change, the next caller completes it.
    ext_rig.driver.attach_sr(ext_rig.sr)
    present = ext_rig.present()

    volume = ext_rig.volume()
    assert ext_rig.present() == present | {volume.key}


UNCLEAN = "set_super_value state 0"
NO_ROOT = "clri <2>"


@pytest.mark.parametrize("damage, code", [([UNCLEAN, NO_ROOT], "47"), ([NO_ROOT], "52")])
def test_a_damaged_one_is_not_attached_and_nobody_mends_it_unasked(ext_rig: Rig, damage: list[str], code: str) -> None:
    ext_rig.driver.detach_sr(ext_rig.sr)
    for request in damage:
        edit(ext_rig, request)

    with pytest.raises(BackendError) as error:
        ext_rig.driver.attach_sr(ext_rig.sr)

    assert error.value.facts["code"] == code
    assert not folder(ext_rig).exists()


def test_what_a_power_cut_left_is_mended(ext_rig: Rig) -> None:
    volume = ext_rig.volume()
    ext_rig.driver.detach_sr(ext_rig.sr)
    edit(ext_rig, UNCLEAN)

    ext_rig.driver.attach_sr(ext_rig.sr)

    assert ext_rig.driver.scan(ext_rig.sr).volumes == (volume,)


def edit(rig: Rig, request: str) -> None:
    """Damage its file system."""
    subprocess.run(["debugfs", "-w", "-R", request, str(device(rig))], check=True, capture_output=True)


def test_an_unfinished_one_is_made_to_its_end_by_the_next_try(tmp_path: Path) -> None:
    driver = Ext(mounts=Mounts(tmp_path / "mounts"))
    with loop_device(tmp_path / "disk", 64 * MIB) as disk:
        sr = Sr(fresh(), "ext", {"device": str(disk)})
        # Whoever made it died when there was nothing but the file system.
        driver.make(sr)

        driver.create_sr(sr, 0)
        driver.attach_sr(sr)

        assert driver.scan(sr).volumes == ()
        driver.detach_sr(sr)

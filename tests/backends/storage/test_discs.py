"""Repositories that only show what is there: images in a directory, drives of the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.storage.rig import fresh
from xapid.backends.interface import BadConfig, NotFound, NotSupported
from xapid.backends.storage.discs import Discs
from xapid.backends.storage.interface import Branch, NewVolume, Sr, Volume, VolumeFormat
from xapid.backends.storage.iso import Iso
from xapid.backends.storage.udev import SECTOR, Udev


def library(directory: Path, **sizes: int) -> Sr:
    """A directory of images of these sizes; ``a_iso`` is the file a.iso."""
    for name, size in sizes.items():
        (directory / name.replace("_", ".")).write_bytes(bytes(size))
    return Sr(fresh(), "iso", {"location": str(directory)})


def host(directory: Path, kind: str) -> tuple[Udev, Sr]:
    """A host with a CD drive, a stick, and a disk that stays."""
    for name, removable, sectors in (("sr0", 1, 8), ("sdb", 1, 16), ("sda", 0, 32)):
        (directory / name).mkdir()
        (directory / name / "removable").write_text(f"{removable}\n")
        (directory / name / "size").write_text(f"{sectors}\n")
    return Udev(block=directory), Sr(fresh(), "udev", {"location": "/dev/xapi"}, {"type": kind})


@pytest.fixture(params=["iso", "udev"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Discs, Sr]:
    """A repository of each kind with one disc in it."""
    return (Iso(), library(tmp_path, a_iso=2048)) if request.param == "iso" else host(tmp_path, "cd")


# What both promise


def test_a_disc_is_the_same_at_every_scan_and_in_every_life(shelf: tuple[Discs, Sr]) -> None:
    driver, sr = shelf

    (first,) = driver.scan(sr).volumes
    (again,) = driver.scan(sr).volumes

    assert first == again == driver.stat(first)
    assert (first.read_only, first.format, first.hidden) == (True, VolumeFormat.raw, False)


def test_discs_of_two_repositories_are_told_apart(tmp_path: Path) -> None:
    one, other = library(tmp_path, a_iso=1), library(tmp_path)

    assert Iso().scan(one).volumes[0].uuid != Iso().scan(other).volumes[0].uuid


def test_a_disc_is_read_by_many_and_written_by_none(shelf: tuple[Discs, Sr]) -> None:
    driver, sr = shelf
    (disc,) = driver.scan(sr).volumes

    opened = [driver.attach(disc, owner, False) for owner in ("one", "two")]
    driver.detach(disc, "one")

    assert opened[0] == opened[1]
    assert opened[0].read_only
    with pytest.raises(NotSupported):
        driver.attach(disc, "three", True)


@pytest.mark.parametrize("call", ["create", "snapshot", "clone", "copy", "resize", "destroy"])
def test_discs_are_not_made_or_changed(shelf: tuple[Discs, Sr], call: str) -> None:
    driver, sr = shelf
    (disc,) = driver.scan(sr).volumes
    new = NewVolume(fresh(), 4096)
    arguments = {
        "create": (sr, new), "snapshot": (disc, new, fresh()), "clone": (disc, new, fresh()),
        "copy": (disc, sr, new), "resize": (disc, 8192), "destroy": (disc,),
    }  # fmt: skip

    with pytest.raises(NotSupported):
        getattr(driver, call)(*arguments[call])

    assert driver.scan(sr).volumes == (disc,)


def test_what_was_never_made_is_undone_again_and_again(shelf: tuple[Discs, Sr]) -> None:
    driver, sr = shelf
    before = driver.scan(sr)
    unborn = Volume(sr, "", fresh(), 4096, VolumeFormat.raw)

    for _ in range(2):
        driver.destroy(unborn)
        driver.unbranch(Branch(before.volumes[0], unborn), before.volumes[0])
        driver.detach(unborn, "nobody")

    assert driver.scan(sr) == before


def test_a_repository_that_was_given_up_keeps_its_discs(shelf: tuple[Discs, Sr]) -> None:
    driver, sr = shelf
    before = driver.scan(sr)

    driver.attach_sr(sr)
    driver.detach_sr(sr)
    driver.destroy_sr(sr)
    driver.destroy_sr(sr)

    assert driver.scan(sr) == before


def test_a_disc_that_was_taken_out_is_not_found(tmp_path: Path) -> None:
    sr = library(tmp_path, a_iso=2048)
    (disc,) = Iso().scan(sr).volumes
    (tmp_path / "a.iso").unlink()

    with pytest.raises(NotFound):
        Iso().attach(disc, "one", False)
    with pytest.raises(NotFound):
        Iso().stat(disc)


# Images


def test_images_are_known_by_their_endings(tmp_path: Path) -> None:
    sr = library(tmp_path, a_iso=2048, b_ISO=4096, c_img=512, d_txt=1, iso=1)
    (tmp_path / "link.iso").symlink_to(tmp_path / "a.iso")
    (tmp_path / "folder.iso").mkdir()

    scan = Iso().scan(sr)

    assert {volume.key: volume.size for volume in scan.volumes} == {"a.iso": 2048, "b.ISO": 4096, "c.img": 512}
    assert scan.figures.virtual_allocation == 2048 + 4096 + 512


def test_an_image_that_is_named_by_a_uuid_has_that_uuid(tmp_path: Path) -> None:
    uuid = fresh()
    (tmp_path / f"{uuid}.iso").touch()

    (disc,) = Iso().scan(library(tmp_path)).volumes

    assert disc.uuid == uuid


def test_a_library_that_is_not_there_is_empty(tmp_path: Path) -> None:
    sr = Sr(fresh(), "iso", {"location": str(tmp_path / "nowhere")})

    assert Iso().scan(sr).volumes == ()


@pytest.mark.parametrize("config", [{}, {"location": "isos"}, {"location": "nas:isos"}])
def test_a_library_has_a_place_on_this_host(config: dict[str, str]) -> None:
    with pytest.raises(BadConfig) as error:
        Iso().create_sr(Sr(fresh(), "iso", config), 0)

    assert error.value.facts["key"] == "location"


# Drives


@pytest.mark.parametrize("kind, device, sectors", [("cd", "sr0", 8), ("block", "sdb", 16)])
def test_drives_and_sticks_are_told_apart_and_disks_that_stay_left_out(
    tmp_path: Path, kind: str, device: str, sectors: int
) -> None:
    driver, sr = host(tmp_path, kind)

    (found,) = driver.scan(sr).volumes

    assert (found.key, found.size) == (device, sectors * SECTOR)
    opened = driver.attach(found, "one", False)
    assert (opened.path, opened.kind) == (f"/dev/{device}", "block")


def test_a_device_that_is_pulled_out_while_they_are_counted_hides_no_other(tmp_path: Path) -> None:
    driver, sr = host(tmp_path, "block")
    (tmp_path / "sdc").mkdir()
    (tmp_path / "sdc" / "removable").write_text("1")

    assert [volume.key for volume in driver.scan(sr).volumes] == ["sdb"]


def test_a_disk_on_usb_says_in_which_port_it_is(tmp_path: Path) -> None:
    driver, sr = host(tmp_path, "block")
    (plain,) = driver.scan(sr).volumes
    real = tmp_path / "devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.0/host6/target6:0:0/6:0:0:0/block/sdb"
    real.parent.mkdir(parents=True)
    (tmp_path / "sdb").rename(real)
    (tmp_path / "sdb").symlink_to(real)

    (stick,) = driver.scan(sr).volumes

    assert (plain.usb_port, stick.usb_port) == ("", "1-1.4")

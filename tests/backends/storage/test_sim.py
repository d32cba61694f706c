"""What the simulator of repositories has of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, Rig, fresh, repository
from xapid.backends.interface import NoSpace, NotFound, NotSupported
from xapid.backends.storage.interface import Sr, Volume, VolumeFormat
from xapid.backends.storage.sim import Sim
from xapid.backends.storage.sim_kinds import KINDS


def test_a_full_repository_says_so(tmp_path: Path) -> None:
    rig = repository(Sim("file", capacity=10 * MIB), tmp_path / "sr")
    rig.volume(8 * MIB)

    with pytest.raises(NoSpace):
        rig.volume(4 * MIB)

    assert rig.volume(2 * MIB).size == 2 * MIB


def test_clones_take_no_space(tmp_path: Path) -> None:
    rig = repository(Sim("file", capacity=10 * MIB), tmp_path / "sr")
    volume = rig.volume(8 * MIB)

    clones = [rig.clone(volume).new for _ in range(5)]

    assert {clone.physical for clone in clones} == {0}
    assert rig.driver.figures(rig.sr).physical_utilisation == 8 * MIB


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_is_played_with_its_own_capabilities(kind: str) -> None:
    info = Sim(kind).info

    assert info.name == kind
    assert ("VDI_CREATE" in info.features) == (kind != "udev")


def test_what_a_type_cannot_do_is_refused() -> None:
    sr = Sr(fresh(), "udev", {"location": "/dev/xapi/cd"})
    driver = Sim("udev")
    driver.attach_sr(sr)

    with pytest.raises(NotSupported):
        driver.create(sr, Rig(driver, sr).new())


def test_what_no_directory_can_be_called_is_not_there() -> None:
    with pytest.raises(NotFound):
        Sim("iso").attach_sr(Sr(fresh(), "iso", {"location": "/" + "x" * 300}))


def test_an_iso_repository_has_the_discs_that_lie_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / "disc-a.iso").write_bytes(b"a" * 1024)
    (tmp_path / "disc-b.ISO").write_bytes(b"b" * 2048)
    (tmp_path / "notes.txt").write_text("no disc")
    (tmp_path / "link.iso").symlink_to("/etc/passwd")
    driver = Sim("iso")
    sr = Sr(fresh(), "iso", {"location": str(tmp_path), "legacy_mode": "true"})
    driver.attach_sr(sr)

    volumes = {volume.key: volume for volume in driver.scan(sr).volumes}

    assert {key: volume.size for key, volume in volumes.items()} == {"disc-a.iso": 1024, "disc-b.ISO": 2048}
    assert {volume.read_only for volume in volumes.values()} == {True}
    assert driver.attach(volumes["disc-a.iso"], "vbd", False).path == str(tmp_path / "disc-a.iso")


def test_the_uuid_of_a_disc_stays_until_it_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "disc.iso").touch()
    driver = Sim("iso")
    sr = Sr(fresh(), "iso", {"location": str(tmp_path)})
    driver.attach_sr(sr)
    first = driver.scan(sr).volumes

    assert driver.scan(sr).volumes == first
    (tmp_path / "disc.iso").unlink()
    assert driver.scan(sr).volumes == ()


def test_a_volume_of_an_earlier_life_is_what_its_record_says(tmp_path: Path) -> None:
    earlier = repository(Sim("file"), tmp_path / "sr")
    volume = earlier.volume()
    later = Sim("file")

    later.attach_sr(earlier.sr)

    assert later.attach(volume, "vbd", True).path
    assert later.stat(volume) == volume


def test_a_volume_that_was_destroyed_in_this_life_is_gone(tmp_path: Path) -> None:
    rig = repository(Sim("file"), tmp_path / "sr")
    volume = rig.volume()
    rig.driver.destroy(volume)

    with pytest.raises(NotFound):
        rig.driver.stat(Volume(rig.sr, volume.key, volume.uuid, 1, VolumeFormat.raw))

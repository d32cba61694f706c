"""A qemu-img that is killed at any of its writes leaves a disk as it was, or as it was to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, Rig, fresh, repository
from xapid.backends.interface import Failed
from xapid.backends.process import run
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import NewVolume, Volume, VolumeFormat

TIB = 1024 * 1024 * MIB
MANY = 200
SOUND = (0, 3)
"""How ``qemu-img check`` ends for an image that is whole; 3: some of its clusters are lost, which is no harm."""

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


def is_sound(rig: Rig, volume: Volume) -> bool:
    path = Path(rig.sr.device_config["location"]) / f"{volume.key}.{volume.format}"
    if volume.format is VolumeFormat.raw:
        return path.exists()
    try:
        run(["qemu-img", "check", "-q", "-f", "qcow2", "--", str(path)])
    except Failed as error:
        return error.facts.get("status") in map(str, SOUND)
    return True


@pytest.mark.parametrize(
    "format, size", [(VolumeFormat.qcow2, 8 * MIB), (VolumeFormat.qcow2, 8 * TIB), (VolumeFormat.raw, 8 * MIB)]
)
def test_a_resize_that_is_killed(tmp_path: Path, deadly: Path, format: VolumeFormat, size: int) -> None:
    outcomes, step = [], 0
    while not outcomes or outcomes[-1] != "whole":
        step += 1
        assert step < MANY, "every change fails, not only by being killed"
        rig = repository(File(), tmp_path / str(step))
        volume = rig.volume(4 * MIB, format)
        deadly.write_text(str(step))
        try:
            rig.driver.resize(volume, size)
            outcomes.append("whole")
        except Failed:
            outcomes.append("killed")
        deadly.write_text("0")

        later = Rig(File(), rig.sr)
        assert later.volumes()[volume.key].size in (4 * MIB, size), f"change {step}"
        assert is_sound(later, volume), f"change {step}"
        assert later.driver.resize(volume, size).size == size, f"change {step}"
        assert is_sound(later, volume), f"change {step}"

    assert outcomes.count("killed") > 1


def test_a_copy_that_is_killed(tmp_path: Path, deadly: Path) -> None:
    rig = repository(File(), tmp_path / "sr")
    volume = rig.volume(4 * MIB)
    step, killed = 0, True
    while killed:
        step += 1
        assert step < MANY, "every change fails, not only by being killed"
        new = NewVolume(fresh(), 4 * MIB)
        deadly.write_text(str(step))
        try:
            rig.driver.copy(volume, rig.sr, new)
            killed = False
        except Failed:
            rig.driver.destroy(replace(volume, key="", uuid=new.uuid))
            assert rig.present() == {volume.key}, f"change {step}"
            assert [path.name for path in (tmp_path / "sr" / "tmp").iterdir()] == ["lock"], f"change {step}"

    assert step > 1
    assert len(rig.present()) == 2

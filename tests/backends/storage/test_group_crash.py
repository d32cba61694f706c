"""Killed before any step of a call, a volume group is as if the call had never been, or had been whole; undo works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage import crash
from tests.backends.storage.rig import Rig, by_key, fresh, whole
from xapid.backends.storage.interface import Branch, NewVolume, Volume, VolumeFormat

PROGRAM = Path(crash.__file__)

pytestmark = [pytest.mark.slow, pytest.mark.root]


@contextmanager
def repository(place: Path) -> Iterator[Rig]:
    """A volume group of loop devices, attached."""
    driver = crash.driver("lvm", place)
    sr = crash.repository_at("lvm", place, fresh())
    group = driver._store(sr)
    group.create()
    group.attach()
    try:
        yield Rig(driver, sr)
    finally:
        crash.LoopGroups(place, crash.GROUP_SIZE).tidy()


def died(place: Path, rig: Rig, operation: str, step: int) -> bool:
    """Let another process do it and die before that step; False if there is no such step."""
    process = subprocess.run(
        [sys.executable, str(PROGRAM), "lvm", str(place), rig.sr.uuid, str(step), operation],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def later_on(place: Path, rig: Rig) -> Rig:
    """As the next process finds it, once it has attached it."""
    driver = crash.driver("lvm", place)
    driver._store(rig.sr).attach()
    return Rig(driver, rig.sr)


def logical_volumes(place: Path) -> dict[str, int]:
    (group,) = (place / "groups").iterdir()
    return {path.name: path.stat().st_size for path in group.iterdir()}


def active(place: Path) -> set[str]:
    (group,) = (place / "dev").iterdir()
    return {path.name for path in group.iterdir()}


def undo(rig: Rig, operation: str, before: Volume) -> None:
    """What the journal knows to do after a crash in the middle."""
    new, base = crash.volume(rig.sr, crash.NEW), replace(crash.volume(rig.sr, crash.BASE), hidden=True)
    match operation:
        case "create" | "copy":
            rig.driver.destroy(new)
        case "snapshot" | "clone":
            rig.driver.unbranch(Branch(crash.volume(rig.sr, crash.VOLUME), new, base), before)


TOOLS = pytest.mark.libvirt
"""They run qemu-img."""


@pytest.mark.parametrize("operation", ["create", "snapshot", "clone", "destroy", pytest.param("copy", marks=TOOLS)])
def test_a_crash_at_any_step_leaves_nothing_half(tmp_path: Path, operation: str) -> None:
    step, outcomes, going_on = 0, set(), True
    while going_on:
        step += 1
        place = tmp_path / str(step)
        with repository(place) as rig:
            before = rig.driver.create(rig.sr, NewVolume(crash.VOLUME, crash.SIZE))
            untouched = logical_volumes(place)
            going_on = died(place, rig, operation, step)
            if not going_on:
                break
            later = later_on(place, rig)

            finished = later.visible() != {crash.VOLUME}
            outcomes.add(finished)
            if operation != "destroy":
                undo(later, operation, before)
                undo(later, operation, before)
                assert later.volumes() == by_key(before), f"step {step}"
            assert logical_volumes(place) == (
                {"RECORDS": untouched["RECORDS"]} if operation == "destroy" and finished else untouched
            ), f"step {step}"
            assert active(place) == {"RECORDS"}, f"step {step}"

    assert step > 3
    assert outcomes == {True, False}


@TOOLS
@pytest.mark.parametrize("format", VolumeFormat)
def test_a_resize_that_is_killed_has_happened_or_can_be_repeated(tmp_path: Path, format: VolumeFormat) -> None:
    step, going_on = 0, True
    while going_on:
        step += 1
        place = tmp_path / str(step)
        with repository(place) as rig:
            volume = rig.driver.create(rig.sr, NewVolume(crash.VOLUME, crash.SIZE, format=format))
            going_on = died(place, rig, "resize", step)

            later = later_on(place, rig)
            assert later.volumes()[volume.key].size in (crash.SIZE, crash.LARGER), f"step {step}"
            assert later.driver.resize(volume, crash.LARGER).size == crash.LARGER, f"step {step}"
            assert not any(whole(later.driver.attach(volume, "reader", False))), f"step {step}"

    assert step > 1


@TOOLS
def test_a_volume_whose_way_back_is_killed_is_as_it_was_or_as_it_is_to_be(tmp_path: Path) -> None:
    step, going_on, outcomes = 0, True, set()
    while going_on:
        step += 1
        place = tmp_path / str(step)
        with repository(place) as rig:
            volume = rig.driver.create(rig.sr, NewVolume(crash.VOLUME, crash.SIZE))
            active_now = rig.written(rig.clone(rig.written(volume, (0, b"base"))).active, (0, b"mine"))
            going_on = died(place, rig, "rewind", step)

            later = later_on(place, rig)
            found = whole(later.driver.attach(later.volumes()[active_now.key], "reader", False))[:4]
            outcomes.add(found)
            assert later.driver.scan(later.sr).damaged == (), f"step {step}"

    assert outcomes == {b"base", b"mine"}

"""Killed before any step, a repository knows what changed, and what was begun can be done again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.backends.storage import crash, test_group_crash
from tests.backends.storage.rig import Rig, repository
from tests.backends.storage.test_changed_blocks import put, told, unknown
from tests.backends.storage.test_merging_crash import MANY, died
from xapid.backends.interface import NotFound
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import NewVolume

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]

FIRST = "00000000-0000-4000-8000-000000000007"


def prepared(rig: Rig, operation: str) -> None:
    """A disk with three snapshots; of the second only what changed is known where that one is merged away."""
    disk = rig.driver.create(rig.sr, NewVolume(crash.VOLUME, crash.SIZE))
    rig.driver.track(disk, True)
    for number, (new, base) in enumerate(((FIRST, crash.OWNER), (crash.NEW, crash.BASE), (crash.NEWER, crash.UPPER))):
        disk = rig.driver.snapshot(put(rig, disk, number), NewVolume(new, crash.SIZE), base).active
    put(rig, disk, 3)
    if operation == "merge":
        rig.driver.drop_data(rig.driver.stat(crash.volume(rig.sr, crash.NEW)))


def line(rig: Rig, *uuids: str) -> list[set[int]]:
    """What changed from each to the next."""
    volumes = [rig.driver.stat(crash.volume(rig.sr, uuid)) for uuid in uuids]
    return [told(rig, older, newer) for older, newer in pairwise(volumes)]


ALL = (FIRST, crash.NEW, crash.NEWER, crash.VOLUME)
WITHOUT = (FIRST, crash.NEWER, crash.VOLUME)


@pytest.mark.parametrize("operation", ["drop", "destroy new", "merge", "track"])
def test_what_changed_is_known_wherever_it_ends(tmp_path: Path, operation: str) -> None:
    step, going = 0, True
    while going:
        step += 1
        assert step < MANY
        rig = repository(File(), tmp_path / str(step))
        prepared(rig, operation)

        going = died(rig, operation, step)

        later = Rig(File(), rig.sr)
        later.driver.attach_sr(rig.sr)
        known(later, operation, step)
        if operation in ("drop", "destroy new"):
            crash.work(File(), rig.sr, operation)
            known(later, operation, step)
        records = "".join(path.read_text() for path in (tmp_path / str(step)).glob("*.json"))
        assert all(path.stem in records for path in (tmp_path / str(step)).glob("*.blocks")), f"step {step}"
    assert step > 3


@pytest.mark.root
@pytest.mark.parametrize("operation", ["drop", "destroy new", "merge"])
def test_the_same_in_a_volume_group(tmp_path: Path, operation: str) -> None:
    step, going = 0, True
    while going:
        step += 1
        assert step < MANY
        place = tmp_path / str(step)
        with test_group_crash.repository(place) as rig:
            prepared(rig, operation)

            going = test_group_crash.died(place, rig, operation, step)

            later = test_group_crash.later_on(place, rig)
            known(later, operation, step)
            if operation in ("drop", "destroy new"):
                crash.work(later.driver, rig.sr, operation)
                known(later, operation, step)
    assert step > 3


def known(rig: Rig, operation: str, step: int) -> None:
    if operation == "track":
        disk, last = (rig.driver.stat(crash.volume(rig.sr, uuid)) for uuid in (crash.VOLUME, crash.NEWER))
        if not disk.tracked:
            assert unknown(rig, last, disk) == "460"
            return
    try:
        assert line(rig, *ALL) == [{1}, {2}, {3}], f"step {step}"
    except NotFound:
        assert operation == "destroy new"
        assert line(rig, *WITHOUT) == [{1, 2}, {3}], f"step {step}"

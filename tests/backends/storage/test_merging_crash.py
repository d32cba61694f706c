"""Killed before any step of a merge, a repository holds what it held, and the merge can be done again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.storage import crash
from tests.backends.storage.rig import Rig, repository, whole
from xapid.backends.interface import Failed
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Disk, NewVolume

PROGRAM = Path(crash.__file__)
BLOCK = 64 * 1024
MANY = 300
"""Steps, and changes of files, that no merge has."""

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


def prepared(folder: Path, operation: str, kilobytes: int = 64) -> Rig:
    """A disk with two snapshots, of which the older one was destroyed; or both, where the disk itself is merged."""
    rig = repository(File(), folder)
    disk = rig.driver.create(rig.sr, NewVolume(crash.VOLUME, crash.SIZE))
    for number, (new, base) in enumerate([(crash.NEW, crash.BASE), (crash.NEWER, crash.UPPER)]):
        disk = rig.written(disk, (number * BLOCK, bytes([number + 1]) * 1024 * kilobytes))
        disk = rig.driver.snapshot(disk, NewVolume(new, crash.SIZE), base).active
    rig.written(disk, (2 * BLOCK, b"\3" * BLOCK))
    rig.driver.destroy(crash.volume(rig.sr, crash.NEW))
    if operation == "merge leaf":
        rig.driver.destroy(crash.volume(rig.sr, crash.NEWER))
    return rig


def contents(rig: Rig) -> dict[str, bytes]:
    """All that clients see, and that it can be read."""
    folder = Path(rig.sr.device_config["location"])
    scan = rig.driver.scan(rig.sr)
    assert scan.damaged == ()
    return {
        each.uuid: whole(Disk(str(folder / f"{each.key}.{each.format}"), each.format))
        for each in scan.volumes
        if not each.hidden
    }


def died(rig: Rig, operation: str, step: int) -> bool:
    """Let another process do it and die before that step; False if there is no such step."""
    process = subprocess.run(
        [sys.executable, str(PROGRAM), "file", rig.sr.device_config["location"], rig.sr.uuid, str(step), operation],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


@pytest.mark.parametrize("operation", ["merge", "merge leaf", "merge open"])
def test_a_merge_that_ends_at_any_step(tmp_path: Path, operation: str) -> None:
    step, outcomes = 0, set()
    while True:
        step += 1
        assert step < MANY
        rig = prepared(tmp_path / str(step), operation)
        before, images = contents(rig), len(rig.present())

        going = died(rig, operation, step)

        later = Rig(File(), rig.sr)
        later.driver.attach_sr(rig.sr)
        assert contents(later) == before, f"step {step}"
        outcomes.add(len(later.present()) < images)
        if len(later.present()) == images:
            # What the journal knows to do: it may have been done, as headers say.
            (upper,) = [each for each in later.volumes().values() if each.uuid == crash.UPPER]
            if later.driver.end_merge(upper, False) is None:
                crash.work(File(), rig.sr, operation)
        assert contents(later) == before, f"step {step}"
        assert len(later.present()) == images - 1, f"step {step}"
        assert later.driver.leases(rig.sr).keys() <= ({crash.VOLUME} if operation == "merge leaf" else set())
        if not going:
            break

    assert step > 6
    assert outcomes == {True, False}


def test_a_tool_that_is_killed_at_any_change_of_a_file(tmp_path: Path, deadly: Path) -> None:
    step, killed = 0, True
    while killed:
        step += 1
        assert step < MANY, "every change fails, not only by being killed"
        rig = prepared(tmp_path / str(step), "merge", 512)
        before = contents(rig)
        (upper,) = [each for each in rig.volumes().values() if each.uuid == crash.UPPER]
        deadly.write_text(str(step))
        try:
            rig.driver.merge(upper, "")
            killed = False
        except Failed:
            pass
        deadly.write_text("0")

        assert (rig.driver.end_merge(upper, True) is None) == killed, f"change {step}"
        assert contents(rig) == before, f"change {step}"
        if killed:
            rig.driver.merge(upper, "")
            assert rig.driver.end_merge(upper, True) is not None
            assert contents(rig) == before, f"change {step}"

    assert step > 5

"""Killed before any step of a call, a repository is as if the call had never been, or had been whole; undo works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage import crash
from tests.backends.storage.rig import Rig, by_key, repository
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Branch, NewVolume, Volume

PROGRAM = Path(crash.__file__)


def died(rig: Rig, operation: str, step: int) -> bool:
    """Let another process do it and die before that step; False if there is no such step."""
    process = subprocess.run(
        [sys.executable, str(PROGRAM), "file", rig.sr.device_config["location"], rig.sr.uuid, str(step), operation],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def undo(rig: Rig, operation: str, before: Volume) -> None:
    """What the journal knows to do after a crash in the middle."""
    new, base = crash.volume(rig.sr, crash.NEW), replace(crash.volume(rig.sr, crash.BASE), hidden=True)
    match operation:
        case "create" | "copy":
            rig.driver.destroy(new)
        case "snapshot" | "clone":
            rig.driver.unbranch(Branch(crash.volume(rig.sr, crash.VOLUME), new, base), before)


def files(rig: Rig) -> set[str]:
    """What there is; but not who has it attached."""
    root = Path(rig.sr.device_config["location"])
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.parent.name != "hosts"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation",
    ["create", "snapshot", "clone", "destroy", pytest.param("copy", marks=pytest.mark.libvirt)],
)
def test_a_crash_at_any_step_leaves_nothing_half(tmp_path: Path, operation: str) -> None:
    step, outcomes = 0, set()
    while True:
        step += 1
        rig = repository(File(), tmp_path / str(step))
        before = rig.driver.create(rig.sr, NewVolume(crash.VOLUME, crash.SIZE))
        rig.driver.attach_sr(rig.sr)
        untouched = files(rig)

        if not died(rig, operation, step):
            break
        later = Rig(File(), rig.sr)
        later.driver.attach_sr(rig.sr)

        whole = later.visible() != {crash.VOLUME}
        outcomes.add(whole)
        if operation != "destroy":
            undo(later, operation, before)
            undo(later, operation, before)
            assert later.volumes() == by_key(before), f"step {step}"
            assert files(later) == untouched, f"step {step}"
        elif whole:
            assert files(later) == {"lock", "sr.json", "tmp/lock"}, f"step {step}"
        else:
            assert files(later) == untouched, f"step {step}"

    assert step > 3
    assert outcomes == {True, False}

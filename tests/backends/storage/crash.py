"""Run as a program: works on a repository, and dies by SIGKILL before a numbered step on the disk.

    crash.py TYPE PLACE SR-UUID STEP OPERATION

PLACE is the directory of a ``file`` repository, or, for ``lvm``, a folder with groups of loop devices. It prints
nothing. With a step that is never reached it ends with status 0.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.backends.storage.loop_groups import LoopGroups
from xapid.backends.storage import qcow2
from xapid.backends.storage.file import File
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.interface import NewVolume, Sr, Volume, VolumeFormat
from xapid.backends.storage.lvm import Lvm
from xapid.backends.storage.merging import MergingTrees

VOLUME = "00000000-0000-4000-8000-000000000001"
NEW = "00000000-0000-4000-8000-000000000002"
BASE = "00000000-0000-4000-8000-000000000003"
NEWER = "00000000-0000-4000-8000-000000000004"
UPPER = "00000000-0000-4000-8000-000000000005"
OWNER = "00000000-0000-4000-8000-000000000006"
SIZE = 4 * 1024 * 1024
LARGER = 32 * 1024 * 1024
GROUP_SIZE = 1 << 30


class DieBeforeStep:
    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def volume(sr: Sr, uuid: str) -> Volume:
    """As who wrote down an undo knows it."""
    return Volume(sr, "", uuid, SIZE, VolumeFormat.qcow2)


def driver(type: str, place: Path, before_step: Callable[[], None] = nothing) -> File | Lvm:
    """The driver of a repository that lies there."""
    if type == "file":
        return File(before_step=before_step)
    groups = LoopGroups(place, GROUP_SIZE)
    return Lvm(place=place / "opened", commands=lambda devices: groups, before_step=before_step)


DEVICE = "/dev/loop0"
"""Any there is: groups of loop devices lie in a folder."""


def repository_at(type: str, place: Path, uuid: str) -> Sr:
    config = {"location": str(place)} if type == "file" else {"device": DEVICE}
    return Sr(uuid, type, config)


def work(driver: MergingTrees, sr: Sr, operation: str) -> None:
    before = driver.stat(volume(sr, VOLUME))
    match operation:
        case "create":
            driver.create(sr, NewVolume(NEW, SIZE))
        case "snapshot" | "clone":
            getattr(driver, operation)(before, NewVolume(NEW, SIZE), BASE)
        case "destroy":
            driver.destroy(before)
        case "copy":
            driver.copy(before, sr, NewVolume(NEW, SIZE))
        case "merge":
            upper = driver.stat(volume(sr, UPPER))
            driver.merge(upper, "")
            driver.end_merge(upper, True)
        case "merge leaf":
            driver.attach(before, OWNER, True)
            driver.merge(before, OWNER)
            driver.end_merge(before, True)
        case "merge open":
            merge_open(driver, driver.stat(volume(sr, UPPER)), before)
        case "resize":
            driver.resize(before, LARGER)
        case "rewind":
            driver.rewind(before)
        case "drop":
            driver.drop_data(driver.stat(volume(sr, NEW)))
        case "destroy new":
            driver.destroy(volume(sr, NEW))
        case "track":
            driver.track(before, not before.tracked)


def merge_open(driver: MergingTrees, upper: Volume, above: Volume) -> None:
    """Let another merge a node, as the block layer of a guest does: of headers it changes that of one image above."""
    joint = driver.begin_merge(upper, OWNER)
    path = Path(joint.image.path).with_name(f"{above.key}.{above.format}")
    subprocess.run(["qemu-img", "commit", "-q", "-d", "-f", joint.image.format, joint.image.path], check=True)
    qcow2.rename_backing(path, qcow2.Backing(Path(joint.into.path).name, joint.into.format))
    driver.end_merge(upper, True)


def main(type: str, place: str, uuid: str, step: str, operation: str) -> None:
    sr = repository_at(type, Path(place), uuid)
    work(driver(type, Path(place), DieBeforeStep(int(step))), sr, operation)


if __name__ == "__main__":
    main(*sys.argv[1:])

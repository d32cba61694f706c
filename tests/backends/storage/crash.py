"""Run as a program: works on a repository, and dies by SIGKILL before a numbered step on the disk.

    crash.py DIRECTORY SR-UUID STEP OPERATION

It prints nothing. With a step that is never reached it ends with status 0.
"""

from __future__ import annotations

import os
import signal
import sys

from xapid.backends.storage.file import File
from xapid.backends.storage.interface import NewVolume, Sr, Volume, VolumeFormat

VOLUME = "00000000-0000-4000-8000-000000000001"
NEW = "00000000-0000-4000-8000-000000000002"
BASE = "00000000-0000-4000-8000-000000000003"
SIZE = 4 * 1024 * 1024


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


def work(driver: File, sr: Sr, operation: str) -> None:
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


def main(directory: str, uuid: str, step: str, operation: str) -> None:
    work(File(before_step=DieBeforeStep(int(step))), Sr(uuid, "file", {"location": directory}), operation)


if __name__ == "__main__":
    main(*sys.argv[1:])

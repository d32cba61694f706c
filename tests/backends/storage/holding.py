"""Run as a program: a host that has a repository of files attached, and lends a volume of it for writing.

    holding.py ROOT DIRECTORY SR-UUID KEY OWNER [open]

ROOT is where the host keeps what is its own. With ``open`` QEMU has the image open, in a process that lives on when
this one is killed. Prints the number of that process, or 0, once all that is so, or else the code of the error; then it
waits for the end of its input.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from xapid.backends.interface import BackendError
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Sr, VolumeFormat


def main(root: str, directory: str, uuid: str, key: str, owner: str, *words: str) -> None:
    driver, sr = File(Path(root)), Sr(uuid, "file", {"location": directory})
    driver.attach_sr(sr)
    (volume,) = [each for each in driver.scan(sr).volumes if each.key == key]
    try:
        disk = driver.attach(volume, owner, True)
    except BackendError as error:
        print(error.facts.get("code"), flush=True)
        return
    pid = _opened(disk.path, disk.format) if words else 0
    print(pid, flush=True)
    sys.stdin.read()


def _opened(path: str, format: VolumeFormat) -> int:
    command = ["stdbuf", "-o0", "qemu-io", "-f", str(format), "-c", "length", "-c", "sleep 600000", path]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None and process.stdout.read(1)
    return process.pid


if __name__ == "__main__":
    main(*sys.argv[1:])

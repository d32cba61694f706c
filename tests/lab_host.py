"""A virtual host of the lab, for tests that need a machine to themselves, with systemd and libvirtd."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LAB = Path(__file__).with_name("lab") / "lab"
GOES_DOWN = 900.0
"""Seconds for a host to end its guests and go down."""


class LabHost:
    """The one that runs. Commands are root's."""

    def __init__(self, *options: str) -> None:
        """``options``: of ``lab up``, with which it was started."""
        self._options = options

    def run(self, line: str) -> str:
        """What a shell line prints. Raises CalledProcessError if it fails."""
        return _lab("run", line).strip()

    def push(self, source: Path, destination: str) -> None:
        """Copy a file or a folder into a folder, which is made."""
        self.run(f"mkdir -p {destination}")
        _lab("push", str(source), destination)

    def overlay(self, tree: Path) -> None:
        """Copy what lies below a folder to the same places below the root."""
        _lab("push", f"{tree}/", "/")

    def forward(self, here: Path, there: str) -> None:
        """Connect who connects to a socket here to a socket of the host; there it is root who comes."""
        _lab("ssh", "-O", "forward", "-L", f"{here}:{there}")

    def reboot(self) -> None:
        """Let it go down as it does when somebody types ``reboot``, and boot anew, with what is on its disks."""
        self.run("systemctl --no-block reboot")
        until = time.monotonic() + GOES_DOWN
        while "host 1: stopped" not in _lab("status"):
            assert time.monotonic() < until, "the host does not go down"
            time.sleep(1.0)
        _lab("up", "--keep", *self._options)


def _lab(*command: str) -> str:
    done = subprocess.run([str(LAB), *command], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


@contextmanager
def lab_host(*options: str) -> Iterator[LabHost]:
    """A host that has booted, fresh from the image. ``options``: of ``lab up``."""
    _lab("build")
    _lab("up", *options)
    try:
        yield LabHost(*options)
    finally:
        _lab("down")

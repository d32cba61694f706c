"""A virtual host of the lab, for tests that need a machine to themselves, with systemd and libvirtd."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LAB = Path(__file__).with_name("lab") / "lab"


class LabHost:
    """The one that runs. Commands are root's."""

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


def _lab(*command: str) -> str:
    done = subprocess.run([str(LAB), *command], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


@contextmanager
def lab_host(*options: str) -> Iterator[LabHost]:
    """A host that has booted, fresh from the image. ``options``: of ``lab up``."""
    _lab("build")
    _lab("up", *options)
    try:
        yield LabHost()
    finally:
        _lab("down")

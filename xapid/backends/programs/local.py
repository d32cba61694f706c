"""Programs below one directory of this machine: ``/etc/xapi.d/plugins/NAME``."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

from xapid.backends import process
from xapid.backends.interface import DriverInfo, Failed, NotFound
from xapid.backends.programs.interface import Outcome

log = logging.getLogger(__name__)


class Programs:
    """The programs of this machine. Whoever can write below the directory runs code as the daemon does."""

    info = DriverInfo("local", "Programs of this host")

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def exists(self, folder: str, name: str) -> bool:
        if "\0" in name or Path(name).name != name:
            return False
        try:
            return (self._directory / folder / name).is_file()
        except OSError:
            return False  # No name of a file is so long.

    def names(self, folder: str) -> tuple[str, ...]:
        try:
            found = sorted(each.name for each in (self._directory / folder).iterdir() if os.access(each, os.X_OK))
        except OSError:
            return ()
        return tuple(name for name in found if self.exists(folder, name))

    def run(
        self,
        folder: str,
        name: str,
        arguments: tuple[str, ...],
        reads: str = "",
        environment: tuple[tuple[str, str], ...] = (),
    ) -> Outcome:
        if not self.exists(folder, name):
            raise NotFound(f"there is no program {name} in {self._directory / folder}")
        path = str(self._directory / folder / name)
        try:
            done = process.ended(
                [path, *arguments], timeout=process.LONGEST, reads=reads.encode(), environment=dict(environment)
            )
        except (OSError, ValueError) as error:
            # It may not be run, is for another machine, or got what no command line can hold.
            raise Failed(f"{path}: {error}") from error
        killed = signal.Signals(-done.status).name if done.status < 0 else ""
        return Outcome(
            max(done.status, 0), killed, done.output.decode(errors="replace"), done.errors.decode(errors="replace")
        )

"""The folders below the run directory in which each guest has its sockets and the log of its serial line."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xapid.backends.domain.domain_xml import GuestFolder
from xapid.backends.domain.embed import assert_room_below

LOG_LIMIT = 4 << 20
"""Bytes; above what virtlogd lets a log grow to, where there is one."""
LOG_KEPT = 256 << 10
"""Bytes of the end of a log that got too long, kept beside it."""
LONGEST = f"{'0' * 36}/serial"


def assert_room(run_dir: Path) -> None:
    """Raises BadConfig where the sockets of guests would have paths too long for the kernel."""
    assert_room_below(run_dir, LONGEST, "run_dir")


class GuestFolders:
    """One folder a guest, there while the guest runs."""

    def __init__(self, run_dir: Path, owner: Callable[[], tuple[int, int] | None]) -> None:
        """``owner``: user and group under which guests run; None: those of this process."""
        self._run_dir = run_dir.absolute()
        self._owner = owner
        self._changing = threading.Lock()
        self._opening: set[str] = set()
        assert_room(self._run_dir)
        self._run_dir.mkdir(mode=0o755, parents=True, exist_ok=True)

    def of(self, uuid: str) -> GuestFolder:
        """Where a guest's folder is, or would be."""
        return GuestFolder(self._run_dir / uuid)

    @contextmanager
    def opened(self, uuid: str) -> Iterator[GuestFolder]:
        """An empty folder for a guest about to start; it stays if that succeeds."""
        folder = self.of(uuid)
        with self._changing:
            self._opening.add(uuid)
            self._delete(folder.path)
            folder.path.mkdir(mode=0o750)
            if owner := self._owner():
                os.chown(folder.path, *owner)
        try:
            yield folder
        except BaseException:
            self._delete(folder.path)
            raise
        finally:
            self._opening.discard(uuid)

    def remove(self, uuid: str, runs: Callable[[str], bool]) -> None:
        """Remove the folder of a guest that stopped, unless it runs again."""
        with self._changing:
            if uuid not in self._opening and not runs(uuid):
                self._delete(self.of(uuid).path)

    def sweep(self, runs: Callable[[str], bool]) -> None:
        """Remove what guests left behind that stopped while nobody looked."""
        for path in self._run_dir.iterdir():
            self.remove(path.name, runs)

    def shorten_logs(self) -> None:
        """Start each log anew that got too long: a guest can print for ever. Its end is kept as ``serial.log.0``."""
        for path in self._run_dir.glob("*/serial.log"):
            try:
                if path.stat().st_size > LOG_LIMIT:
                    self._shorten(path)
            except FileNotFoundError:
                # The guest stopped meanwhile, and its folder went.
                continue

    @staticmethod
    def _shorten(path: Path) -> None:
        # QEMU appends, so it goes on at the new beginning.
        with path.open("r+b") as file:
            file.seek(-LOG_KEPT, os.SEEK_END)
            path.with_name(path.name + ".0").write_bytes(file.read())
            file.truncate(0)

    @staticmethod
    def _delete(path: Path) -> None:
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            # Gone already, or going at the same time.
            return

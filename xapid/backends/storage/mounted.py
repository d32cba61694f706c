"""Repositories of files on a file system of their own, which is mounted while they are attached."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

from xapid.backends.interface import BackendError, InUse, NotFound
from xapid.backends.storage.file import File
from xapid.backends.storage.folder import Folder
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.interface import Sr
from xapid.backends.storage.mounts import Mounts
from xapid.backends.storage.on_disk import disk_errors


class Mounted(File, ABC):
    """What a repository's file system is, and how it is made, is for each kind to say; all else is as with files."""

    def __init__(
        self, root: Path | None = None, mounts: Mounts | None = None, before_step: Callable[[], None] = nothing
    ) -> None:
        """``root``: only what this host is called on shared ones lies there."""
        super().__init__(root, before_step)
        self.mounts = mounts or Mounts()

    @abstractmethod
    def mount(self, sr: Sr) -> Path:
        """Mount its file system, unless it is, and return the folder that is to hold the repository.

        Raises BadConfig, and NotFound (fact ``code`` 47) for a file system that is not this repository's.
        """

    @abstractmethod
    def make(self, sr: Sr) -> Path:
        """Make the file system, or find it made before for this repository, and mount it; as ``mount``."""

    @abstractmethod
    def unmake(self, sr: Sr) -> None:
        """Let what the file system lay on be nobody's. Only while it is not mounted, and not before it is empty."""

    def unmount(self, sr: Sr) -> None:
        """Unmount its file system, unless that was done. Raises InUse while somebody has a file of it open."""
        self.mounts.unmount(sr.uuid)

    # Repository

    def create_sr(self, sr: Sr, size: int) -> None:
        attached = self.mounts.at(sr.uuid) is not None
        try:
            with disk_errors():
                Folder(self.make(sr)).create(sr.uuid)
        finally:
            if not attached:
                self.unmount(sr)

    def destroy_sr(self, sr: Sr) -> None:
        with contextlib.suppress(NotFound):
            with self._mounted(sr):
                super().destroy_sr(sr)
            self.unmake(sr)

    def attach_sr(self, sr: Sr) -> None:
        with self._undone_on_failure(sr):
            self.mount(sr)
            super().attach_sr(sr)

    def detach_sr(self, sr: Sr) -> None:
        folder = self.mounts.folder(sr.uuid)
        self._hosts.leave(folder)
        try:
            self.unmount(sr)
        except InUse:
            self._hosts.enter(folder)
            raise

    # How

    @contextlib.contextmanager
    def _mounted(self, sr: Sr) -> Iterator[None]:
        """Mounted for as long as that takes; one that was mounted before is not any more either."""
        with self._undone_on_failure(sr):
            self.mount(sr)
            yield
        self.unmount(sr)

    @contextlib.contextmanager
    def _undone_on_failure(self, sr: Sr) -> Iterator[None]:
        """What is not attached at last is not left mounted, unless it was before."""
        attached = self.mounts.at(sr.uuid) is not None
        try:
            yield
        except BaseException:
            if not attached:
                self._hosts.leave(self.mounts.folder(sr.uuid))
                with contextlib.suppress(BackendError):  # What went wrong first is what counts.
                    self.unmount(sr)
            raise

    def _store(self, sr: Sr) -> Folder:
        return Folder(self.mounts.folder(sr.uuid), self._before_step, self._hosts)

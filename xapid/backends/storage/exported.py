"""Repositories of files in a folder that a server exports; hosts share them."""

from __future__ import annotations

import contextlib
import errno
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from xapid.backends.interface import BackendError, BadConfig, Failed, NotFound, Unavailable
from xapid.backends.storage.folder import repositories_in
from xapid.backends.storage.interface import Sr, SrFound
from xapid.backends.storage.mounted import Mounted
from xapid.backends.storage.on_disk import disk_errors

IN_THE_FOLDER_ITSELF = "nosubdir"
"""The key of sm_config that has a repository lie in the folder, and not in one of its own below that."""


class Exported(Mounted):
    """A repository is a folder of its own below what is exported, named by its uuid."""

    mount_code = ""
    """The number of the storage layer for a folder that cannot be mounted."""

    @abstractmethod
    def mount_export(self, place: str, config: dict[str, str], below: str) -> Path:
        """Mount what is exported, or a folder ``below`` it, at a place of ours. Raises BadConfig, Unavailable."""

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        with self._export(config) as root, disk_errors():
            return [SrFound(config, each) for each in sorted(repositories_in(root))]

    def mount(self, sr: Sr) -> Path:
        try:
            return self._mount(sr.uuid, sr.device_config, _below(sr))
        except Failed as error:
            # Which of the two it is the server does not say in so many words.
            if error.facts.get("code") == self.mount_code and _below(sr) and self._is_away(sr):
                raise NotFound(f"the repository {sr.uuid} is not on the server", code="47") from error
            raise

    def make(self, sr: Sr) -> Path:
        with self._export(sr.device_config) as root:
            try:
                (root / _below(sr)).mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
                    raise Failed(f"the server lets nobody write there: {error.strerror}", code="461") from error
                raise Failed(f"a folder cannot be made on the server: {error.strerror}", code="88") from error
        return self.mount(sr)

    def unmake(self, sr: Sr) -> None:
        if below := _below(sr):
            with self._export(sr.device_config) as root, contextlib.suppress(OSError):  # There is more in it.
                (root / below).rmdir()

    @contextlib.contextmanager
    def _export(self, config: dict[str, str]) -> Iterator[Path]:
        """All that is exported, for a moment. Each has a place of its own, so that nobody is in another's way."""
        place = f"export-{uuid4()}"
        root = self._mount(place, config, "")
        try:
            yield root
        finally:
            with contextlib.suppress(BackendError):
                self.mounts.unmount(place)

    def _mount(self, place: str, config: dict[str, str], below: str) -> Path:
        try:
            return self.mount_export(place, config, below)
        except (BadConfig, Unavailable):
            raise
        except BackendError as error:
            raise Failed(error.message, code=error.facts.get("code", self.mount_code)) from error

    def _is_away(self, sr: Sr) -> bool:
        with self._export(sr.device_config) as root:
            return not (root / sr.uuid).is_dir()


def _below(sr: Sr) -> str:
    return "" if sr.sm_config.get(IN_THE_FOLDER_ITSELF) == "true" else sr.uuid

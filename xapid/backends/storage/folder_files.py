"""Files of a repository's directory: read without being led elsewhere, and changed so that a crash leaves no half."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from xapid.backends.interface import Failed
from xapid.backends.storage import qcow2
from xapid.backends.storage.folder_lock import Lock
from xapid.backends.storage.on_disk import sync_path
from xapid.backends.storage.volume_store import KEY

log = logging.getLogger(__name__)

T = TypeVar("T")

IN_CHANGE = re.compile(rf"(tmp/)?{KEY.pattern}\.(json|qcow2|raw|lease|blocks)|children/{KEY.pattern}/{KEY.pattern}")
"""Names that a change may have: it may be another's, who has the disk it lies on in hand."""
IMAGE = re.compile(rf"{KEY.pattern}\.(qcow2|raw)")
"""The same for what their headers may name."""
LONGEST = 16 << 20
"""Bytes of a file that is not an image."""


@dataclass(frozen=True)
class FileChange:
    """Several files changed at one moment, named relative to the directory. It can be applied again and again."""

    moves: list[tuple[str, str]] = field(default_factory=list)
    writes: dict[str, str] = field(default_factory=dict)
    backings: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Images whose headers come to name another image, with its format."""
    removes: list[str] = field(default_factory=list)


def nothing() -> None:
    """Before each step on the disk; tests end the process here instead."""


class FolderFiles:
    """The files of one directory."""

    def __init__(self, path: Path, before_step: Callable[[], None] = nothing) -> None:
        self.path = path
        self._before_step = before_step

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the repository; what somebody left half done is complete."""
        with Lock(self.path / "lock") as lock:
            lock.exclusive()
            self._complete()
            yield

    def commit_files(self, change: FileChange) -> None:
        """Make a change, wholly or not at all, whatever happens. Only while locked."""
        self._before_step()
        self._write("pending.json", msgspec.json.encode(change).decode())
        self._apply(change)

    def _complete(self) -> None:
        try:
            pending = self._decoded("pending.json", FileChange)
        except FileNotFoundError:
            return
        log.info("completing a change in %s that was cut short", self.path)
        self._apply(pending)

    def _apply(self, change: FileChange) -> None:
        for name in (*(name for move in change.moves for name in move), *change.writes, *change.removes):
            if not IN_CHANGE.fullmatch(name):
                raise Failed(f"{self.path}/pending.json would change {name!r}, which is not a file of volumes")
        for name, (backing, _) in change.backings.items():
            if not IMAGE.fullmatch(name) or not IMAGE.fullmatch(backing):
                raise Failed(f"{self.path}/pending.json would let {name!r} continue {backing!r}")
        for source, target in change.moves:
            self._before_step()
            with contextlib.suppress(FileNotFoundError):  # Moved already.
                self._place(source).rename(self._place(target))
        for name, text in change.writes.items():
            self._before_step()
            self._write(name, text, sync=False)
        for name, named in change.backings.items():
            self._before_step()
            qcow2.rename_backing(self._place(name), qcow2.Backing(*named))
        for name in change.removes:
            self._before_step()
            self._remove(self._place(name))
        for directory in {self.path, *((self.path / name).parent for name in change.writes)}:
            sync_path(directory)
        self._before_step()
        (self.path / "pending.json").unlink(missing_ok=True)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if path.parent != self.path:
            with contextlib.suppress(OSError):  # Others are in it.
                path.parent.rmdir()

    def _write(self, name: str, text: str, *, sync: bool = True) -> None:
        """A file that is there wholly or not at all. Without ``sync`` the caller sees to the directory."""
        target = self._fresh(name, text, sync=True)
        if sync:
            sync_path(target.parent)

    def _fresh(self, name: str, text: str, *, sync: bool) -> Path:
        target = self._place(name)
        target.parent.mkdir(exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        fresh.unlink(missing_ok=True)
        with fresh.open("x") as file:
            file.write(text)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        fresh.rename(target)
        return target

    def _place(self, name: str) -> Path:
        """Where a file lies. Raises Failed where a link would lead out of the repository."""
        path = self.path / name
        for directory in path.parents[: len(path.parts) - len(self.path.parts) - 1]:
            if directory.is_symlink():
                raise Failed(f"{directory} is a link", path=str(directory))
        return path

    def _decoded(self, name: str, type: type[T]) -> T:
        try:
            return msgspec.json.decode(self._read(name), type=type)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Failed(f"{self.path}/{name} cannot be read: {error}", path=str(self.path / name)) from error

    def _read(self, name: str) -> bytes:
        # A pipe of that name, which somebody else laid there, is not waited for.
        fd = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LONGEST:
                raise Failed(f"{self.path}/{name} is not a plain file, or too long", path=str(self.path / name))
            return file.read(LONGEST)

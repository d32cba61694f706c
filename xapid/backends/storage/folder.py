"""The directory of a file repository: which files there are, and how they change so that a crash leaves no half.

sr.json              the repository itself: format number, uuid
KEY.json             one volume (Record); it exists if and only if this file does
KEY.qcow2, KEY.raw   its bytes; an overlay names its parent's file, without a directory
KEY.lease            the uuid of who may write it now
children/KEY/CHILD   an empty file for each volume that continues KEY
tmp/                 images that are being made
pending.json         a change under way (Change): whoever comes next completes it
lock                 held while files other than those of tmp/ change
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from xapid.backends.interface import AlreadyExists, BackendError, Failed, InUse, NoSpace, NotFound, NotSupported
from xapid.backends.storage import qcow2
from xapid.backends.storage.entries import names_in, remove_tree
from xapid.backends.storage.folder_lock import Lock
from xapid.backends.storage.interface import VolumeFormat

log = logging.getLogger(__name__)

T = TypeVar("T")

FORMAT = 1
"""Of the directory. A newer one is refused rather than misread."""
KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LEASE = ".lease"
"""The end of the name of a file that says who may write a volume."""
OWN = frozenset({"children", "tmp", "lock", "pending.json"})
"""What a repository consists of before it is one."""

FOREIGN = frozenset({"lost+found", ".snapshot"})
"""What file systems have at their root by themselves."""
IN_CHANGE = re.compile(rf"(tmp/)?{KEY.pattern}\.(json|qcow2|raw|lease)|children/{KEY.pattern}/{KEY.pattern}")
"""Names that a change may have: it may be another's, who has the disk it lies on in hand."""
LONGEST = 16 << 20
"""Bytes of a file that is not an image."""


@dataclass(frozen=True)
class Identity:
    """What ``sr.json`` says."""

    format: int
    uuid: str
    made_directory: bool = False
    """The directory did not exist before the repository, and goes with it."""


@dataclass(frozen=True)
class Record:
    """What ``KEY.json`` says of a volume. Its size is in the image itself, which a guest's block layer may let grow."""

    uuid: str
    format: VolumeFormat
    parent: str = ""
    hidden: bool = False
    name: str = ""


@dataclass(frozen=True)
class Change:
    """Several files changed at one moment, named relative to the directory. It can be applied again and again."""

    moves: list[tuple[str, str]] = field(default_factory=list)
    writes: dict[str, str] = field(default_factory=dict)
    removes: list[str] = field(default_factory=list)


def nothing() -> None:
    """Before each step on the disk; tests end the process here instead."""


class Folder:
    """One repository's directory. Several threads and processes may work on it; the lock keeps them in turn."""

    def __init__(self, path: Path, before_step: Callable[[], None] = nothing) -> None:
        self.path = path
        self._before_step = before_step

    # The repository

    def create(self, uuid: str) -> None:
        """Make the directory a repository. Raises AlreadyExists if it holds something else."""
        made = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        there = {name for name in names_in(self.path) if not _unfinished(name)} - OWN - FOREIGN
        mine = "sr.json" in there and self.identity().uuid == uuid
        if there and not mine:
            raise AlreadyExists(f"{self.path} is not empty", code="42")
        for name in ("children", "tmp"):
            (self.path / name).mkdir(exist_ok=True)
        if not mine:
            self._write("sr.json", msgspec.json.encode(Identity(FORMAT, uuid, made)).decode())
            sync_path(self.path.parent)

    def identity(self) -> Identity:
        """Whose directory it is. Raises NotFound, NotSupported for one of a later version."""
        try:
            identity = self._decoded("sr.json", Identity)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"{self.path} is not a repository", path=str(self.path), code="47") from error
        if identity.format > FORMAT:
            raise NotSupported(f"{self.path} was made by a later version (format {identity.format})", code="47")
        return identity

    def destroy(self) -> None:
        """Remove a repository with all volumes, and the directory if it came with it. What is not ours stays."""
        identity = self.identity()
        for name in names_in(self.path):
            target = self.path / name
            if name in OWN and target.is_dir() and not target.is_symlink():
                remove_tree(target)
            elif name in OWN or KEY.match(name) or _unfinished(name):
                target.unlink()
        # Last, so that a crash before leaves a repository that can be destroyed.
        (self.path / "sr.json").unlink()
        if identity.made_directory:
            with contextlib.suppress(OSError):  # Somebody else put something there: it stays.
                self.path.rmdir()

    def tidy(self) -> None:
        """Complete what a crash left half done, and remove images that nobody is making any more."""
        with self.locked():
            for name in filter(_unfinished, names_in(self.path)):
                (self.path / name).unlink()
        with Lock(self._place("tmp/lock")) as lock:
            if lock.alone():
                for name in names_in(self.path / "tmp"):
                    if name != "lock":
                        log.info("removing %s/tmp/%s, which was never completed", self.path, name)
                        (self.path / "tmp" / name).unlink()

    # Its volumes

    def files(self) -> dict[str, os.stat_result]:
        """The files of volumes by their names, each with what the file system says of it."""
        found = {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                name = entry.name
                if name[36:37] == "." and KEY.fullmatch(name[:36]):
                    with contextlib.suppress(FileNotFoundError):  # Destroyed since the directory was read.
                        found[name] = entry.stat(follow_symlinks=False)
        return found

    def keys(self) -> list[str]:
        """Every volume, whether it can be read or not."""
        names = (name.rpartition(".") for name in names_in(self.path))
        return [key for key, _, ending in names if ending == "json" and KEY.fullmatch(key)]

    def has(self, key: str) -> bool:
        """Whether there is such a volume, whether it can be read or not."""
        return os.path.lexists(self.path / f"{key}.json")

    def records(self) -> dict[str, Record]:
        """Every volume by its key. One that cannot be read is left out, and the log says so."""
        found = {}
        for key in self.keys():
            try:
                found[key] = self.record(key)
            except BackendError as error:
                log.error("a volume is left out: %s", error.message)
        return found

    def record(self, key: str) -> Record:
        """A volume. Raises NotFound."""
        if not KEY.fullmatch(key):
            raise NotFound(f"no volume can be called {key!r}", key=key)
        try:
            record = self._decoded(f"{key}.json", Record)
        except FileNotFoundError as error:
            raise NotFound(f"there is no volume {key} in {self.path}", key=key) from error
        except OSError as error:
            raise Failed(f"{self.path}/{key}.json cannot be read: {error}") from error
        continues = record.parent and (record.format is not VolumeFormat.qcow2 or not KEY.fullmatch(record.parent))
        if continues or not KEY.fullmatch(record.uuid):
            raise Failed(f"{self.path}/{key}.json is not the record of a volume", key=key)
        return record

    def file(self, key: str, record: Record) -> Path:
        """The file with a volume's bytes. Raises NotFound, Failed if it is no plain file."""
        path = self.path / f"{key}.{record.format}"
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError as error:
            raise NotFound(f"{path} is missing", path=str(path)) from error
        if not stat.S_ISREG(mode):
            raise Failed(f"{path} is not a plain file", path=str(path))
        return path

    def image(self, key: str, record: Record) -> Path:
        """The same for whoever opens it, and with it what its header names: that is what the records say, to the end.

        Raises Failed where it is not: QEMU would follow the header to any file of this host, or over the network.
        """
        path = own = self.file(key, record)
        passed = set()
        while record.format is VolumeFormat.qcow2:
            passed.add(key)
            if record.parent in passed:
                raise Failed(f"{path} continues itself", path=str(path))
            above = self.record(record.parent) if record.parent else None
            named = qcow2.Backing(f"{record.parent}.{above.format}", str(above.format)) if above else None
            if qcow2.read(own).backing != named:
                raise Failed(f"{own} continues something else than its record says", path=str(own))
            if above is None:
                break
            key, record = record.parent, above
            own = self.file(key, record)
        return path

    def children(self, key: str) -> list[str]:
        """Keys of the volumes that continue one."""
        try:
            return [name for name in names_in(self._place(f"children/{key}/{key}").parent) if KEY.fullmatch(name)]
        except FileNotFoundError:
            return []

    # Changes

    @contextlib.contextmanager
    def making(self, *names: str) -> Iterator[list[Path]]:
        """Paths for new images. A change moves them to where they belong; what it does not move is removed."""
        paths = [self._place(f"tmp/{name}") for name in names]
        with Lock(self._place("tmp/lock")) as lock:
            lock.shared()
            self._before_step()
            try:
                yield paths
            finally:
                for path in paths:
                    path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the repository; what somebody left half done is complete."""
        with Lock(self.path / "lock") as lock:
            lock.exclusive()
            self._complete()
            yield

    def commit(self, change: Change) -> None:
        """Make a change, wholly or not at all, whatever happens. Only while locked."""
        self._before_step()
        self._write("pending.json", msgspec.json.encode(change).decode())
        self._apply(change)

    def _complete(self) -> None:
        try:
            pending = self._decoded("pending.json", Change)
        except FileNotFoundError:
            return
        log.info("completing a change in %s that was cut short", self.path)
        self._apply(pending)

    def _apply(self, change: Change) -> None:
        for name in (*(name for move in change.moves for name in move), *change.writes, *change.removes):
            if not IN_CHANGE.fullmatch(name):
                raise Failed(f"{self.path}/pending.json would change {name!r}, which is not a file of volumes")
        for source, target in change.moves:
            self._before_step()
            with contextlib.suppress(FileNotFoundError):  # Moved already.
                self._place(source).rename(self._place(target))
        for name, text in change.writes.items():
            self._before_step()
            self._write(name, text, sync=False)
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

    # Leases

    def lease(self, key: str, owner: str) -> None:
        """Let ``owner``, and nobody else, write a volume. Raises InUse. Only while locked."""
        self.assert_unwritten(key, but_by=owner)
        if not self.holder(key):
            # Not synced: who loses it by a power cut has lost the guest that it protected as well.
            self._fresh(f"{key}{LEASE}", owner, sync=False)

    def release(self, key: str, owner: str) -> None:
        """Give back what ``owner`` has; what others have stays. Only while locked."""
        if KEY.fullmatch(key) and self.holder(key) == owner:
            (self.path / f"{key}{LEASE}").unlink(missing_ok=True)

    def assert_unwritten(self, key: str, but_by: str = "") -> None:
        """Raises InUse if somebody may write the volume, or somebody else."""
        holder = self.holder(key)
        if holder not in ("", but_by):
            raise InUse(f"the volume {key} is written by {holder}", key=key, owner=holder)

    def leases(self) -> dict[str, str]:
        """Who may write which volume."""
        keys = [path.stem for path in self.path.glob(f"[!.]*{LEASE}")]
        return {key: holder for key in keys if KEY.fullmatch(key) and (holder := self.holder(key))}

    def holder(self, key: str) -> str:
        """Who may write a volume now; empty: nobody."""
        try:
            return self._read(f"{key}{LEASE}").decode(errors="replace")
        except FileNotFoundError:
            return ""


def _unfinished(name: str) -> bool:
    """Whether a file was being written when its writer died."""
    return name.startswith(".") and name.endswith(".new")


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Errors of the file system as those of a driver."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(f"the device is full: {error}") from error
        raise Failed(f"{error.strerror}: {error.filename}", path=str(error.filename)) from error


def sync_path(path: Path) -> None:
    """Have what a file holds, or which names a directory has, on the disk itself."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""The logical volumes of a repository as they are now, and what is written down of them, which they follow."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from xapid.backends.interface import BackendError, Failed, InUse, NotFound
from xapid.backends.process import LONGEST, run
from xapid.backends.storage import qcow2
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.folder_lock import Lock
from xapid.backends.storage.group_records import Contents, GroupRecords, Kept
from xapid.backends.storage.interface import VolumeFormat
from xapid.backends.storage.lvm_commands import Group, Lvm
from xapid.backends.storage.openers import Openers

log = logging.getLogger(__name__)

PREFIX = "VG_XenStorage-"
RECORDS = "RECORDS"
NEW = "NEW-"
KINDS = {VolumeFormat.qcow2: "QCOW2-", VolumeFormat.raw: "LV-"}


class GroupState:
    """One volume group of a repository."""

    def __init__(
        self, uuid: str, lvm: Lvm, place: Path, *, thin: bool = False, before_step: Callable[[], None] = nothing
    ) -> None:
        """``place``: a directory for locks, and for who has what open; it is to be empty when the host has booted."""
        self.uuid = uuid
        self.group = f"{PREFIX}{uuid}"
        self._lvm = lvm
        self._thin = thin
        self._locks = place / uuid
        self._openers = Openers(self._locks / "open")
        self._before_step = before_step
        self._rooms: dict[str, int] = {}
        """Bytes of what is being made, by its name."""
        self._cached: Contents | None = None
        """What is written down; only while locked."""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with self._lock("lock") as lock:
            lock.exclusive()
            self._cached = self._records_here().read()
            try:
                self._complete()
                yield
            finally:
                self._cached = None

    # How

    def _prepare(self) -> None:
        self._locks.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _lock(self, name: str) -> Lock:
        return Lock(self._locks / name)

    def _records_here(self) -> GroupRecords:
        """Raises NotFound unless the repository is attached."""
        path = self._lvm.path(self.group, RECORDS)
        if not path.exists():
            raise NotFound(f"the repository {self.uuid} is not attached", code="47")
        return GroupRecords(path, self._before_step)

    def _contents(self) -> Contents:
        return self._cached if self._cached is not None else self._records_here().read()

    def _write(self, contents: Contents) -> None:
        """Only while locked."""
        self._records_here().write(contents)
        self._cached = contents

    def _now(self) -> Group:
        found = self._lvm.group(self.group)
        if found is None:
            raise NotFound(f"the repository {self.uuid} is not on these devices", code="47")
        return found

    def name(self, key: str, kind: VolumeFormat) -> str:
        """What the logical volume of a volume is called."""
        return f"{KINDS[kind]}{key}"

    def _chain(self, contents: Contents, key: str) -> list[str]:
        """Names of the logical volumes that one is read through. Raises NotFound, Failed for a circle."""
        names: list[str] = []
        while key:
            record = kept_of(contents, key).record
            if record.dropped:
                raise NotFound(f"the data of {key} was destroyed", key=key)
            name = self.name(key, record.format)
            if name in names:
                raise Failed(f"{self.group}/{name} continues itself", key=key)
            names.append(name)
            key = record.parent
        return names

    @contextlib.contextmanager
    def _activated(self, names: Iterable[str]) -> Iterator[list[Path]]:
        """Ready to be opened for as long as that takes. Only while locked."""
        wanted = list(names)
        missing = [name for name in wanted if name not in self._lvm.active(self.group)]
        self._lvm.activate(self.group, missing)
        try:
            yield [self._lvm.path(self.group, name).resolve() for name in wanted]
        finally:
            self._let_go(missing)

    def _let_go(self, names: Iterable[str]) -> None:
        """Deactivate those of these volumes that nobody needs. Only while locked."""
        contents = self._contents()
        known = {self.name(key, kept.record.format) for key, kept in contents.volumes.items()}
        for key in self._openers.open_keys():
            with contextlib.suppress(BackendError):  # Gone, though somebody has it open.
                known -= set(self._chain(contents, key))
        idle = sorted(known & set(names) & self._lvm.active(self.group))
        try:
            self._lvm.deactivate(self.group, idle)
        except InUse as error:
            log.warning("volumes of %s stay active: %s", self.group, error.message)

    def _complete(self) -> None:
        """Do what a change still has to do. Only while locked."""
        contents = self._contents()
        if (todo := contents.pending) is None:
            return
        there = set(self._now().volumes)
        for source, target in todo.moves:
            if source in there:
                self._before_step()
                self._remove([target] if target in there else [])
                self._lvm.rename(self.group, source, target)
        for name, backing in todo.backings.items():
            if name in there:
                self._before_step()
                with self._activated([name]) as [path]:
                    qcow2.rename_backing(path, qcow2.Backing(*backing))
        self._before_step()
        self._remove([name for name in todo.removes if name in there])
        for name, (old, new) in todo.grows.items():
            self._before_step()
            self._extend(name, new)
            with self._activated([name]) as [path]:
                zero(path, old, new)
        self._before_step()
        self._write(replace(contents, pending=None))

    def _remove(self, names: list[str]) -> None:
        """Remove logical volumes; of one that somebody has open yet the name is free, and it goes later."""
        for name in names:
            try:
                self._lvm.remove(self.group, [name])
            except InUse as error:
                log.warning("%s/%s is removed later: %s", self.group, name, error.message)
                self._lvm.rename(self.group, name, f"{NEW}{KINDS[VolumeFormat.raw]}{uuid4()}")

    def _extend(self, name: str, room: int) -> None:
        if self._now().volumes.get(name, 0) < room:
            self._lvm.resize(self.group, name, room)


def kept_of(contents: Contents, key: str) -> Kept:
    try:
        return contents.volumes[key]
    except KeyError as error:
        raise NotFound(f"there is no volume {key[:255]!r} in the repository {contents.uuid}", key=key) from error


def zero(path: Path, start: int = 0, end: int | None = None) -> None:
    """Let nobody read what lay there before."""
    words = ["--zeroout", "--force", "--offset", str(start)]
    if end is not None:
        words += ["--length", str(end - start)]
    run(["blkdiscard", *words, "--", str(path)], timeout=LONGEST)

"""The directory of a file repository: which files there are, and how they change so that a crash leaves no half.

sr.json              the repository itself: format number, uuid
KEY.json             one volume (Record); it exists if and only if this file does
KEY.qcow2, KEY.raw   its bytes; an overlay names its parent's file, without a directory
KEY.blocks           what changed before images went that knew it; KEY is named by the record of a volume
KEY.lease            who may write it now: a uuid, the host that lends it, and the boot of that
hosts/HOST.BOOT      locked by a host as long as it has the repository attached
children/KEY/CHILD   an empty file for each volume that continues KEY
tmp/                 images that are being made
pending.json         a change under way (FileChange): whoever comes next completes it
lock                 held while files other than those of tmp/ change
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from xapid.backends.interface import AlreadyExists, BackendError, Failed, InUse, NotFound, NotSupported
from xapid.backends.process import run
from xapid.backends.storage import blocks, qcow2
from xapid.backends.storage.entries import names_in, remove_tree
from xapid.backends.storage.folder_files import FileChange, FolderFiles, nothing
from xapid.backends.storage.folder_hosts import FolderHosts, Lease, is_written
from xapid.backends.storage.folder_lock import Lock
from xapid.backends.storage.interface import OPEN_ELSEWHERE, Sr, Volume, VolumeFormat
from xapid.backends.storage.on_disk import sync_path
from xapid.backends.storage.volume_store import KEY, Change, NewImage, Record, VolumeStore

log = logging.getLogger(__name__)

FORMAT = 1
"""Of the directory. A newer one is refused rather than misread."""
LEASE = ".lease"
"""The end of the name of a file that says who may write a volume."""
LOG = ".blocks"
"""The same of one that says what changed."""
OWN = frozenset({"children", "tmp", "hosts", "lock", "pending.json"})
"""What a repository consists of before it is one."""
FOREIGN = frozenset({"lost+found", ".snapshot"})
"""What file systems have at their root by themselves."""


@dataclass(frozen=True)
class Identity:
    """What ``sr.json`` says."""

    format: int
    uuid: str
    made_directory: bool = False
    """The directory did not exist before the repository, and goes with it."""


class Folder(FolderFiles, VolumeStore):
    """One repository's directory. The size of a volume is in its image."""

    def __init__(self, path: Path, before_step: Callable[[], None] = nothing, hosts: FolderHosts | None = None) -> None:
        super().__init__(path, before_step)
        self._hosts = hosts or FolderHosts()

    @property
    def place(self) -> str:
        return str(self.path)

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
            self._tidy_logs()
        with Lock(self._place("tmp/lock")) as lock:
            if lock.alone():
                for name in names_in(self.path / "tmp"):
                    if name != "lock":
                        log.info("removing %s/tmp/%s, which was never completed", self.path, name)
                        (self.path / "tmp" / name).unlink()

    def _tidy_logs(self) -> None:
        """Remove logs of changes that were written for a change which never was."""
        logs = {name for name in names_in(self.path) if name.endswith(LOG) and KEY.fullmatch(name[: -len(LOG)])}
        records = self.records() if logs else {}
        if logs and len(records) == len(self.keys()):  # Else one may be of a record that cannot be read.
            for name in logs - {log for record in records.values() for log in _logs_of(record)}:
                (self.path / name).unlink()

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
        found = {}
        for key in self.keys():
            try:
                found[key] = self.record(key)
            except BackendError as error:
                log.error("a volume is left out: %s", error.message)
        return found

    def record(self, key: str) -> Record:
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
        path = self.path / self.name(key, record.format)
        if record.dropped:
            raise NotFound(f"the data of {key} was destroyed", key=key)
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError as error:
            raise NotFound(f"{path} is missing", path=str(path)) from error
        if not stat.S_ISREG(mode):
            raise Failed(f"{path} is not a plain file", path=str(path))
        return path

    def verify(self, key: str, record: Record) -> None:
        self.image(key, record)

    def open(self, key: str, record: Record, owner: str, write: bool) -> Path:
        return self.image(key, record)

    def close(self, key: str, owner: str) -> None:
        """A file needs no preparation."""

    def continued(self, key: str, record: Record) -> str:
        named = qcow2.read(self.file(key, record)).backing if record.format is VolumeFormat.qcow2 else None
        return named.file if named else ""

    def children(self, key: str) -> list[str]:
        try:
            return [name for name in names_in(self._place(f"children/{key}/{key}").parent) if KEY.fullmatch(name)]
        except FileNotFoundError:
            return []

    def written(self, key: str, record: Record) -> bytes:
        return blocks.written(self.file(key, record))

    def log(self, name: str) -> bytes:
        try:
            return blocks.of_text(self._read(f"{name}{LOG}"))
        except (OSError, ValueError) as error:
            raise Failed(f"{self.path}/{name}{LOG} cannot be read: {error}", code="459") from error

    def size(self, key: str, record: Record) -> int:
        if record.dropped:
            return record.size
        return self._size(self.file(key, record), record)

    def _size(self, path: Path, record: Record) -> int:
        """Bytes that a guest sees of an image. Raises Failed if it continues another than its record says."""
        if record.format is not VolumeFormat.qcow2:
            return path.lstat().st_size
        head = qcow2.read(path)
        named = head.backing and head.backing.file
        if named not in _names_of(record.parent) and named not in _names_of(self._passed_over(record)):
            raise Failed(f"{path} continues something else than its record says", path=str(path))
        return head.size

    def _passed_over(self, record: Record) -> str:
        """What a volume may continue because a datapath merges the one between."""
        if record.parent:
            with contextlib.suppress(BackendError):
                parent = self.record(record.parent)
                return parent.parent if parent.merging else record.parent
        return record.parent

    def volume(self, sr: Sr, key: str, record: Record) -> Volume:
        path = None if record.dropped else self.file(key, record)
        return Volume(
            sr,
            key,
            record.uuid,
            record.size if path is None else self._size(path, record),
            record.format,
            physical=0 if path is None else path.stat().st_blocks * 512,
            parent=record.parent,
            hidden=record.hidden,
            name=record.name,
            read_only=record.hidden,
            tracked=record.track is not None,
            dropped=record.dropped,
        )

    def name(self, key: str, kind: VolumeFormat) -> str:
        return f"{key}.{kind}"

    def unwritten(self, key: str, record: Record) -> bool:
        path = self.image(key, record)
        if record.format is not VolumeFormat.qcow2:
            return False
        return path.stat().st_size <= qcow2.pristine_size(self._size(path, record))

    # Changes

    @contextlib.contextmanager
    def making(self, *images: NewImage) -> Iterator[list[Path]]:
        paths = [self._place(f"tmp/{self.name(image.key, image.record.format)}") for image in images]
        with Lock(self._place("tmp/lock")) as lock:
            lock.shared()
            self._before_step()
            try:
                yield paths
            finally:
                for path in paths:
                    path.unlink(missing_ok=True)

    def commit(self, change: Change) -> None:
        for name, found in change.logs.items():
            self._before_step()
            self._write(f"{name}{LOG}", blocks.text_of(found))
        written = change.made | change.changed
        kept = {log for record in written.values() for log in _logs_of(record)}
        files = FileChange(
            removes=[n for key, record in change.removed.items() for n in _files_of(key, record) if n not in kept]
        )
        for key, record in change.made.items():
            file = self.name(key, record.format)
            files.moves.append((f"tmp/{file}", file))
        files.writes.update({f"children/{record.parent}/{key}": "" for key, record in written.items() if record.parent})
        files.writes.update({f"{key}.json": _text_of(record) for key, record in written.items()})
        for key, record in change.changed.items():
            old = self.record(key)
            files.removes.extend(name for name in _logs_of(old) if name not in kept)
            if record.dropped:
                files.removes.extend(set(_files_of(key, old)) - {f"{key}.json", *_logs_of(old)})
            elif (before := old.parent) != record.parent:
                below = self.record(record.parent)
                named = self.name(record.parent, below.format), str(below.format)
                files.backings[self.name(key, record.format)] = named
                files.removes.append(f"children/{before}/{key}")
        self.commit_files(files)

    def grow(self, key: str, record: Record, size: int) -> None:
        # In place: qemu-img makes the file longer first and writes the new size last.
        path = self.image(key, record)
        run(["qemu-img", "resize", "-q", "-f", str(record.format), "--", str(path), str(size)])
        sync_path(path)

    def make_room(self, key: str, record: Record, more: int) -> None:
        """A file becomes longer by itself."""

    def reserve(self, key: str, record: Record, size: int) -> int:
        return size

    # Leases

    def lease(self, key: str, owner: str) -> None:
        self.assert_unwritten(key, but_by=owner)
        self._hosts.enter(self.path)
        if not self.holder(key):
            # Not synced: who loses it by a power cut has lost the guest that it protected as well.
            self._fresh(f"{key}{LEASE}", self._hosts.lease(owner).text, sync=False)

    def release(self, key: str, owner: str) -> None:
        lease = self._lease(key) if KEY.fullmatch(key) else None
        if lease is not None and lease.owner == owner and not self._is_anothers(lease):
            (self.path / f"{key}{LEASE}").unlink(missing_ok=True)

    def leases(self) -> dict[str, str]:
        keys = [path.stem for path in self.path.glob(f"[!.]*{LEASE}")]
        found = {key: lease for key in keys if KEY.fullmatch(key) and (lease := self._valid_lease(key))}
        return {key: lease.owner for key, lease in found.items() if not self._is_anothers(lease)}

    def holder(self, key: str) -> str:
        lease = self._valid_lease(key)
        return lease.owner if lease is not None else ""

    def assert_unwritten(self, key: str, but_by: str = "") -> None:
        lease = self._valid_lease(key)
        if lease is not None and not self._hosts.gives(lease):
            where = f"{lease.owner} on the host {lease.host}"
            raise InUse(f"the volume {key} is open for {where}", key=key, owner=lease.owner, code=OPEN_ELSEWHERE)
        super().assert_unwritten(key, but_by)

    def _lease(self, key: str) -> Lease | None:
        try:
            return Lease.read(self._read(f"{key}{LEASE}"))
        except FileNotFoundError:
            return None

    def _valid_lease(self, key: str) -> Lease | None:
        """The lease of a volume, unless whoever had it is certainly gone."""
        lease = self._lease(key)
        return None if lease is None or self._is_void(key, lease) else lease

    def _is_anothers(self, lease: Lease) -> bool:
        """Whether a lease is of another host that lives: its own affair."""
        return not self._hosts.gives(lease) and self._hosts.lives(self.path, lease)

    def _is_void(self, key: str, lease: Lease) -> bool:
        """Whether nobody can write by a lease any more. The process of its host may be gone, and guests live on: so it
        counts too whether QEMU has the image open. What goes into a raw one may come from elsewhere.
        """
        if self._hosts.gives(lease) or self._hosts.lives(self.path, lease):
            return False
        rebooted = self._hosts.gave_before(lease)
        try:
            record = self.record(key)
            if not rebooted and (record.format is VolumeFormat.raw or not self._hosts.shares_locks(self.path)):
                return False
            void = not is_written(self.file(key, record))
        except NotFound:
            return True
        except (BackendError, OSError) as error:
            log.error("whether %s is written cannot be told: %s", key, error)
            return False
        if void:
            log.info("%s was leased to %s by a host that is gone", key, lease.owner)
        return void


def repositories_in(root: Path) -> Iterator[str]:
    """Uuids of the repositories that lie in a folder, each in one of its own that is named by it."""
    if not root.is_dir():
        return
    for each in root.iterdir():
        if KEY.fullmatch(each.name) and each.is_dir() and not each.is_symlink():
            with contextlib.suppress(BackendError):
                if Folder(each).identity().uuid == each.name:
                    yield each.name


def _unfinished(name: str) -> bool:
    """Whether a file was being written when its writer died."""
    return name.startswith(".") and name.endswith(".new")


def _text_of(record: Record) -> str:
    facts = asdict(record)
    if not record.dropped:
        del facts["size"]  # A guest may let its image grow.
    for name in ("merging", "track", "dropped"):
        if not facts[name]:
            del facts[name]
    return msgspec.json.encode(facts).decode()


def _files_of(key: str, record: Record) -> list[str]:
    """Everything that a volume consists of; its record first, since without that there is no volume."""
    found = [f"{key}.json", f"{key}.{record.format}", f"{key}{LEASE}", *_logs_of(record)]
    return [*found, f"children/{record.parent}/{key}"] if record.parent else found


def _logs_of(record: Record) -> list[str]:
    return [f"{record.track.log}{LOG}"] if record.track is not None and record.track.log else []


def _names_of(parent: str) -> list[str | None]:
    """What the header of an overlay may call the file that it continues; None: there is none."""
    return [f"{parent}.{kind}" for kind in VolumeFormat] if parent else [None]

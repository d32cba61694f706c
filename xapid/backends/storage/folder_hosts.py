"""The hosts that use the folder of a repository, leases of theirs, and whether they live.

Each that has it attached keeps a file ``hosts/HOST.BOOT`` locked. The kernel gives that lock back when the process
ends, and a server of NFS when it hears no more of the host.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from xapid.backends.interface import Failed
from xapid.backends.storage.entries import names_in
from xapid.backends.storage.folder_lock import Lock
from xapid.backends.storage.uses import boot_id
from xapid.backends.storage.volume_store import KEY
from xapid.backends.whole_files import write_whole

PLACE = "hosts"
"""The folder, in that of the repository, with a file for each host."""
UNNAMED = str(UUID(int=0))
"""What a host is called that has no state of its own: a test's."""
WRITES = 101
"""Which byte of an image QEMU locks, shared, while it may write it."""
FLOCK = "hhqqi0q"
"""As fcntl takes it: type, whence, start, length, process."""


@dataclass(frozen=True)
class Lease:
    """Who may write a volume."""

    owner: str
    host: str = ""
    """Which host lends it; empty: whichever reads that."""
    boot: str = ""
    """The boot of that host in which it did."""

    @classmethod
    def read(cls, text: bytes) -> Lease | None:
        """What a file says. None for one whose writer died before it said something."""
        words = text.decode(errors="replace").split()
        if not words:
            return None
        if len(words) != 3 or not all(map(KEY.fullmatch, words[1:])):
            return cls(" ".join(words))
        return cls(*words)

    @property
    def text(self) -> str:
        return f"{self.owner} {self.host} {self.boot}"


@dataclass
class FolderHosts:
    """This host among those that use the same folders."""

    root: Path | None = None
    """The file ``host-id`` in it says what this host is called there."""
    shares_locks: Callable[[Path], bool] = lambda folder: True
    """Whether hosts see each other's locks of files in a folder."""
    _known: str = ""
    _present: dict[Path, Lock] = field(default_factory=dict)
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def __del__(self) -> None:
        for lock in self._present.values():
            lock.__exit__()

    def lease(self, owner: str) -> Lease:
        """One that this host gives."""
        return Lease(owner, self._name(), boot_id())

    def gives(self, lease: Lease) -> bool:
        """Whether this host gave a lease, since it was booted."""
        return not lease.host or lease == self.lease(lease.owner)

    def gave_before(self, lease: Lease) -> bool:
        """Whether this host gave a lease before it was booted: no guest of its own can use that."""
        return lease.host == self._name() and lease.boot != boot_id()

    def enter(self, folder: Path) -> None:
        """Be seen to live in a folder from now on, until ``leave`` or the end of this process."""
        with self._changing:
            if folder in self._present:
                return
            place = folder / PLACE
            if place.is_symlink():
                raise Failed(f"{place} is a link", path=str(place))
            place.mkdir(mode=0o700, exist_ok=True)
            lock = Lock(place / f"{self._name()}.{boot_id()}").__enter__()
            lock.shared()
            self._present[folder] = lock
        for name in names_in(place):
            host, _, boot = name.partition(".")
            if host == self._name() and boot != boot_id() and not self.lives(folder, Lease("", host, boot)):
                (place / name).unlink(missing_ok=True)

    def leave(self, folder: Path) -> None:
        """Be seen there no more."""
        with self._changing:
            if (lock := self._present.pop(folder, None)) is not None:
                lock.__exit__()

    def lives(self, folder: Path, lease: Lease) -> bool:
        """Whether the host that gave a lease uses a folder, in the same boot."""
        try:
            fd = os.open(folder / PLACE / f"{lease.host}.{lease.boot}", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _name(self) -> str:
        self._known = self._known or (UNNAMED if self.root is None else _name_below(self.root))
        return self._known


def _name_below(root: Path) -> str:
    path = root / "host-id"
    root.mkdir(parents=True, exist_ok=True)
    with Lock(root / "host-id.lock") as lock:
        lock.exclusive()
        if not path.exists():
            write_whole(path, str(uuid4()).encode())
        return path.read_text().strip()


def is_written(image: Path) -> bool:
    """Whether a process of QEMU, on any host whose locks are seen here, may write an image."""
    fd = os.open(image, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, WRITES, 1, 0)
        kind, *_ = struct.unpack(FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))
    finally:
        os.close(fd)
    return bool(kind != fcntl.F_UNLCK)

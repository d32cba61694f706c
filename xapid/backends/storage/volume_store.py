"""Where the volumes of a repository are kept: records, images, who writes them, and how all that changes."""

from __future__ import annotations

import contextlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from xapid.backends.interface import Failed, InUse
from xapid.backends.storage import qcow2
from xapid.backends.storage.interface import Sr, Volume, VolumeFormat

KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What volumes are called."""
BORROWER = "borrower-"
"""How the names of those begin who have an image open for a while only; the number of their process follows."""


@dataclass(frozen=True)
class Track:
    """That the changes of a volume are noted, and where (``tracks``)."""

    since: str = ""
    """uuid of the volume before it in the line: what changed between the two is known; empty: it is the first."""
    anchor: str = ""
    """Key of the volume with whose image that one ended."""
    log: str = ""
    """Where it is written down what images knew that are gone; empty: nothing."""


@dataclass(frozen=True)
class Record:
    """What is written down of a volume."""

    uuid: str
    format: VolumeFormat
    parent: str = ""
    hidden: bool = False
    name: str = ""
    size: int = 0
    """Bytes that a guest sees, for stores that keep it here and not in the image, which a guest may let grow."""
    merging: bool = False
    """A datapath writes it over the one that it continues, so that those above may continue that already."""
    track: Track | None = None
    """None: its changes are not noted."""
    dropped: bool = False
    """There is no image any more, only what changed: of this, too, the size is kept here."""


@dataclass(frozen=True)
class NewImage:
    """An image that is about to be made."""

    key: str
    record: Record
    reading: bool = False
    """Whether nobody is to write it once it is made, as far as is known."""
    filled: bool = False
    """Whether it comes to hold more than nothing while it is made."""


@dataclass(frozen=True)
class Change:
    """What happens to several volumes at one moment, or not at all."""

    made: dict[str, Record] = field(default_factory=dict)
    """Volumes whose image was made just now, new ones and those that get another image."""
    changed: dict[str, Record] = field(default_factory=dict)
    """Volumes that get another record; their images stay, but that they name what the records say they continue."""
    removed: dict[str, Record] = field(default_factory=dict)
    """Volumes that go, with all they consist of."""
    logs: dict[str, bytes] = field(default_factory=dict)
    """New logs of changes. Those that no record of a change names any more go."""


class VolumeStore(ABC):
    """One repository's volumes. Several threads and processes may work on it; the lock keeps them in turn."""

    kind = "file"
    """How an image is opened: file or block."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, for people."""

    # Volumes

    @abstractmethod
    def records(self) -> dict[str, Record]:
        """Every volume by its key. One that cannot be read is left out, and the log says so."""

    @abstractmethod
    def record(self, key: str) -> Record:
        """A volume. Raises NotFound."""

    @abstractmethod
    def children(self, key: str) -> list[str]:
        """Keys of the volumes that continue one."""

    @abstractmethod
    def size(self, key: str, record: Record) -> int:
        """Bytes that a guest sees of a volume. Raises NotFound, Failed."""

    @abstractmethod
    def volume(self, sr: Sr, key: str, record: Record) -> Volume:
        """A volume with its figures as they are now. Raises NotFound, Failed."""

    @abstractmethod
    def name(self, key: str, kind: VolumeFormat) -> str:
        """What an image is called beside the others: so overlays name what they continue."""

    @abstractmethod
    def continued(self, key: str, record: Record) -> str:
        """What an image itself says that it continues, by its name; empty: nothing. Raises NotFound, Failed."""

    @abstractmethod
    def unwritten(self, key: str, record: Record) -> bool:
        """Whether an overlay still has nothing but what its parent has. Only while locked."""

    @abstractmethod
    def written(self, key: str, record: Record) -> bytes:
        """The blocks that a qcow2 image has itself (``blocks.written``). Only while locked. Raises NotFound, Failed."""

    @abstractmethod
    def log(self, name: str) -> bytes:
        """What a log of changes says. Raises Failed."""

    # Opening

    @abstractmethod
    def verify(self, key: str, record: Record) -> None:
        """Raises NotFound, Failed where a volume, or what it continues, is not as the records say."""

    @abstractmethod
    def file(self, key: str, record: Record) -> Path:
        """Where a volume's bytes are. Raises NotFound, Failed if there is something else."""

    @abstractmethod
    def open(self, key: str, record: Record, owner: str, write: bool) -> Path:
        """Make an image, and all that it continues, ready to be opened until ``owner`` closes it. Only while locked.

        Raises NotFound, Failed where it names something else than the records say: QEMU would follow the header to
        any file of this host, or over the network. Can be repeated.
        """

    @abstractmethod
    def close(self, key: str, owner: str) -> None:
        """The owner needs it no more. Bears that it never was opened, or is gone. Only while locked."""

    # Changes

    @abstractmethod
    def making(self, *images: NewImage) -> contextlib.AbstractContextManager[Sequence[Path]]:
        """Where new images are to be made. A change brings them to where they belong; what it does not is removed."""

    @abstractmethod
    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else changes the repository; what somebody left half done is complete. Raises NotFound."""

    @abstractmethod
    def commit(self, change: Change) -> None:
        """Make a change, wholly or not at all, whatever happens. Only while locked."""

    @abstractmethod
    def grow(self, key: str, record: Record, size: int) -> None:
        """Let a volume that nobody writes have this size, which is not less. Only while locked."""

    @abstractmethod
    def make_room(self, key: str, record: Record, more: int) -> None:
        """See to it that an image can take so many bytes more. Only while locked. Raises NoSpace."""

    @abstractmethod
    def reserve(self, key: str, record: Record, size: int) -> int:
        """Have room for all that a volume of this size may come to hold, whoever writes it. Only while locked.

        The size that it can have then. Raises NoSpace.
        """

    # Who writes

    @abstractmethod
    def lease(self, key: str, owner: str) -> None:
        """Let ``owner``, and nobody else, write a volume. Raises InUse. Only while locked."""

    @abstractmethod
    def release(self, key: str, owner: str) -> None:
        """Give back what ``owner`` has; what others have stays. Only while locked."""

    @abstractmethod
    def leases(self) -> dict[str, str]:
        """Who may write which volume."""

    @abstractmethod
    def holder(self, key: str) -> str:
        """Who may write a volume now; empty: nobody."""

    def assert_unwritten(self, key: str, but_by: str = "") -> None:
        """Raises InUse if somebody may write the volume, or somebody else."""
        holder = self.holder(key)
        if holder not in ("", but_by):
            raise InUse(f"the volume {key} is written by {holder}", key=key, owner=holder)

    # What they all do

    def image(self, key: str, record: Record) -> Path:
        """The file of a volume for whoever opens it: what its header names is what the records say, to the end.

        Raises NotFound, and Failed where it is not.
        """
        path = own = self.file(key, record)
        passed = set()
        while record.format is VolumeFormat.qcow2:
            passed.add(key)
            if record.parent in passed:
                raise Failed(f"{path} continues itself", path=str(path))
            named = qcow2.read(self.opened_at(own)).backing
            below = next((each for each in self._below(record) if self._names(each) == named), None)
            if below is None:
                raise Failed(f"{own} continues something else than its record says", path=str(own))
            if not below[0]:
                break
            key, record = below
            own = self.file(key, record)
        return path

    def _below(self, record: Record) -> Iterator[tuple[str, Record]]:
        """What the image of a volume may say that it continues: an empty key stands for nothing."""
        if not record.parent:
            yield "", record
            return
        parent = self.record(record.parent)
        yield record.parent, parent
        if parent.merging:
            yield parent.parent, self.record(parent.parent)

    def _names(self, volume: tuple[str, Record]) -> qcow2.Backing | None:
        key, record = volume
        return qcow2.Backing(self.name(key, record.format), str(record.format)) if key else None

    @staticmethod
    def opened_at(path: Path) -> Path:
        """Where a file is read that must not be a link."""
        return path

    def depth(self, key: str) -> int:
        """How many images a volume is read through."""
        depth = 0
        while key:
            depth += 1
            key = self.record(key).parent
        return depth


@contextlib.contextmanager
def borrowed(store: VolumeStore, key: str, record: Record, write: bool) -> Iterator[Path]:
    """An image that is open for as long as that takes; the store is not locked meanwhile."""
    owner = f"{BORROWER}{os.getpid()}-{uuid4()}"
    with store.locked():
        path = store.open(key, record, owner, write)
    try:
        yield path
    finally:
        with store.locked():
            store.close(key, owner)

"""A repository in a volume group: which logical volumes there are, and how they change so that a crash leaves no half.

RECORDS              what is written down of the volumes (GroupRecords); active while the repository is attached
QCOW2-KEY, LV-KEY    a volume's bytes, an image or raw; active while somebody needs it. Without a record it is nobody's
NEW-QCOW2-KEY        an image that is to take the place of another
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from xapid.backends.interface import Failed, NoSpace, NotFound
from xapid.backends.process import run
from xapid.backends.storage import blocks, qcow2, qcow2_space, sizes
from xapid.backends.storage.group_records import FORMAT, IMAGE, SIZE, Contents, Kept, Pending
from xapid.backends.storage.group_state import NEW, RECORDS, GroupState, kept_of, zero
from xapid.backends.storage.interface import Sr, Volume, VolumeFormat
from xapid.backends.storage.lvm_commands import EXTENT, Group
from xapid.backends.storage.on_disk import sync_path
from xapid.backends.storage.volume_store import KEY, Change, NewImage, Record, VolumeStore

log = logging.getLogger(__name__)


class VolumeGroup(GroupState, VolumeStore):
    """One repository's volume group. ``thin``: what nobody writes takes only what it holds."""

    kind = "block"

    @property
    def place(self) -> str:
        return self.group

    # The repository

    def create(self) -> None:
        """Make the group a repository, unless it is."""
        self._prepare()
        with self._lock("lock") as lock:
            lock.exclusive()
            found = self._lvm.group(self.group)
            if found is None:
                self._before_step()
                self._lvm.create_group(self.group)
            new = found is None or RECORDS not in found.volumes
            if new:
                self._before_step()
                self._lvm.create(self.group, RECORDS, SIZE)
            self._lvm.activate(self.group, [RECORDS])
            try:
                if new:
                    # There may be another's, from a group that lay there before.
                    self._records_here().erase()
                with contextlib.suppress(NotFound):
                    self._records_here().read()
                    return
                self._before_step()
                self._records_here().write(Contents(FORMAT, self.uuid))
            finally:
                self._lvm.deactivate(self.group, [RECORDS])

    def attach(self) -> None:
        """Have its records at hand, complete what a crash left half done, and remove what nobody is making any more.

        Raises NotFound (47) where there is no such repository.
        """
        now = self._now()
        self._prepare()
        if RECORDS not in self._lvm.active(self.group):
            self._lvm.activate(self.group, [RECORDS])
        if self._records_here().read().uuid != self.uuid:
            raise NotFound(f"{self.group} holds another repository", code="47")
        with self._lock("making") as making:
            if making.alone():
                self._tidy(now)

    def detach(self) -> None:
        """Let nothing be active any more. Raises InUse (16) while somebody has a volume open."""
        self._lvm.deactivate(self.group, sorted(self._lvm.active(self.group)))

    def destroy(self) -> None:
        self._lvm.remove_group(self.group)

    def look(self, sr: Sr) -> tuple[Group, list[Volume], list[str]]:
        """The group, every volume, and keys of those that are written down but not there."""
        contents, now = self._contents(), self._now()
        volumes, lost = [], []
        for key, kept in contents.volumes.items():
            room = 0 if kept.record.dropped else now.volumes.get(self.name(key, kept.record.format))
            if room is None:
                log.error("volume %s of %s is damaged: its logical volume is missing", key, self.group)
                lost.append(key)
            else:
                volumes.append(self._volume(sr, key, replace(kept, room=room)))
        return now, volumes, lost

    # Volumes

    def records(self) -> dict[str, Record]:
        return {key: kept.record for key, kept in self._contents().volumes.items()}

    def record(self, key: str) -> Record:
        return kept_of(self._contents(), key).record

    def children(self, key: str) -> list[str]:
        return [each for each, record in self.records().items() if record.parent == key]

    def size(self, key: str, record: Record) -> int:
        return self._size(key, kept_of(self._contents(), key))

    def volume(self, sr: Sr, key: str, record: Record) -> Volume:
        return self._volume(sr, key, kept_of(self._contents(), key))

    def continued(self, key: str, record: Record) -> str:
        if record.format is not VolumeFormat.qcow2:
            return ""
        with self._activated([self.name(key, record.format)]) as [path]:
            named = qcow2.read(path).backing
        return named.file if named else ""

    def unwritten(self, key: str, record: Record) -> bool:
        if record.format is not VolumeFormat.qcow2:
            return False
        with self._activated([self.name(key, record.format)]) as [path]:
            return qcow2_space.is_empty(path)

    def written(self, key: str, record: Record) -> bytes:
        with self._activated([self.name(key, record.format)]) as [path]:
            return blocks.written(path)

    def log(self, name: str) -> bytes:
        try:
            return blocks.of_text(self._contents().logs[name].encode())
        except (KeyError, ValueError) as error:
            raise Failed(f"the log of changes {name} in {self.group} cannot be read: {error}", code="459") from error

    def verify(self, key: str, record: Record) -> None:
        """Headers are looked at when an image is opened: it has to be active for that."""
        self._chain(self._contents(), key)

    def file(self, key: str, record: Record) -> Path:
        path = self._lvm.path(self.group, self.name(key, record.format))
        if not path.is_block_device():
            raise NotFound(f"{path} is missing", path=str(path))
        return path

    @staticmethod
    def opened_at(path: Path) -> Path:
        return path.resolve()

    # Opening

    def open(self, key: str, record: Record, owner: str, write: bool) -> Path:
        if write and not record.hidden:
            self.reserve(key, record, record.size)
        chain = self._chain(self._contents(), key)
        self._openers.add(key, owner)
        self._before_step()
        active = self._lvm.active(self.group)
        self._lvm.activate(self.group, [name for name in chain if name not in active])
        path = self.image(key, record)
        self._learn_size(key)
        return path

    def close(self, key: str, owner: str) -> None:
        if KEY.fullmatch(key) and self._openers.remove(key, owner):
            self._learn_size(key)
            self._fit([key])
            self._let_go(self._lvm.active(self.group))

    # Changes

    @contextlib.contextmanager
    def making(self, *images: NewImage) -> Iterator[list[Path]]:
        with self._lock("making") as lock:
            lock.shared()
            taken = self.records()
            names = [self._new_name(image, taken) for image in images]
            try:
                for name, image in zip(names, images, strict=True):
                    self._before_step()
                    self._rooms[name] = self._room(image)
                    self._lvm.create(self.group, name, self._rooms[name])
                self._before_step()
                self._lvm.activate(self.group, names)
                paths = [self._lvm.path(self.group, name) for name in names]
                for path, image in zip(paths, images, strict=True):
                    if image.record.format is VolumeFormat.raw:
                        zero(path)
                yield paths
            finally:
                with self._lock("lock") as short:
                    short.exclusive()
                    self._finish_making(names)

    def commit(self, change: Change) -> None:
        contents, pending = self._contents(), Pending()
        volumes = dict(contents.volumes)
        for key, record in change.made.items():
            name = self.name(key, record.format)
            place = f"{NEW}{name}" if key in volumes else name
            if place != name:
                pending.moves.append((place, name))
            volumes[key] = Kept(record, self._rooms[place])
        for key, record in change.changed.items():
            if record.dropped:
                pending.removes.append(self.name(key, record.format))
                volumes[key] = Kept(record, 0)
                continue
            if record.parent != volumes[key].record.parent:
                below = (change.changed.get(record.parent) or contents.volumes[record.parent].record).format
                pending.backings[self.name(key, record.format)] = self.name(record.parent, below), str(below)
            volumes[key] = replace(volumes[key], record=record)
        for key, record in change.removed.items():
            if volumes.pop(key, None):
                pending.removes.append(self.name(key, record.format))
        leases = {key: owner for key, owner in contents.leases.items() if key in volumes}
        named = {kept.record.track.log for kept in volumes.values() if kept.record.track is not None}
        logs = contents.logs | {name: blocks.text_of(found) for name, found in change.logs.items()}
        logs = {name: text for name, text in logs.items() if name in named}
        todo = pending if pending != Pending() else None
        self._write(replace(contents, volumes=volumes, leases=leases, pending=todo, logs=logs))
        self._complete()
        unmarked = [record.parent for key, record in change.changed.items() if contents.volumes[key].record.merging]
        self._fit([*change.made, *change.changed, *unmarked])
        for key, record in change.changed.items():
            # Somebody writes it again; if there is no room for that any more, whoever is to do so hears of it.
            if contents.volumes[key].record.hidden and not record.hidden and not self._thin:
                with contextlib.suppress(NoSpace):
                    self.reserve(key, record, record.size)

    def grow(self, key: str, record: Record, size: int) -> None:
        self.reserve(key, record, size)
        if record.format is VolumeFormat.qcow2:
            with self._activated(self._chain(self._contents(), key)):
                path = self.image(key, record)
                run(["qemu-img", "resize", "-q", "-f", str(record.format), "--", str(path), str(size)])
                sync_path(path)
                self._learn_size(key)
        self._fit([key])

    def reserve(self, key: str, record: Record, size: int) -> int:
        contents = self._contents()
        kept = kept_of(contents, key)
        room = _most(replace(record, size=size))
        if record.format is not VolumeFormat.raw:
            if room > kept.room:
                self._before_step()
                self._extend(self.name(key, record.format), room)
                self._write(_with(contents, key, replace(kept, room=room)))
            return size
        if room <= kept.room:
            return kept.room
        now = self._now()
        if room - kept.room > now.free:
            raise NoSpace(f"{room - kept.room} bytes do not fit into what is free of {self.group}: {now.free}")
        grown = Kept(replace(record, size=room), room)
        pending = Pending(grows={self.name(key, record.format): (kept.room, room)})
        self._before_step()
        self._write(replace(_with(contents, key, grown), pending=pending))
        self._complete()
        return room

    def make_room(self, key: str, record: Record, more: int) -> None:
        kept = kept_of(self._contents(), key)
        sizes_above = [self.size(heir, self.record(heir)) for heir in self.children(key)]
        size = max([record.size, *sizes_above])
        if record.format is VolumeFormat.raw:
            self.reserve(key, record, size)
            return
        room = min(_rounded(kept.room + more), _most(replace(record, size=size)))
        if room > kept.room:
            self._before_step()
            self._extend(self.name(key, record.format), room)
            self._write(_with(self._contents(), key, replace(kept, room=room)))

    # Leases

    def lease(self, key: str, owner: str) -> None:
        self.assert_unwritten(key, but_by=owner)
        if not self.holder(key):
            contents = self._contents()
            self._write(replace(contents, leases={**contents.leases, key: owner}))

    def release(self, key: str, owner: str) -> None:
        if self.holder(key) == owner:
            contents = self._contents()
            self._write(replace(contents, leases={k: who for k, who in contents.leases.items() if k != key}))

    def leases(self) -> dict[str, str]:
        return dict(self._contents().leases)

    def holder(self, key: str) -> str:
        return self._contents().leases.get(key, "")

    # How

    def _fit(self, keys: Iterable[str]) -> None:
        """Let inner nodes, and in a thin repository all that nobody writes, take only what they hold."""
        contents = self._contents()
        for key in keys:
            kept = contents.volumes.get(key)
            if kept is None or kept.record.format is VolumeFormat.raw or key in contents.leases:
                continue
            if kept.room <= EXTENT or not (kept.record.hidden or self._thin):
                continue
            name = self.name(key, kept.record.format)
            with self._activated([name]) as [path]:
                room = _rounded(qcow2_space.end(path))
            if room < kept.room:
                # Written down first: who believes a volume smaller than it is does no harm.
                contents = _with(contents, key, replace(kept, room=room))
                self._write(contents)
                self._before_step()
                self._lvm.resize(self.group, name, room)

    def _tidy(self, now: Group) -> None:
        before = set(now.volumes)
        with self.locked():
            self._openers.forget_borrowers()
            known = {self.name(key, record.format) for key, record in self.records().items()}
            if stray := [name for name in before if IMAGE.fullmatch(name) and name not in known]:
                there = self._now().volumes
                log.info("removing from %s what was never completed: %s", self.group, ", ".join(stray))
                self._remove([name for name in stray if name in there])
            self._let_go(self._lvm.active(self.group))

    def _new_name(self, image: NewImage, taken: dict[str, Record]) -> str:
        name = self.name(image.key, image.record.format)
        return f"{NEW}{name}" if image.key in taken else name

    def _room(self, image: NewImage) -> int:
        bare = image.record.format is VolumeFormat.qcow2 and not image.filled and (self._thin or image.reading)
        return _rounded(qcow2.pristine_size(image.record.size)) if bare else _most(image.record)

    def _finish_making(self, names: list[str]) -> None:
        """What became volumes is not needed open any more; what did not is removed."""
        contents = self._contents()
        known = {self.name(key, kept.record.format) for key, kept in contents.volumes.items()}
        self._let_go(self._lvm.active(self.group))
        if left := [name for name in names if name not in known]:
            there = self._now().volumes
            self._lvm.remove(self.group, [name for name in left if name in there])

    def _size(self, key: str, kept: Kept) -> int:
        if kept.record.dropped:
            return kept.record.size
        if kept.record.format is VolumeFormat.raw:
            return kept.room
        with contextlib.suppress(OSError, NotFound):  # It is not active, or not any more.
            return qcow2.read(self.file(key, kept.record).resolve()).size
        return kept.record.size

    def _learn_size(self, key: str) -> None:
        """Write down what an image that is active says: a guest's block layer may have let it grow."""
        contents = self._contents()
        if kept := contents.volumes.get(key):
            size = self._size(key, kept)
            if size != kept.record.size:
                self._write(_with(contents, key, replace(kept, record=replace(kept.record, size=size))))

    def _volume(self, sr: Sr, key: str, kept: Kept) -> Volume:
        record = kept.record
        return Volume(
            sr,
            key,
            record.uuid,
            self._size(key, kept),
            record.format,
            physical=kept.room,
            parent=record.parent,
            hidden=record.hidden,
            name=record.name,
            read_only=record.hidden,
            tracked=record.track is not None,
            dropped=record.dropped,
        )


def _with(contents: Contents, key: str, kept: Kept) -> Contents:
    return replace(contents, volumes={**contents.volumes, key: kept})


def _rounded(size: int) -> int:
    return sizes.rounded(size, EXTENT, size)


def _most(record: Record) -> int:
    """Bytes that a volume takes at most."""
    if record.format is VolumeFormat.raw:
        return _rounded(record.size)
    return _rounded(qcow2_space.whole_size(record.size))

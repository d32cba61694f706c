"""Trees of volumes: qcow2 images that continue each other, raw where that is asked for; wherever they are kept.

A snapshot or clone turns the volume's image into an inner node and lays two overlays on it: the volume goes on in one,
the other is new. A guest that has the volume open writes to the inner node until its block layer moves to the overlay.
"""

from __future__ import annotations

import contextlib
import os
import uuid as uuids
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from xapid.backends.interface import AlreadyExists, Failed, InUse, NoSpace, NotFound, NotSupported
from xapid.backends.storage import qcow2, sizes, tracks, transfer
from xapid.backends.storage.digests import Digests
from xapid.backends.storage.interface import Branch, Disk, NewVolume, NoTracking, Progress, Sr, Volume, VolumeFormat
from xapid.backends.storage.on_disk import disk_errors, sync_path
from xapid.backends.storage.volume_store import Change, NewImage, Record, VolumeStore, borrowed

DEEPEST = 30
"""How many images one volume may be read through."""
SUSPEND_IMAGE = "suspend"


class VolumeTrees(NoTracking, Digests, ABC):
    """The volumes of a driver's repositories; what a repository is, its driver says."""

    step = sizes.MIB
    """Sizes are multiples of this, the block in which archives carry a disk."""
    raw_step = sizes.SECTOR
    """The same for raw images, which have the size that was asked for."""

    def __init__(self) -> None:
        self._tell: Callable[[Progress], None] = lambda progress: None

    @abstractmethod
    def _store(self, sr: Sr) -> VolumeStore:
        """Where a repository's volumes are kept. Raises BadConfig, NotFound."""

    def watch(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell

    # Volume, in life-cycle order

    def create(self, sr: Sr, new: NewVolume) -> Volume:
        store = self._store(sr)
        kind = _format_of(new)
        size = sizes.rounded(new.size, self._step(kind), sizes.LARGEST)
        record = Record(new.uuid, kind, name=new.name, size=size)
        key = self._free_key(store, new.uuid)
        with disk_errors(), store.making(NewImage(key, record)) as [image]:
            _make_empty(image, kind, size)
            with store.locked():
                store.commit(Change(made={key: record}))
        return store.volume(sr, key, record)

    def attach(self, volume: Volume, owner: str, write: bool) -> Disk:
        with self._found(volume) as (store, key, record):
            if write and record.hidden:
                raise NotSupported(f"{key} is a base of other volumes and cannot be written", key=key)
            if write:
                store.assert_unwritten(key, but_by=owner)
            path = store.open(key, record, owner, write)
            if write:
                store.lease(key, owner)
        return Disk(str(path), record.format, store.kind, read_only=not write)

    def detach(self, volume: Volume, owner: str) -> None:
        with disk_errors(), contextlib.suppress(NotFound):
            store = self._store(volume.sr)
            with store.locked():
                store.release(volume.key, owner)
                store.close(volume.key, owner)

    def leases(self, sr: Sr) -> dict[str, str]:
        with disk_errors():
            return self._store(sr).leases()

    def snapshot(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        return self._branch(volume, new, base_uuid, reading=True)

    def clone(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        return self._branch(volume, new, base_uuid, reading=False)

    def unbranch(self, branch: Branch, before: Volume) -> None:
        with disk_errors(), contextlib.suppress(NotFound), self._found(before) as (store, key, record):
            # By uuid, since the keys are not known to who wrote this undo down before the do.
            heirs = {child: store.record(child) for child in store.children(key)}
            made = {
                child: heir
                for child, heir in heirs.items()
                if heir.uuid in (branch.new.uuid, before.uuid) and record.hidden
            }
            if not made:
                self._destroy_beside(store, branch.new.uuid, key, record)
                return
            if len(made) < len(heirs) or any(not store.unwritten(child, heir) for child, heir in made.items()):
                raise InUse(f"the volumes that continue {key} are in use already", key=key)
            track = tracks.unbranched(*(_with_uuid(made, uuid) for uuid in (branch.new.uuid, before.uuid)))
            restored = Record(
                before.uuid, record.format, record.parent, before.hidden, before.name, record.size, track=track
            )
            store.commit(Change(changed={key: restored}, removed=made))

    def copy(self, volume: Volume, sr: Sr, new: NewVolume, progress: str = "") -> Volume:
        if volume.sr.type != sr.type:
            raise NotSupported(f"a volume of a repository of type {volume.sr.type} cannot be copied by this driver")
        with self._found(volume) as (source_store, source_key, source):
            source_store.verify(source_key, source)
            source_store.assert_unwritten(source_key)
            size = source_store.size(source_key, source)
        store, kind = self._store(sr), _format_of(new)
        record = Record(new.uuid, kind, name=new.name, size=size)
        key = self._free_key(store, new.uuid)
        with (
            disk_errors(),
            borrowed(source_store, source_key, source, write=False) as path,
            store.making(NewImage(key, record, filled=True)) as [image],
        ):
            transfer.copy_into(Disk(str(path), source.format), image, kind, self._teller(progress))
            sync_path(image)
            with store.locked():
                store.commit(Change(made={key: record}))
        return store.volume(sr, key, record)

    def fill(self, volume: Volume, source: Disk, base: Disk | None = None, progress: str = "") -> Volume:
        with self._unused(volume) as (store, key, record):
            pass
        tell = self._teller(progress)
        with disk_errors(), borrowed(store, key, record, write=True) as path:
            target = Disk(str(path), record.format)
            if base is None:
                transfer.write_over(source, target, tell)
            else:
                overlay = Record(str(uuids.uuid4()), VolumeFormat.qcow2, size=store.size(key, record))
                with store.making(NewImage(overlay.uuid, overlay, filled=True)) as [differences]:
                    transfer.write_differences(source, base, target, differences, tell)
            sync_path(path)
        return store.volume(volume.sr, key, record)

    def rewind(self, volume: Volume) -> Volume:
        with self._unused(volume) as (store, key, record):
            if not record.parent:
                raise NotSupported(f"{key} continues nothing that it could go back to", key=key)
            if store.unwritten(key, record):
                return store.volume(volume.sr, key, record)
            store.verify(key, record)
            size = store.size(key, record)
            below = self._backing(store, record.parent, store.record(record.parent))
        with disk_errors(), store.making(NewImage(key, record)) as [image]:
            qcow2.create(image, size, below)
            with self._unused(volume):
                store.commit(Change(made={key: record}))
        return store.volume(volume.sr, key, record)

    def resize(self, volume: Volume, size: int) -> Volume:
        with self._found(volume) as (store, key, record):
            store.assert_unwritten(key)  # A guest that writes it must grow it.
            store.verify(key, record)
            wanted = sizes.grown(store.size(key, record), size, self._step(record.format), sizes.LARGEST)
            store.grow(key, record, wanted)
            return store.volume(volume.sr, key, store.record(key))

    def make_room(self, volume: Volume, size: int) -> int:
        with self._found(volume) as (store, key, record):
            return store.reserve(key, record, size)

    def stat(self, volume: Volume) -> Volume:
        with self._found(volume) as (store, key, record):
            return store.volume(volume.sr, key, record)

    def destroy(self, volume: Volume) -> None:
        """Also the inner nodes that nobody needs without it."""
        with contextlib.suppress(NotFound), self._found(volume) as (store, key, record):
            if store.children(key):
                raise InUse(f"other volumes continue {key}", key=key)
            store.assert_unwritten(key)
            removed = {key: record} | self._needless(store, key, record)
            change = tracks.passed_on(store, key, record)
            try:
                with disk_errors():
                    store.commit(replace(change, removed=removed))
            except NoSpace:
                if not change.logs:
                    raise
                # Room is made nevertheless.
                store.commit(replace(tracks.forgotten(change), removed=removed))

    # How

    @staticmethod
    def _needless(store: VolumeStore, key: str, record: Record) -> dict[str, Record]:
        """The inner nodes that nobody needs without a volume."""
        found = {}
        child, parent = key, record.parent
        while parent and store.children(parent) == [child]:
            above = store.record(parent)
            if not above.hidden or store.holder(parent):
                break
            found[parent] = above
            child, parent = parent, above.parent
        return found

    def _step(self, kind: VolumeFormat) -> int:
        return self.raw_step if kind is VolumeFormat.raw else self.step

    @contextlib.contextmanager
    def _found(self, volume: Volume) -> Iterator[tuple[VolumeStore, str, Record]]:
        """A volume under the lock of its repository. Raises NotFound."""
        store = self._store(volume.sr)
        with disk_errors(), store.locked():
            if volume.key:
                try:
                    record = store.record(volume.key)
                except NotFound:
                    # A disk that was merged goes on in another place, which may not be recorded yet.
                    pass
                else:
                    yield store, volume.key, record
                    return
            found = next(((k, r) for k, r in store.records().items() if r.uuid == volume.uuid), None)
            if found is None:
                raise NotFound(f"there is no volume {volume.key or volume.uuid}", key=volume.key, uuid=volume.uuid)
            yield store, *found

    @contextlib.contextmanager
    def _unused(self, volume: Volume) -> Iterator[tuple[VolumeStore, str, Record]]:
        """The same for one that nobody writes and nothing continues. Raises InUse."""
        with self._found(volume) as (store, key, record):
            store.assert_unwritten(key)
            if record.hidden or store.children(key):
                raise InUse(f"other volumes continue {key}", key=key)
            yield store, key, record

    @staticmethod
    def _free_key(store: VolumeStore, uuid: str) -> str:
        """The uuid of the new volume, as clients know it from the original; another if an inner node has that name."""
        try:
            taken = store.record(uuid)
        except NotFound:
            return uuid
        if taken.uuid == uuid:
            raise AlreadyExists(f"there is a volume {uuid} already", uuid=uuid)
        return str(uuids.uuid4())

    def _branch(self, volume: Volume, new: NewVolume, base_uuid: str, *, reading: bool) -> Branch:
        with self._found(volume) as (store, key, record):
            store.verify(key, record)
            size = store.size(key, record)
            beside = self._may_branch_beside(store, key, record)
            base = record.parent if beside else key
            if store.depth(base) >= DEEPEST:
                raise Failed(f"{volume.uuid} has too many snapshots in a row ({DEEPEST})", code="109")
            backing = self._backing(store, base, store.record(base))
        new_key = self._free_key(store, new.uuid)
        goes_on = record if beside else Record(record.uuid, VolumeFormat.qcow2, base, name=record.name, size=size)
        born = Record(new.uuid, VolumeFormat.qcow2, base, name=new.name, size=size)
        born, goes_on = tracks.branched(record, born, goes_on, base, snapshot=reading)
        made, changed = {new_key: born}, {}
        if not beside:
            made[str(uuids.uuid4())] = goes_on
            changed[base] = Record(base_uuid, record.format, record.parent, hidden=True, name=record.name, size=size)
        elif goes_on != record:
            changed[key] = goes_on
        news = [NewImage(each, made[each], reading=reading and each == new_key) for each in made]
        with disk_errors(), store.making(*news) as images:
            for image in images:
                qcow2.create(image, size, backing)
            with store.locked():
                store.commit(Change(made, changed))
        volumes = {k: store.volume(volume.sr, k, r) for k, r in (made | changed).items()}
        active = next((k for k in made if k != new_key), "")
        return Branch(
            volumes[active] if active else store.volume(volume.sr, key, goes_on),
            volumes[new_key],
            volumes.get(base),
        )

    @staticmethod
    def _may_branch_beside(store: VolumeStore, key: str, record: Record) -> bool:
        """Whether a volume has nothing that its parent has not, so that a new one can continue the parent as well.

        Else each clone of a template would make its chain one image longer.
        """
        if not record.parent or store.holder(key) or store.children(key):
            return False
        return store.record(record.parent).hidden and store.unwritten(key, record)

    @staticmethod
    def _backing(store: VolumeStore, key: str, record: Record) -> qcow2.Backing:
        return qcow2.Backing(store.name(key, record.format), str(record.format))

    @staticmethod
    def _destroy_beside(store: VolumeStore, uuid: str, of: str, before: Record) -> None:
        """Remove the volume that was made beside another; only while locked."""
        for key, record in store.records().items():
            if record.uuid == uuid:
                if store.children(key) or store.holder(key):
                    raise InUse(f"the volume {key} is in use already", key=key)
                behind = before.track is not None and before.track.since == uuid
                restored = {of: replace(before, track=record.track)} if behind else {}
                store.commit(Change(changed=restored, removed={key: record}))

    def _teller(self, progress: str) -> transfer.Tell:
        def tell(fraction: float) -> None:
            if progress:
                self._tell(Progress(progress, fraction))

        return tell


def _with_uuid(records: dict[str, Record], uuid: str) -> Record | None:
    return next((record for record in records.values() if record.uuid == uuid), None)


def _format_of(new: NewVolume) -> VolumeFormat:
    if new.format is not None:
        return new.format
    return VolumeFormat.raw if new.purpose == SUSPEND_IMAGE else VolumeFormat.qcow2


def _make_empty(image: Path, kind: VolumeFormat, size: int) -> None:
    if kind is VolumeFormat.qcow2:
        qcow2.create(image, size)
    elif not image.is_block_device():  # That has its size, and is empty.
        with image.open("xb") as file:
            file.truncate(size)
            os.fsync(file.fileno())

"""Chains of images become shorter: one is written over the one that it continues, which nothing else continues.

What is written is what hides the lower image's own already, so that all who read through both see the same at any time.
The lower image stays in its place: those above come to continue it in one change, and the upper one goes. A disk itself
goes on in the lower one's place, under its own uuid.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from xapid.backends.interface import InUse, NotFound, NotSupported
from xapid.backends.storage import tracks, transfer
from xapid.backends.storage.interface import Disk, Joint, Merged, Sr, Volume
from xapid.backends.storage.on_disk import disk_errors, locks_told, sync_path
from xapid.backends.storage.volume_store import Change, Record, VolumeStore, borrowed
from xapid.backends.storage.volume_trees import VolumeTrees


class MergingTrees(VolumeTrees):
    """Trees of volumes that become one with another."""

    def __init__(self) -> None:
        super().__init__()
        self._written: set[tuple[str, str]] = set()
        """Places of stores and keys of volumes that were written over those that they continue."""

    def merge(self, volume: Volume, owner: str, speed: int = 0, progress: str = "") -> None:
        with self._found(volume) as (store, key, record):
            lower = _lower(store, key, record)
            for each in _above(store, key):
                store.assert_unwritten(each, but_by="" if record.hidden else owner)
            store.verify(key, record)
            if _is_passed_over(store, key, record):
                return  # A datapath has done it, and nobody was there to take note.
            store.make_room(record.parent, lower, store.volume(volume.sr, key, record).physical)
        with (
            disk_errors(),
            borrowed(store, record.parent, lower, write=True) as into,
            borrowed(store, key, record, write=False) as image,
            locks_told(),
        ):
            self._written.discard((store.place, key))
            transfer.write_down(Disk(str(image), record.format), speed, self._teller(progress))
            sync_path(into)
            self._written.add((store.place, key))

    def begin_merge(self, volume: Volume, owner: str) -> Joint:
        with self._found(volume) as (store, key, record):
            lower = _lower(store, key, record)
            if not record.hidden:
                raise NotSupported(f"{key} is no inner node: its guest writes to it", key=key)
            store.make_room(record.parent, lower, store.volume(volume.sr, key, record).physical)
            self._written.discard((store.place, key))
            if not record.merging:
                store.commit(Change(changed={key: replace(record, merging=True)}))
            # They are open: its disk is read through both.
            places = store.image(key, record), store.image(record.parent, lower)
        formats = record.format, lower.format
        return Joint(*(Disk(str(path), format, store.kind) for path, format in zip(places, formats, strict=True)))

    def end_merge(self, volume: Volume, done: bool) -> Merged | None:
        with contextlib.suppress(NotFound), disk_errors():
            store = self._store(volume.sr)
            with store.locked():
                # By its key alone: another that has its uuid by now is what came of it.
                record = store.record(volume.key)
                written = (store.place, volume.key) in self._written
                self._written.discard((store.place, volume.key))
                # Of one that is not merged it stays written down that a datapath may be at it: one that could not be
                # told to leave off changes a header yet.
                if _is_passed_over(store, volume.key, record) or (done and written):
                    return _joined(volume.sr, store, volume.key, record)
        return None


def _joined(sr: Sr, store: VolumeStore, key: str, record: Record) -> Merged:
    """Let a volume be one with the one that it was written over. Only while locked."""
    lower = _lower(store, key, record)
    size = max(store.size(record.parent, lower), store.size(key, record))
    logs = {}
    if record.hidden:
        noted = tracks.merged(store, key, record, _above(store, key))
        heirs = {heir: noted.changed.get(heir) or store.record(heir) for heir in store.children(key)}
        changed = noted.changed | {heir: replace(each, parent=record.parent) for heir, each in heirs.items()}
        logs = noted.logs
        changed[record.parent] = replace(lower, size=size)
    else:
        changed = {record.parent: replace(record, format=lower.format, parent=lower.parent, size=size)}
    store.commit(Change(changed=changed, removed={key: record}, logs=logs))
    kept = store.volume(sr, record.parent, changed[record.parent])
    return Merged(kept, record.uuid if record.hidden else lower.uuid)


def _lower(store: VolumeStore, key: str, record: Record) -> Record:
    """The inner node that a volume can be written over. Raises NotSupported, InUse. Only while locked."""
    if not record.parent:
        raise NotSupported(f"{key} continues nothing", key=key)
    lower = store.record(record.parent)
    if not lower.hidden:
        raise NotSupported(f"{key} continues a volume that clients see", key=key)
    if store.children(record.parent) != [key]:
        raise InUse(f"other volumes continue {record.parent}", key=record.parent)
    if record.track is not None:
        raise NotSupported(f"{key} would lose sight of what it changed", key=key)
    if not record.hidden and store.children(key):
        raise InUse(f"other volumes continue {key}", key=key)
    if _is_passed_over(store, record.parent, lower):
        raise InUse(f"{record.parent} is merged itself", key=record.parent)
    return lower


def _is_passed_over(store: VolumeStore, key: str, record: Record) -> bool:
    """Whether a datapath has merged a volume: the image above it continues the lower one then."""
    if not record.merging:
        return False
    lower = store.name(record.parent, store.record(record.parent).format)
    return any(store.continued(heir, store.record(heir)) == lower for heir in store.children(key))


def _above(store: VolumeStore, key: str) -> Iterator[str]:
    """A volume and all that is read through it."""
    yield key
    for heir in store.children(key):
        yield from _above(store, heir)

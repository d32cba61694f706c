"""Changes of volumes: noted from a moment on, told between two snapshots, and kept when their data is not."""

from __future__ import annotations

from dataclasses import replace

from xapid.backends.interface import Failed, InUse, NotFound, NotSupported
from xapid.backends.storage import blocks, tracks
from xapid.backends.storage.interface import Volume
from xapid.backends.storage.merging import MergingTrees
from xapid.backends.storage.volume_store import Change, Track


class TrackingTrees(MergingTrees):
    """Trees of volumes that know what changed."""

    def track(self, volume: Volume, on: bool) -> None:
        with self._found(volume) as (store, key, record):
            if (record.track is not None) is not on:
                store.commit(Change(changed={key: replace(record, track=Track() if on else None)}))

    def changed_blocks(self, older: Volume, newer: Volume) -> bytes:
        try:
            with self._found(older) as (store, key, first):
                before = store.size(key, first)
        except NotFound as error:  # It may be of another repository.
            raise Failed(f"{older.uuid} and {newer.uuid} have nothing in common", code=tracks.UNKNOWN) from error
        with self._found(newer) as (store, key, last):
            store.assert_unwritten(key)
            size = store.size(key, last)
            found = tracks.changed(store, first, (key, last))
        if before > size:
            raise Failed(f"{newer.uuid} is smaller than {older.uuid}", code=tracks.UNKNOWN)
        return blocks.fitted(found, size, before)

    def drop_data(self, volume: Volume) -> Volume:
        with self._found(volume) as (store, key, record):
            if record.track is None:
                raise NotSupported(f"changes of {key} are not noted", key=key)
            if not record.dropped:
                if store.children(key):
                    raise InUse(f"other volumes continue {key}", key=key)
                store.assert_unwritten(key)
                change = tracks.closed(store, key, record)
                store.commit(replace(change, removed=self._needless(store, key, record)))
            return store.volume(volume.sr, key, store.record(key))

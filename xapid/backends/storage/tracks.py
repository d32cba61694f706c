"""What volumes whose changes are noted know of the ones before them.

They form a line: each snapshot, and the disk at its end, names the one ``since`` which it tells what changed. Of that
the images between tell by themselves (``blocks``): all that a volume is read through above its ``anchor``, the image
that the one before ended with. What an image knew that goes, by a merge or with the data of a snapshot, is written into
a log before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

from xapid.backends.interface import BackendError, Failed
from xapid.backends.storage import blocks
from xapid.backends.storage.interface import VolumeFormat
from xapid.backends.storage.volume_store import Change, Record, Track, VolumeStore

log = logging.getLogger(__name__)

UNKNOWN = "460"
"""The code of the error that says that changes are not known."""


def branched(past: Record, new: Record, goes_on: Record, base: str, *, snapshot: bool) -> tuple[Record, Record]:
    """What becomes of the records of a branch: a snapshot takes the place in the line of the disk, which comes behind
    it; a clone stands in no line.
    """
    if past.track is None:
        return new, goes_on
    if not snapshot:
        return new, replace(goes_on, track=past.track)
    return replace(new, track=past.track), replace(goes_on, track=Track(new.uuid, base))


def unbranched(new: Record | None, goes_on: Record | None) -> Track | None:
    """What a disk had before it was branched."""
    if new is not None and new.track is not None:
        return new.track
    return goes_on.track if goes_on is not None else None


def changed(store: VolumeStore, older: Record, newer: tuple[str, Record]) -> bytes:
    """What changed between two volumes of a line. Only while locked. Raises Failed."""
    by_uuid = {record.uuid: (key, record) for key, record in store.records().items() if record.track is not None}
    found, (key, record), passed = [], newer, set()
    while record.uuid != older.uuid:
        if record.track is None or not record.track.since or record.uuid in passed:
            raise _unknown(older, newer[1])
        passed.add(record.uuid)
        found.append(_since(store, key, record))
        below = by_uuid.get(record.track.since)
        if below is None:
            raise _unknown(older, newer[1])
        key, record = below
    if found and not record.dropped:
        # Snapshots can be written, too.
        found.append(store.written(key, record) if record.format is VolumeFormat.qcow2 else b"")
    if record.track is None:
        raise _unknown(older, newer[1])
    return blocks.union(*found)


def closed(store: VolumeStore, key: str, record: Record) -> Change:
    """A volume that knows by its log alone what changed, and has no image. Only while locked."""
    size, track = store.size(key, record), record.track or Track()
    left = replace(record, parent="", dropped=True, size=size, track=replace(track, anchor=""))
    if not track.since:
        return Change(changed={key: left})
    return _logged(key, left, _since(store, key, record))


def passed_on(store: VolumeStore, key: str, record: Record) -> Change:
    """What is to be written down as a volume goes: the next of its line tells what it told, too. Only while locked."""
    if record.track is None:
        return Change()
    heirs = (
        (heir, each)
        for heir, each in store.records().items()
        if each.track is not None and each.track.since == record.uuid
    )
    heir, each = next(heirs, ("", record))
    if not heir or each.track is None:
        return Change()
    try:
        told = _since(store, key, record) if record.track.since else b""
        own = _log_of(store, each.track)
    except (BackendError, OSError) as error:
        log.error("what changed before %s is not known any more: %s", each.uuid, error)
        return forgotten(Change(changed={heir: each}))
    return _logged(heir, replace(each, track=replace(each.track, since=record.track.since)), blocks.union(told, own))


def forgotten(change: Change) -> Change:
    """The same where what changed before those volumes cannot be written down: it is not known any more."""
    return Change(changed={key: replace(each, track=Track()) for key, each in change.changed.items()})


def merged(store: VolumeStore, key: str, record: Record, above: Iterator[str]) -> Change:
    """What is to be written down as an inner node becomes one with what it continues. Only while locked.

    ``above``: the volumes that are read through it. Those whose anchor is the lower one lose sight of what it has.
    """
    change, own = Change(), b""
    for heir in above:
        each = store.record(heir)
        if each.track is None or not each.track.anchor:
            continue
        if each.track.anchor == key:
            change.changed[heir] = replace(each, track=replace(each.track, anchor=record.parent))
        elif each.track.anchor == record.parent:
            own = own or store.written(key, record)
            also = _logged(heir, each, blocks.union(own, _log_of(store, each.track)))
            change.changed.update(also.changed)
            change.logs.update(also.logs)
    return change


def _since(store: VolumeStore, key: str, record: Record) -> bytes:
    """What changed from the one before in the line to a volume."""
    track = record.track or Track()
    found = [_log_of(store, track)]
    if not record.dropped:
        at, each = key, record
        while at != track.anchor:
            if not each.parent:
                raise Failed(f"{key} does not continue {track.anchor}", key=key, code=UNKNOWN)
            found.append(store.written(at, each))
            at, each = each.parent, store.record(each.parent)
    return blocks.union(*found)


def _log_of(store: VolumeStore, track: Track) -> bytes:
    return store.log(track.log) if track.log else b""


def _logged(key: str, record: Record, found: bytes) -> Change:
    """A volume whose log says this. Logs do not change: it gets another."""
    name, track = str(uuid4()), record.track or Track()
    if not found.strip(b"\0"):
        return Change(changed={key: replace(record, track=replace(track, log=""))})
    return Change(changed={key: replace(record, track=replace(track, log=name))}, logs={name: found})


def _unknown(older: Record, newer: Record) -> Failed:
    return Failed(f"it is not known what changed between {older.uuid} and {newer.uuid}", code=UNKNOWN)

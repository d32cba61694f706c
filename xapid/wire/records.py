"""Rows as records, encoded once per change: a row keeps its bytes in both formats. Events, which show such records."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from xapid.datamodel.types import Object, RecordType
from xapid.wire.json_values import plain
from xapid.wire.xml_values import xml_bytes, xml_encoder

Members = Callable[[Object, str], Sequence[str]]
"""``members(row, field)``: the references in an inverse set, which rows do not carry."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The value of a map from references to records, as rows."""

    rows: Sequence[Object]


class EventOut(NamedTuple):
    """One event as clients see it. A tuple, since a first ``event.from`` makes one for every object there is."""

    id: int
    timestamp: str
    cls: str
    """In lower case."""
    operation: str
    ref: str
    row: Object | None
    """What the event shows of the object; None: nothing, as after a deletion."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The answer of event.from."""

    events: Sequence[EventOut]
    valid_ref_counts: Mapping[str, int]
    token: str


class _Watch(weakref.ref[Object]):
    """Tells when a row is gone, and how many bytes with it."""

    __slots__ = ("size",)
    size: int


class Kept:
    """Encodings kept on rows, limited in sum. When it is full, rows that come later are encoded for each answer."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._watches: dict[int, _Watch] = {}
        # Rows may die on any thread, wherever the last reference is dropped. Only this is touched there.
        self._gone: deque[_Watch] = deque()

    def keep(self, row: Object, slot: str, data: bytes) -> None:
        """Leave the bytes on the row, if there is room."""
        while self._gone:
            watch = self._gone.popleft()
            del self._watches[id(watch)]
            self.used -= watch.size
        if self.used + len(data) > self.limit:
            return
        row.__dict__[slot] = data
        self.used += len(data)
        watch = _Watch(row, self._gone.append)
        watch.size = len(data)
        self._watches[id(watch)] = watch


KEPT = Kept(64 * 2**20)
"""The encodings kept by this process."""

XML_SLOT = "_xml"
JSON_SLOT = "_json"


class RecordEncoder:
    """Writes rows of one class, fields in the order of their declaration."""

    def __init__(self, cls: type[Object], kept: Kept = KEPT) -> None:
        kind = RecordType(cls.spec.name)
        self._kept = kept
        self._fields = tuple(cls.spec.fields)
        self._inverse = tuple(field.name for field in cls.spec.fields.values() if field.inverse_of)
        self._xml = xml_encoder(kind)
        self._json = plain(kind)

    def dict_of(self, row: Object, members: Members) -> dict[str, Any]:
        """All fields by name, inverse sets included."""
        values = self._values(row, members)
        return {name: values[name] for name in self._fields}

    def xml(self, row: Object, members: Members) -> bytes:
        """``<value><struct>...</struct></value>``."""
        data: bytes | None = row.__dict__.get(XML_SLOT)
        if data is None:
            data = xml_bytes(self._xml(self._values(row, members)))
            self._kept.keep(row, XML_SLOT, data)
        return data

    def json(self, row: Object, members: Members) -> bytes:
        """``{...}``."""
        data: bytes | None = row.__dict__.get(JSON_SLOT)
        if data is None:
            data = orjson.dumps(self._json(self._values(row, members)))
            self._kept.keep(row, JSON_SLOT, data)
        return data

    def _values(self, row: Object, members: Members) -> dict[str, Any]:
        return {**row.__dict__, **{name: members(row, name) for name in self._inverse}}


_ENCODERS: dict[type[Object], RecordEncoder] = {}


def record_encoder(cls: type[Object]) -> RecordEncoder:
    """The encoder of a class, compiled at its first use."""
    encoder = _ENCODERS.get(cls)
    if encoder is None:
        encoder = _ENCODERS[cls] = RecordEncoder(cls)
    return encoder


def no_members(row: Object, field: str) -> Sequence[str]:
    """For answers that show no rows. Raises LookupError."""
    raise LookupError(f"nobody said what is in {row.spec.name}.{field}")

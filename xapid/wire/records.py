"""Rows as records, encoded once per change: a row keeps its bytes in both formats. Events, which show such records."""

from __future__ import annotations

import secrets
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    encoded: dict[object, bytes] = field(default_factory=dict, compare=False)
    """What it is in a format, once it was written: many may be sent the same."""


class _Encoding(weakref.ref[Object]):
    """One that is kept: whose it is, where on the row, and how long. It tells when the row is gone."""

    __slots__ = ("place", "size", "slot")
    slot: str
    size: int
    place: int
    """Its index among all that are kept; -1: it is no longer."""


class Kept:
    """Encodings kept on rows, limited in sum: for a new one, others go.

    Which ones is chance. Who reads all records again and again, more of them than there is room for, would find none of
    them kept if the oldest went.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._encodings: list[_Encoding] = []
        # Rows may die on any thread, wherever the last reference is dropped. Only this is touched there.
        self._gone: deque[_Encoding] = deque()
        # Taken from the queue once. Each time it would be another object for the garbage collector to look at.
        self._tell_gone = self._gone.append

    def keep(self, row: Object, slot: str, data: bytes) -> None:
        """Leave the bytes on the row. Those that exceed the limit by themselves are not kept."""
        while self._gone:
            self._forget(self._gone.popleft())
        if len(data) > self.limit:
            return
        while self.used + len(data) > self.limit:
            self._drop(self._encodings[secrets.randbelow(len(self._encodings))])
        setattr(row, slot, data)
        encoding = _Encoding(row, self._tell_gone)
        encoding.slot, encoding.size, encoding.place = slot, len(data), len(self._encodings)
        self._encodings.append(encoding)
        self.used += encoding.size

    def _drop(self, encoding: _Encoding) -> None:
        row = encoding()
        if row is not None:
            setattr(row, encoding.slot, None)
        self._forget(encoding)

    def _forget(self, encoding: _Encoding) -> None:
        if encoding.place < 0:
            return
        last = self._encodings.pop()
        if last is not encoding:
            self._encodings[encoding.place] = last
            last.place = encoding.place
        encoding.place = -1
        self.used -= encoding.size


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
        data: bytes | None = row._xml
        if data is None:
            data = xml_bytes(self._xml(self._values(row, members)))
            self._kept.keep(row, XML_SLOT, data)
        return data

    def json(self, row: Object, members: Members) -> bytes:
        """``{...}``."""
        data: bytes | None = row._json
        if data is None:
            # orjson leaves its bytes in a buffer of 8 KiB; a copy takes what it needs.
            data = memoryview(orjson.dumps(self._json(self._values(row, members)))).tobytes()
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

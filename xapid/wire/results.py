"""Results of calls as bytes, in slices: values, and records joined from what their rows keep."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import orjson

from xapid.datamodel.types import CLASSES, INT, STRING, BatchType, MapType, Object, RecordType, SetType, Type
from xapid.wire.checks import checked_items, key_text
from xapid.wire.json_values import plain
from xapid.wire.records import EventBatch, EventOut, Members, RecordEncoder, Rows, record_encoder
from xapid.wire.xml_values import escaped, xml_bytes, xml_encoder

Slices: TypeAlias = Iterable[Sequence[bytes]]
Encoder = Callable[[Any, Members], Slices]
"""Writes a value in slices, made when they are asked for: whoever asks may let others run in between."""

SLICE = 16
"""Records in a slice: some 2 ms of work if none of them was encoded before."""
LONG = 64 * 1024
"""Bytes of a record that ends its slice: a network that ten thousand interfaces are on takes some 5 ms by itself."""
FEW = 64
"""Events that are written once for all who are sent the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How one format is written."""

    value: Callable[[Type], Callable[[Any], bytes]]
    """For everything that holds no row."""
    record: Callable[[RecordEncoder, Object, Members], bytes]
    event: Callable[[EventOut, bytes | None], bytes]
    count: Callable[[int], bytes]
    """A number of valid_ref_counts."""
    name: Callable[[str], bytes]
    """What stands before the value of a member."""
    after_member: bytes
    between: bytes
    struct: tuple[bytes, bytes]
    array: tuple[bytes, bytes]


@functools.cache
def xml_value(kind: Type) -> Callable[[Any], bytes]:
    encode = xml_encoder(kind)
    return lambda value: xml_bytes(encode(value))


@functools.cache
def json_value(kind: Type) -> Callable[[Any], bytes]:
    encode = plain(kind)
    return lambda value: orjson.dumps(encode(value))


def _xml_event(event: EventOut, snapshot: bytes | None) -> bytes:
    head = (
        f"<value><struct><member><name>id</name><value>{event.id}</value></member>"
        f"<member><name>timestamp</name><value>{event.timestamp}</value></member>"
        f"<member><name>class</name><value>{event.cls}</value></member>"
        f"<member><name>operation</name><value>{event.operation}</value></member>"
        f"<member><name>ref</name><value>{escaped(event.ref)}</value></member>"
    ).encode()
    if snapshot is None:
        return head + b"</struct></value>"
    return b"%b<member><name>snapshot</name>%b</member></struct></value>" % (head, snapshot)


def _json_event(event: EventOut, snapshot: bytes | None) -> bytes:
    head = orjson.dumps(
        {
            "id": str(event.id),
            "timestamp": event.timestamp,
            "class": event.cls,
            "operation": event.operation,
            "ref": event.ref,
        }
    )
    # A copy, for orjson leaves its bytes in a buffer of 8 KiB: thousands of deletions may go out together.
    return memoryview(head).tobytes() if snapshot is None else b'%b,"snapshot":%b}' % (head[:-1], snapshot)


XML = Dialect(
    value=xml_value,
    record=RecordEncoder.xml,
    event=_xml_event,
    count=lambda number: b"<value><i4>%d</i4></value>" % number,
    name=lambda text: xml_bytes(f"<member><name>{escaped(text)}</name>"),
    after_member=b"</member>",
    between=b"",
    struct=(b"<value><struct>", b"</struct></value>"),
    array=(b"<value><array><data>", b"</data></array></value>"),
)
JSON = Dialect(
    value=json_value,
    record=RecordEncoder.json,
    event=_json_event,
    count=json_value(INT),
    name=lambda text: orjson.dumps(text) + b":",
    after_member=b"",
    between=b",",
    struct=(b"{", b"}"),
    array=(b"[", b"]"),
)


@functools.cache
def encoder(dialect: Dialect, kind: Type) -> Encoder:
    """The function that writes results of this type."""
    match kind:
        case BatchType():
            return _batch(dialect)
        case RecordType():
            one = _record(dialect, kind)
            return lambda value, members: ((one(value, members),),)
        case SetType(item=RecordType() as record):
            return _set_of_records(dialect, record)
        case MapType(key=key, value=RecordType() as record):
            return _map_of_records(dialect, key_text(key), record)
    encode = dialect.value(kind)
    return lambda value, members: ((encode(value),),)


def _record(dialect: Dialect, kind: RecordType) -> Callable[[Any, Members], bytes]:
    """Writes a record, whether it comes as a row, as an event, or as plain values by name."""

    def of_row(row: Object, members: Members) -> bytes:
        return dialect.record(record_encoder(type(row)), row, members)

    def encode(value: Any, members: Members) -> bytes:
        if isinstance(value, Object):
            return of_row(value, members)
        if isinstance(value, EventOut):
            return dialect.event(value, None if value.row is None else of_row(value.row, members))
        return dialect.value(kind)(value)

    return encode


def _set_of_records(dialect: Dialect, kind: RecordType) -> Encoder:
    one = _record(dialect, kind)
    opening, closing = dialect.array

    def encode(value: Any, members: Members) -> Iterator[list[bytes]]:
        pieces, separator = [opening], b""
        for number, item in enumerate(checked_items(value), 1):
            record = one(item, members)
            pieces += (separator, record)
            separator = dialect.between
            if number % SLICE == 0 or len(record) > LONG:
                yield pieces
                pieces = []
        pieces.append(closing)
        yield pieces

    return encode


def _map_of_records(dialect: Dialect, key: Callable[[Any], str], kind: RecordType) -> Encoder:
    one = _record(dialect, kind)
    opening, closing = dialect.struct
    from_one_to_next = dialect.after_member + dialect.between

    def items(value: Any, members: Members) -> Iterator[tuple[str, bytes]]:
        if not isinstance(value, Rows):
            return ((key(name), one(item, members)) for name, item in value.items())
        # All of one class. This is where the time of a long answer goes, so it is not left to `one`.
        record, encoder = dialect.record, record_encoder(CLASSES[kind.target])
        return ((row.ref, record(encoder, row, members)) for row in value.rows)

    def encode(value: Any, members: Members) -> Iterator[list[bytes]]:
        pieces, between = [opening], b""
        for number, (name, record) in enumerate(items(value, members), 1):
            pieces += (between + dialect.name(name), record)
            between = from_one_to_next
            if number % SLICE == 0 or len(record) > LONG:
                yield pieces
                pieces = []
        pieces.append(dialect.after_member + closing if between else closing)
        yield pieces

    return encode


def _batch(dialect: Dialect) -> Encoder:
    events = _set_of_records(dialect, RecordType("event"))
    (opening, closing), after, between = dialect.struct, dialect.after_member, dialect.between
    to_events = opening + dialect.name("events")
    to_counts = after + between + dialect.name("valid_ref_counts") + opening
    to_token = closing + after + between + dialect.name("token")
    text = dialect.value(STRING)
    # A thousand clients that wait for one change are all sent the same counts.
    latest: tuple[Mapping[str, int], bytes] = {}, b""

    def encode_counts(counts: Mapping[str, int]) -> bytes:
        nonlocal latest
        if latest[0] is not counts:
            pieces = [dialect.name(name) + dialect.count(count) + after for name, count in counts.items()]
            latest = counts, between.join(pieces)
        return latest[1]

    def slices(value: EventBatch, members: Members) -> Iterator[Sequence[bytes]]:
        yield (to_events,)
        yield from events(value.events, members)
        yield (to_counts, encode_counts(value.valid_ref_counts), to_token, text(value.token), after, closing)

    def encode(value: EventBatch, members: Members) -> Iterable[Sequence[bytes]]:
        if len(value.events) > FEW:
            return slices(value, members)
        if dialect not in value.encoded:
            value.encoded[dialect] = b"".join(chain.from_iterable(slices(value, members)))
        return ((value.encoded[dialect],),)

    return encode

"""Values in JSON: one function per type, compiled once, that gives what ``orjson`` can write."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from xapid.datamodel.types import (
    CLASSES,
    BoolType,
    DateTimeType,
    EnumType,
    FloatType,
    IntType,
    MapType,
    RecordType,
    RefType,
    SetType,
    StringType,
    Type,
    VoidType,
)
from xapid.wire.checks import checked_int, checked_items, checked_void, key_text, present

Plain = Callable[[Any], Any]
"""Raises TypeError or ValueError for a value that is not of its type."""


@functools.cache
def plain(kind: Type) -> Plain:
    """The function that turns a value of this type into text, numbers, lists and dictionaries."""
    match kind:
        case StringType() | RefType() | DateTimeType():
            return _text
        case IntType():
            return checked_int
        case FloatType():
            return _float
        case BoolType():
            return _bool
        case EnumType():
            return _enum(kind)
        case SetType():
            return _set(kind)
        case MapType():
            return _map(kind)
        case RecordType():
            return _record(kind)
        case VoidType():
            return _void
    raise TypeError(f"no value on the wire is of type {kind}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r}")
    return value


def _float(value: Any) -> float | str:
    if not math.isfinite(value):
        # JSON has no word for these. In quotes clients read them, and one odd value does not spoil a whole answer.
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return float(value)


def _bool(value: Any) -> bool:
    if value is not True and value is not False:
        raise TypeError(f"not a boolean: {value!r}")
    return value


def _enum(kind: EnumType) -> Plain:
    words = {member.value: member.value for member in kind.python}

    def encode(value: Any) -> str:
        return words[str.__str__(value)]

    return encode


def _set(kind: SetType) -> Plain:
    item = plain(kind.item)

    def encode(value: Any) -> list[Any]:
        return [item(each) for each in checked_items(value)] if value != () else []

    return encode


def _map(kind: MapType) -> Plain:
    key, value_of = key_text(kind.key), plain(kind.value)

    def encode(value: Any) -> dict[str, Any]:
        return {key(name): value_of(each) for name, each in value.items()} if value != {} else {}

    return encode


def _record(kind: RecordType) -> Plain:
    members: list[tuple[str, Plain, bool]] = []
    for field in CLASSES[kind.target].spec.fields.values():
        member, may_lack = present(field.type)
        members.append((field.name, plain(member), may_lack))

    def encode(value: Any) -> dict[str, Any]:
        return {
            name: value_of(value[name])
            for name, value_of, may_lack in members
            if not may_lack or value[name] is not None
        }

    return encode


def _void(value: Any) -> str:
    checked_void(value)
    return ""

"""Values in JSON: one function per type, compiled once, that gives what ``orjson`` can write."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from xapid.wire.checks import checked_int, checked_items, checked_void
from xapid.wire.forms import Forms, compiler

Plain = Callable[[Any], Any]
"""Raises TypeError or ValueError for a value that is not of its type."""


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


def _enum(values: Sequence[str]) -> Plain:
    words = {value: value for value in values}

    def encode(value: Any) -> str:
        return words[str.__str__(value)]

    return encode


def _set(item: Plain) -> Plain:
    def encode(value: Any) -> list[Any]:
        return [item(each) for each in checked_items(value)] if value != () else []

    return encode


def _map(key: Callable[[Any], str], value_of: Plain) -> Plain:
    def encode(value: Any) -> dict[str, Any]:
        return {key(name): value_of(each) for name, each in value.items()} if value != {} else {}

    return encode


def _record(members: Sequence[tuple[str, Plain, bool]]) -> Plain:
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


plain = compiler(
    Forms[Plain](
        text=_text,
        integer=checked_int,
        number=_float,
        boolean=_bool,
        date=_text,
        void=_void,
        enum=_enum,
        set=_set,
        map=_map,
        record=_record,
    )
)
"""The function that turns a value of a type into text, numbers, lists and dictionaries."""

"""From the values of columns to those of rows: each must fit, whereas SQLite takes any value for any column."""

from __future__ import annotations

import functools
import math
from typing import Any

import orjson

from xapid.datamodel.types import (
    BoolType,
    DateTime,
    DateTimeType,
    EnumType,
    Field,
    FloatType,
    IntType,
    MapType,
    SetType,
    Type,
)
from xapid.store.tables import Convert, same


class Misfit(ValueError):
    """A value that its column cannot have."""


def from_sql(field: Field) -> Convert:
    """From the value of a column to that of the row. A column that was never written gives the default.

    What is made raises Misfit.
    """
    empty, convert = field.empty, _from_sql(field.type)
    return lambda value: empty if value is None else convert(value)


def _from_sql(kind: Type) -> Convert:
    if isinstance(kind, SetType):
        return functools.partial(_set, _item(kind.item))
    if isinstance(kind, MapType):
        return functools.partial(_map, _key(kind.key), _item(kind.value))
    if isinstance(kind, BoolType):
        return _truth
    if isinstance(kind, IntType):
        return _whole
    if isinstance(kind, FloatType):
        return _number
    if isinstance(kind, EnumType):
        return _word(kind)
    return _date if isinstance(kind, DateTimeType) else text


def text(value: Any) -> str:
    if type(value) is not str:
        raise Misfit
    return value


def _whole(value: Any) -> int:
    # JSON has numbers beyond 64 bits.
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise Misfit
    return value


def _truth(value: Any) -> bool:
    if type(value) is not int or value not in (0, 1):
        raise Misfit
    return value == 1


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if value == "nan":
        return math.nan
    raise Misfit


def _word(kind: EnumType) -> Convert:
    members = {str(member.value): member for member in kind.python}

    def convert(value: Any) -> Any:
        found = members.get(value) if type(value) is str else None
        if found is None:
            raise Misfit
        return found

    return convert


def _date(value: Any) -> DateTime:
    return _read_date(text(value))


@functools.lru_cache(maxsize=1024)
def _read_date(value: str) -> DateTime:
    """As it was written, once it is known to be one."""
    try:
        DateTime.parse(value)
    except ValueError as error:
        raise Misfit from error
    return DateTime(value)


# In JSON


def _item(kind: Type) -> Convert:
    """From what stands in a list, or under a key of a map."""
    found = _from_sql(kind)
    return same if found is text else found


def _key(kind: Type) -> Convert:
    """Keys are texts in JSON."""
    if isinstance(kind, IntType):
        return _whole_key
    return _item(kind)


def _whole_key(value: str) -> int:
    try:
        return _whole(int(value))
    except ValueError as error:
        raise Misfit from error


def _loaded(kind: type, value: Any) -> Any:
    try:
        found = orjson.loads(text(value))
    except orjson.JSONDecodeError as error:
        raise Misfit from error
    if type(found) is not kind:
        raise Misfit
    return found


def _set(item: Convert, value: Any) -> tuple[Any, ...]:
    found = _loaded(list, value)
    if item is same:
        for each in found:
            text(each)
        return tuple(found)
    return tuple(item(each) for each in found)


def _map(key: Convert, item: Convert, value: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = _loaded(dict, value)
    if item is same:
        for each in found.values():
            text(each)
        if key is same:
            return found
    return {key(name): item(each) for name, each in found.items()}

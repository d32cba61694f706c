"""How a format writes values: a function for each kind of type, put together once for each type."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from xapid.datamodel.types import (
    CLASSES,
    STRING,
    AnyType,
    BoolType,
    DateTime,
    DateTimeType,
    EnumType,
    FloatType,
    IntType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    StringType,
    Type,
    VoidType,
)
from xapid.wire.checks import key_text

Encode = TypeVar("Encode", bound=Callable[[Any], Any])


@dataclass(frozen=True)
class Forms(Generic[Encode]):
    """One format. What has parts is made of the functions that write these."""

    text: Encode
    integer: Encode
    number: Encode
    boolean: Encode
    date: Encode
    void: Encode
    enum: Callable[[Sequence[str]], Encode]
    """Of the values that there are."""
    set: Callable[[Encode], Encode]
    map: Callable[[Callable[[Any], str], Encode], Encode]
    """Of the function that gives the text of a key, and that of a value."""
    record: Callable[[Sequence[tuple[str, Encode, bool]]], Encode]
    """Of the members: name, function, and whether it is left out while its value is None."""


def compiler(forms: Forms[Encode]) -> Callable[[Type], Encode]:
    """The function that finds, or puts together, what writes the values of a type."""

    @functools.cache
    def encoder(kind: Type) -> Encode:
        match kind:
            case StringType() | RefType():
                return forms.text
            case IntType():
                return forms.integer
            case FloatType():
                return forms.number
            case BoolType():
                return forms.boolean
            case DateTimeType():
                return forms.date
            case AnyType():
                return cast(Encode, anything)
            case VoidType():
                return forms.void
            case EnumType():
                return forms.enum([member.value for member in kind.python])
            case SetType():
                return forms.set(encoder(kind.item))
            case MapType():
                return forms.map(key_text(kind.key), encoder(kind.value))
            case RecordType():
                return forms.record(
                    [member(name, field.type) for name, field in CLASSES[kind.target].spec.fields.items()]
                )
        raise TypeError(f"no value on the wire is of type {kind}")

    def anything(value: Any) -> Any:
        """By what the value is."""
        match value:
            case bool():
                return forms.boolean(value)
            case int():
                return forms.integer(value)
            case float():
                return forms.number(value)
            case DateTime():
                return forms.date(value)
            case str():
                return forms.text(value)
            case None:
                return forms.void(value)
            case list() | tuple():
                return forms.set(cast(Encode, anything))(value)
            case dict():
                return forms.map(key_text(STRING), cast(Encode, anything))(value)
        raise TypeError(f"nothing the wire can carry: {type(value).__name__}")

    def member(name: str, kind: Type) -> tuple[str, Encode, bool]:
        if isinstance(kind, OptionType):
            return name, encoder(kind.item), True
        return name, encoder(kind), False

    return encoder

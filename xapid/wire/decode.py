"""From raw values to the values that rows hold: one function per type, compiled once."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from xapid.datamodel.types import (
    CLASSES,
    MISSING,
    BoolType,
    DateTime,
    DateTimeType,
    EnumType,
    FloatType,
    IntType,
    Kind,
    MapType,
    RecordType,
    RefType,
    SetType,
    StringType,
    Type,
)
from xapid.wire.raw import Raw, RawDate, float_of_text, int_of_text

Decoder = Callable[[Raw], Any]


class TypeMismatch(Exception):
    """A parameter is not of its type. The dispatcher answers INTERNAL_ERROR with this text."""


@functools.cache
def decoder(kind: Type, *, cut: bool = False) -> Decoder:
    """The function that turns a raw value into a value of this type, or raises TypeMismatch.

    With ``cut`` texts end before the first character that no XML could carry: what the original keeps of new objects.
    """
    match kind:
        case StringType() | RefType():
            # References are not looked at here: any text goes, and is found to be dead later.
            return _cut_text if cut else _text
        case IntType():
            return _int
        case FloatType():
            return _float
        case BoolType():
            return _bool
        case DateTimeType():
            return _date
        case EnumType():
            return _enum(kind)
        case SetType():
            return _set(decoder(kind.item, cut=cut))
        case MapType():
            return _map(decoder(kind.key, cut=cut), decoder(kind.value, cut=cut))
        case RecordType():
            return _record(kind, cut)
    raise TypeError(f"no parameter can be of type {kind}")


def _mismatch(expected: str, raw: Raw) -> TypeMismatch:
    given = ascii(str(raw[:40])) if isinstance(raw, str) else type(raw).__name__
    return TypeMismatch(f"expected {expected}, got {given}")


def _text(raw: Raw) -> str:
    # The very type: a RawDate is a date.
    if type(raw) is str:
        return raw
    raise _mismatch("a string", raw)


def _cut_text(raw: Raw) -> str:
    if type(raw) is str:
        return before_xml_illegal(raw)
    raise _mismatch("a string", raw)


def _int(raw: Raw) -> int:
    if type(raw) is int:
        return raw
    if type(raw) is str:
        try:
            return int_of_text(raw)
        except ValueError as error:
            raise _mismatch("an integer", raw) from error
    raise _mismatch("an integer", raw)


def _float(raw: Raw) -> float:
    if type(raw) is float:
        return raw
    if type(raw) is int:
        return float(raw)
    if type(raw) is str:
        try:
            return float_of_text(raw)
        except ValueError as error:
            raise _mismatch("a number", raw) from error
    raise _mismatch("a number", raw)


def _bool(raw: Raw) -> bool:
    if raw is True or raw is False:
        return raw
    raise _mismatch("a boolean", raw)


def _date(raw: Raw) -> DateTime:
    if type(raw) is str or type(raw) is RawDate:
        try:
            return DateTime.parse(raw)
        except ValueError as error:
            raise _mismatch("a date", raw) from error
    raise _mismatch("a date", raw)


def _enum(kind: EnumType) -> Decoder:
    exact = {member.value: member for member in kind.python}
    # As in the original: words in any case, but those that are no words (`balance-slb`) as they are.
    folded = {value.lower(): member for value, member in exact.items() if value.isidentifier()}

    def decode(raw: Raw) -> Any:
        if type(raw) is not str:
            raise _mismatch(f"a value of {kind.name}", raw)
        found = exact.get(raw)
        if found is None and raw.isascii():
            # Only ASCII folds: the Kelvin sign is no k.
            found = folded.get(raw.lower())
        if found is None:
            raise _mismatch(f"a value of {kind.name}", raw)
        return found

    return decode


def _set(item: Decoder) -> Decoder:
    def decode(raw: Raw) -> tuple[Any, ...]:
        if type(raw) is not list:
            raise _mismatch("an array", raw)
        return tuple([item(each) for each in raw])

    return decode


def _map(key: Decoder, value: Decoder) -> Decoder:
    def decode(raw: Raw) -> dict[Any, Any]:
        if type(raw) is not dict:
            raise _mismatch("a map", raw)
        return {key(name): value(each) for name, each in raw.items()}

    return decode


def _record(kind: RecordType, cut: bool) -> Decoder:
    """Members that clients give at construction; those the server keeps and unknown ones are passed over."""
    fields = CLASSES[kind.target].spec.fields.values()
    given = [
        (field.name, decoder(field.type, cut=cut), MISSING if field.mandatory else field.empty)
        for field in fields
        if field.kind is not Kind.DYNAMIC
    ]

    def decode(raw: Raw) -> dict[str, Any]:
        if type(raw) is not dict:
            raise _mismatch(f"a {kind.target} record", raw)
        values = {}
        for name, member, empty in given:
            if name in raw:
                try:
                    values[name] = member(raw[name])
                except TypeMismatch as error:
                    raise TypeMismatch(f"member {name}: {error}") from error
            elif empty is MISSING:
                raise TypeMismatch(f"the member {name} is missing")
            else:
                values[name] = empty
        return values

    return decode


_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
# U+FFFE and U+FFFF are illegal too, but the original stores them. Lone surrogates never get this far.


def xml_illegal(text: str) -> bool:
    """Whether a text has characters that may not be written to the database, since no XML could carry them."""
    return not text.isprintable() and _ILLEGAL.search(text) is not None


def before_xml_illegal(text: str) -> str:
    """The text up to its first illegal character: what the original keeps of it when an object is made."""
    # Hardly any has one, and to look whether all is printable takes a fifth of the time.
    found = None if text.isprintable() else _ILLEGAL.search(text)
    return text if found is None else text[: found.start()]

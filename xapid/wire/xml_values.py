"""Values as XML-RPC fragments, ``<value>...</value>``: one function per type, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xapid.wire.checks import checked_int, checked_items, checked_void
from xapid.wire.forms import Forms, compiler

XmlEncoder = Callable[[Any], str]
"""Raises TypeError or ValueError for a value that is not of its type: somebody's mistake, not the client's."""

# What XML cannot carry at all; in UTF-8 no other character has these bytes in it. A carriage return goes raw, as in the
# original: clients read it as a line feed.
_CONTROLS = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20)])
_NO_CHARACTERS = ("\ufffe", "\uffff")


def xml_bytes(fragment: str) -> bytes:
    """The fragment in UTF-8. Characters that XML cannot carry are left out."""
    for character in _NO_CHARACTERS:
        if character in fragment:
            fragment = fragment.replace(character, "")
    return fragment.encode().translate(None, _CONTROLS)


def escaped(text: str) -> str:
    """The text with its markup characters escaped."""
    # Four scans in C for nearly every text; one regular expression for all four takes three times as long.
    if "&" in text or "<" in text or ">" in text or '"' in text:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text


def _text(value: Any) -> str:
    # Concatenated, since formatting what is a kind of `str`, such as a Ref, takes twice as long.
    return "<value>" + escaped(value) + "</value>"


def _int(value: Any) -> str:
    return f"<value>{checked_int(value)}</value>"


def _float(value: Any) -> str:
    return f"<value><double>{value:.16g}</double></value>"


def _bool(value: Any) -> str:
    if value is True:
        return "<value><boolean>1</boolean></value>"
    if value is False:
        return "<value><boolean>0</boolean></value>"
    raise TypeError(f"not a boolean: {value!r}")


def _date(value: Any) -> str:
    return "<value><dateTime.iso8601>" + escaped(value) + "</dateTime.iso8601></value>"


def _enum(values: Sequence[str]) -> XmlEncoder:
    fragments = {value: f"<value>{escaped(value)}</value>" for value in values}

    def encode(value: Any) -> str:
        # By its text, whose hash is kept; that of the member would be computed each time, in Python.
        return fragments[str.__str__(value)]

    return encode


_BETWEEN = "</value><value>"
_MARKUP = _BETWEEN.count("<")


def _texts(value: Any) -> str:
    """A set of texts, mostly references: a network can have ten thousand interfaces."""
    items = tuple(checked_items(value))
    if not items:
        return "<value><array><data></data></array></value>"
    joined = _BETWEEN.join(items)
    plain = _MARKUP * (len(items) - 1)
    if "&" in joined or '"' in joined or joined.count("<") != plain or joined.count(">") != plain:
        joined = _BETWEEN.join(map(escaped, items))
    return f"<value><array><data><value>{joined}</value></data></array></value>"


def _set(item: XmlEncoder) -> XmlEncoder:
    if item is _text:
        return _texts

    def encode(value: Any) -> str:
        if value == ():
            return "<value><array><data></data></array></value>"
        return f"<value><array><data>{''.join([item(each) for each in checked_items(value)])}</data></array></value>"

    return encode


def _map(key: Callable[[Any], str], value_of: XmlEncoder) -> XmlEncoder:
    def encode(value: Any) -> str:
        if value == {}:
            return "<value><struct></struct></value>"
        # The original does not escape keys, which makes such an answer no XML. We do.
        members = [
            f"<member><name>{escaped(key(name))}</name>{value_of(each)}</member>" for name, each in value.items()
        ]
        return f"<value><struct>{''.join(members)}</struct></value>"

    return encode


def _record(members: Sequence[tuple[str, XmlEncoder, bool]]) -> XmlEncoder:
    headed = [(name, f"<member><name>{name}</name>", value_of, may_lack) for name, value_of, may_lack in members]

    def encode(value: Any) -> str:
        parts = [
            f"{head}{value_of(value[name])}</member>"
            for name, head, value_of, may_lack in headed
            if not may_lack or value[name] is not None
        ]
        return f"<value><struct>{''.join(parts)}</struct></value>"

    return encode


def _void(value: Any) -> str:
    checked_void(value)
    return "<value></value>"


xml_encoder = compiler(
    Forms[XmlEncoder](
        text=_text,
        integer=_int,
        number=_float,
        boolean=_bool,
        date=_date,
        void=_void,
        enum=_enum,
        set=_set,
        map=_map,
        record=_record,
    )
)
"""The function that gives the fragment of a value of a type."""

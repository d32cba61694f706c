"""The documents of XML-RPC, read to the letter of its grammar. What is no such document is refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple
from xml.parsers import expat

from xapid.wire.raw import MalformedRequest, Raw, RawDate, float_of_text, int_of_text

DEPTH = 200
"""Elements inside each other. The deepest parameter that is of use takes some 20."""


class Call(NamedTuple):
    """A request."""

    method: str
    params: list[Raw]


def read_call(document: bytes) -> Call:
    """Read a request in UTF-8. Raises MalformedRequest."""
    return _Reader(document).call()


def read_value(document: bytes) -> Raw:
    """Read ``<value>...</value>``. Raises MalformedRequest."""
    return _Reader(document).value()


class _Start(NamedTuple):
    tag: str


_END = None
_Token = _Start | str | None
"""A start tag, a text, or an end tag, whose name is known to fit."""


def _tokens(document: bytes) -> list[_Token]:
    """The document as a list, without blanks beside elements. What stands after the root is never looked at."""
    tokens: list[_Token] = []
    depth = 0

    def start(tag: str, _: object) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH:
            raise MalformedRequest("elements are nested too deeply")
        if tokens and _blank(tokens[-1]):
            tokens.pop()
        tokens.append(_Start(tag))

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1
        if _blank(tokens[-1]) and tokens[-2] is _END:
            tokens.pop()
        tokens.append(_END)

    def doctype(*_: object) -> None:
        # The original reads over it. Nobody needs it, and all that is dangerous in XML begins here.
        raise MalformedRequest("a document type declaration")

    # The declared encoding does not count: it is always UTF-8.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    # So no text comes in pieces.
    parser.buffer_size = max(len(document), parser.buffer_size)
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = tokens.append
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        if depth or not tokens:
            raise MalformedRequest(f"no XML: {error}") from error
    return tokens


def _blank(token: _Token) -> bool:
    return isinstance(token, str) and not token.strip(" \t\n\r")


_INTEGERS = frozenset({"int", "i4", "i8"})
_EMPTY: dict[str, Callable[[], Raw]] = {"string": str, "array": list, "struct": dict, "nil": lambda: None}
"""Elements that may be empty, and what they are then."""


class _Reader:
    """Reads the grammar of XML-RPC, one method an element."""

    def __init__(self, document: bytes) -> None:
        # The last one first, so that the next is at the end.
        self._tokens = _tokens(document)[::-1]

    def call(self) -> Call:
        self._open("methodCall")
        self._open("methodName")
        method = self._text()
        self._close()
        self._open("params")
        params: list[Raw] = []
        while not self._at_end():
            self._open("param")
            params.append(self.value())
            self._close()
        self._close()
        self._close()
        return Call(method, params)

    def value(self) -> Raw:
        self._open("value")
        token = self._tokens[-1]
        if token is _END:
            result: Raw = ""
        elif isinstance(token, str):
            result = self._text()
        else:
            result = self._typed()
        self._close()
        return result

    def _typed(self) -> Raw:
        tag = self._open()
        if self._tokens[-1] is _END:
            if tag not in _EMPTY:
                raise MalformedRequest(f"nothing in {tag}")
            result = _EMPTY[tag]()
        elif tag == "array":
            result = self._array()
        elif tag == "struct":
            result = self._struct()
        elif tag == "nil" and self._at_end():
            result = None
        else:
            result = scalar(tag, self._text())
        self._close()
        return result

    def _array(self) -> list[Raw]:
        self._open("data")
        items: list[Raw] = []
        while not self._at_end():
            items.append(self.value())
        self._close()
        return items

    def _struct(self) -> dict[str, Raw]:
        members: dict[str, Raw] = {}
        while not self._at_end():
            self._open("member")
            self._open("name")
            name = self._text()
            self._close()
            members[name] = self.value()
            self._close()
        return members

    # Steps

    def _open(self, wanted: str = "") -> str:
        """Pass a start tag; without a wanted one, any."""
        token = self._tokens.pop()
        if not isinstance(token, _Start) or (wanted and token.tag != wanted):
            raise MalformedRequest(f"expected {wanted or 'an element'}, found {token!r}")
        return token.tag

    def _close(self) -> None:
        token = self._tokens.pop()
        if token is not _END:
            raise MalformedRequest(f"expected an end tag, found {token!r}")

    def _at_end(self) -> bool:
        """Whether the element ends here. Blanks may be all that is in it."""
        if _blank(self._tokens[-1]):
            self._tokens.pop()
        return self._tokens[-1] is _END

    def _text(self) -> str:
        """Pass the text that must stand here."""
        token = self._tokens.pop()
        if not isinstance(token, str):
            raise MalformedRequest(f"expected a text, found {token!r}")
        # Only those spelled &#13; are left; the original makes them line feeds as well.
        return token.replace("\r", "\n")


def scalar(tag: str, text: str) -> Raw:
    """The value of an element without others in it. Raises MalformedRequest."""
    try:
        if tag in _INTEGERS:
            return int_of_text(text)
        match tag:
            case "string":
                return text
            case "boolean":
                return text == "1"
            case "double":
                return float_of_text(text)
            case "dateTime.iso8601":
                return RawDate(text)
            case "base64":
                return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise MalformedRequest(f"{tag}: {error}") from error
    raise MalformedRequest(f"unknown element {tag}")

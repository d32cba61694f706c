"""The calls that clients nearly always send, read fast; of all else nothing is said here.

What is read here is read as by the strict reader. Where there is the least doubt there is no answer, and the strict
reader decides: so no rule of refusing has to stand twice.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, ParseError, XMLParser

from xapid.wire.raw import MalformedRequest, Raw
from xapid.wire.xml_reader import Call, scalar

# What XML-RPC clients send nearly always: texts without markup. So a small call takes 4 us instead of 40.
# Excluded are markup, the characters that XML forbids (but for two, see below), and the one that a parser changes.
_PLAIN = r"[^<>&\r\x00-\x08\x0b\x0c\x0e-\x1f]"
_PARAM = rf"<param>[ \t\n]*<value>(?:<string>({_PLAIN}*+)</string>|({_PLAIN}*+))</value>[ \t\n]*</param>[ \t\n]*"
_SIMPLE_CALL = re.compile(
    rf"(?:<\?xml version=[\"']1\.0[\"']\?>)?[ \t\n]*<methodCall>[ \t\n]*<methodName>({_PLAIN}++)</methodName>[ \t\n]*"
    rf"<params>[ \t\n]*((?:{_PARAM})*+)</params>[ \t\n]*</methodCall>[ \t\n]*"
)
_SIMPLE_PARAM = re.compile(_PARAM)

_BLANKS = " \t\n"
_NOTHING = frozenset({None, "\n"})
"""What stands beside elements in what clients write."""

_LONGEST = 64 << 10
"""Bytes: a tree takes some twenty times the room of its document."""

_LEVELS = 40
"""Values inside each other: well within what the strict reader allows."""


class _Doubt(Exception):
    """Not for here."""


def plain_call(body: bytes, text: str) -> Call | None:
    """The call, if it is plainly one. ``text`` is the body decoded."""
    simple = _SIMPLE_CALL.fullmatch(text)
    # In the expression, these two would double its time.
    if simple is not None and "\ufffe" not in text and "\uffff" not in text:
        return Call(simple[1], [tagged or plain for tagged, plain in _SIMPLE_PARAM.findall(simple[2])])
    # Declarations, comments, sections and characters by their number are left to the strict reader. Without them
    # a tree that is made in C takes a third of its time.
    if len(body) > _LONGEST or b"<!" in body or b"&#" in body or b"\r" in body or b"<?" in body[1:]:
        return None
    try:
        # Nothing of what is dangerous in XML comes this far.
        parser = XMLParser(encoding="utf-8")  # noqa: S314
        parser.feed(body)
        return _call(parser.close())
    except (ParseError, _Doubt, MalformedRequest, ValueError):
        # A ValueError: more or fewer children than there should be.
        return None


def _call(root: Element) -> Call:
    name, params = _children(root, "methodCall")
    if name.tag != "methodName" or not name.text or len(name):
        raise _Doubt
    return Call(name.text, [_value(_only(param, "param"), 0) for param in _children(params, "params")])


def _children(element: Element, tag: str) -> list[Element]:
    """The children of an element of this name that has no text beside them."""
    children = list(element)
    if element.tag != tag or _says(element.text):
        raise _Doubt
    for child in children:
        if child.tail not in _NOTHING and _says(child.tail):
            raise _Doubt
    return children


def _says(text: str | None) -> bool:
    return text is not None and bool(text.strip(_BLANKS))


def _only(element: Element, tag: str) -> Element:
    (child,) = _children(element, tag)
    return child


def _value(element: Element, level: int) -> Raw:
    if element.tag != "value":
        raise _Doubt
    if not len(element):
        return element.text or ""
    # The loop of a struct comes here for most of its members: no calls that are not needed.
    (typed,) = element
    if (element.text not in _NOTHING and _says(element.text)) or (typed.tail not in _NOTHING and _says(typed.tail)):
        raise _Doubt
    tag = typed.tag
    if tag == "struct":
        return _struct(typed, level + 1)
    if tag == "array":
        return _array(typed, level + 1)
    if len(typed):
        raise _Doubt
    text = typed.text
    if tag == "string":
        return text or ""
    if not text:
        raise _Doubt
    return scalar(tag, text)


def _struct(element: Element, level: int) -> dict[str, Raw]:
    if level > _LEVELS:
        raise _Doubt
    members = {}
    for member in _children(element, "struct"):
        name, value = member
        key = name.text
        if member.tag != "member" or name.tag != "name" or not key or len(name):
            raise _Doubt
        for beside in (member.text, name.tail, value.tail):
            if beside not in _NOTHING and _says(beside):
                raise _Doubt
        members[key] = _value(value, level)
    return members


def _array(element: Element, level: int) -> list[Raw]:
    if level > _LEVELS:
        raise _Doubt
    return [_value(item, level) for item in _children(_only(element, "array"), "data")]

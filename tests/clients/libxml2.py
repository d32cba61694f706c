"""Calls and answers as the C binding of the SDK writes and reads them: by the real libxml2, over ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes.util import find_library
from typing import Any

from tests.clients.bindings import Binding, Date, Int32, Misread

ELEMENT, NO_NETWORK = 1, 1 << 11
"""XML_ELEMENT_NODE and XML_PARSE_NONET of libxml2."""


class Node(ctypes.Structure):
    """``xmlNode``, and the head that it shares with ``xmlDoc``: part of the library's stable interface."""


Node._fields_ = [
    ("_private", ctypes.c_void_p), ("type", ctypes.c_int), ("name", ctypes.c_char_p),
    ("children", ctypes.POINTER(Node)), ("last", ctypes.POINTER(Node)), ("parent", ctypes.POINTER(Node)),
    ("next", ctypes.POINTER(Node)), ("prev", ctypes.POINTER(Node)), ("doc", ctypes.c_void_p),
]  # fmt: skip
Pointer = Any
"""A pointer to a node."""


class LibXml2(Binding):
    """What libxenserver does with libxml2."""

    name = "libxml2"

    def __init__(self) -> None:
        path = find_library("xml2")
        if path is None:
            raise OSError("there is no libxml2")
        self._lib = lib = ctypes.CDLL(path)
        node, text, document = ctypes.POINTER(Node), ctypes.c_char_p, ctypes.c_void_p
        lib.xmlReadMemory.argtypes = [text, ctypes.c_int, text, text, ctypes.c_int]
        lib.xmlDocGetRootElement.argtypes = [document]
        lib.xmlNodeGetContent.argtypes = [node]
        lib.xmlNewDoc.argtypes = [text]
        lib.xmlNewNode.argtypes = [ctypes.c_void_p, text]
        lib.xmlNewTextChild.argtypes = [node, ctypes.c_void_p, text, text]
        lib.xmlDocSetRootElement.argtypes = [document, node]
        lib.xmlDocDumpMemory.argtypes = [document, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int)]
        lib.xmlFreeDoc.argtypes = [document]
        for name in ("xmlReadMemory", "xmlNewDoc", "xmlNodeGetContent"):
            getattr(lib, name).restype = document
        for name in ("xmlDocGetRootElement", "xmlNewNode", "xmlNewTextChild"):
            getattr(lib, name).restype = node
        self._free = ctypes.CFUNCTYPE(None, ctypes.c_void_p).in_dll(lib, "xmlFree")

    def headers(self) -> tuple[str, ...]:
        # Of libcurl, which the samples do not tell what they send.
        return "Host: localhost", "Accept: */*", "Content-Type: application/x-www-form-urlencoded"

    # Writing

    def body(self, method: str, *params: Any) -> bytes:
        lib = self._lib
        document = lib.xmlNewDoc(b"1.0")
        root = lib.xmlNewNode(None, b"methodCall")
        lib.xmlDocSetRootElement(document, root)
        self._child(root, "methodName", method)
        listed = self._child(root, "params")
        for each in params:
            self._add(self._child(listed, "param"), each)
        memory, size = ctypes.c_void_p(), ctypes.c_int()
        lib.xmlDocDumpMemory(document, ctypes.byref(memory), ctypes.byref(size))
        written = ctypes.string_at(memory, size.value)
        self._free(memory)
        lib.xmlFreeDoc(document)
        return written

    def _child(self, parent: Pointer, name: str, text: str | None = None) -> Pointer:
        return self._lib.xmlNewTextChild(parent, None, name.encode(), None if text is None else text.encode())

    def _add(self, parent: Pointer, value: Any) -> None:
        element = self._child(parent, "value")
        match value:
            case bool():
                self._child(element, "boolean", str(int(value)))
            case str():
                self._child(element, "string", value)
            case float():
                self._child(element, "double", f"{value:f}")
            case Date():
                self._child(element, "string", value.text)
            case list():
                data = self._child(self._child(element, "array"), "data")
                for item in value:
                    self._add(data, item)
            case dict():
                struct = self._child(element, "struct")
                for name, item in value.items():
                    member = self._child(struct, "member")
                    self._child(member, "name", name)
                    self._add(member, item)
            case _:
                raise TypeError(value)

    # Reading

    def value(self, answer: bytes) -> Any:
        document = self._lib.xmlReadMemory(answer, len(answer), b"", None, NO_NETWORK)
        if not document:
            raise Misread("no XML")
        try:
            node = self._lib.xmlDocGetRootElement(document)
            for name in ("methodResponse", "params", "param"):
                _only(node, name)
                node = node.contents.children
            return self._value(node)
        finally:
            self._lib.xmlFreeDoc(document)

    def _value(self, node: Pointer) -> Any:
        if node.contents.name != b"value":
            raise Misread(f"{node.contents.name!r} where a value should be")
        inner = node.contents.children
        if not inner or inner.contents.type != ELEMENT:
            return self._text(node)
        _only(node, "value")
        kind = inner.contents.name.decode()
        if kind == "array":
            _only(inner, "array")
            return [self._value(each) for each in _children(inner.contents.children)]
        if kind == "struct":
            return dict(map(self._member, _children(inner)))
        text = self._text(inner)
        if kind == "boolean":
            return text == "1"
        if kind in ("i4", "int"):
            return Int32(text)
        # Any other element is a text to it.
        return float(text) if kind == "double" else Date(text) if kind == "dateTime.iso8601" else text

    def _member(self, node: Pointer) -> tuple[str, Any]:
        """The binding takes the last element of a member for its value, whatever stands before it."""
        names = [each for each in _children(node) if each.contents.name == b"name"]
        last = node.contents.last
        if node.contents.name != b"member" or not names or not last:
            raise Misread("a malformed member")
        return self._text(names[0]), self._value(last)

    def _text(self, node: Pointer) -> str:
        memory = self._lib.xmlNodeGetContent(node)
        try:
            return ctypes.string_at(memory).decode()
        finally:
            self._free(memory)


def _children(node: Pointer) -> Iterator[Pointer]:
    each = node.contents.children
    while each:
        yield each
        each = each.contents.next


def _only(node: Pointer, name: str) -> None:
    """The node has this name, and in it is one element and nothing else: not even blanks."""
    inside = node.contents.children
    alone = bool(inside) and not inside.contents.next and inside.contents.type == ELEMENT
    if node.contents.name != name.encode() or not alone:
        raise Misread(f"{node.contents.name!r} does not hold one element alone")


C = LibXml2() if find_library("xml2") else None
"""None where the library is missing: it comes with libvirt."""

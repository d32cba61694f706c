"""Calls as the bindings of the SDK write them, and answers as strictly as each of them reads them.

Facts: ws-xmlrpc 3.1 (Java), XML-RPC.NET 2.5 (C#). What the C binding makes of libxml2 is in ``libxml2.py``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from tests.daemon import Failure
from tests.http.client import Client


class Misread(Exception):
    """The binding would give up on this answer."""


class Date(NamedTuple):
    """What stood in a ``dateTime.iso8601``."""

    text: str


class Int32(int):
    """What stood in an ``int`` or ``i4``; the API's own whole numbers are texts."""


class Binding(ABC):
    """One client library: how it writes a call, and what it takes for an answer."""

    name: str

    def __str__(self) -> str:
        return self.name

    @abstractmethod
    def body(self, method: str, *params: Any) -> bytes:
        """A call. Parameters are texts, booleans, floats, lists and maps; whole numbers are texts already."""

    @abstractmethod
    def headers(self) -> tuple[str, ...]:
        """Lines of the head beside the length."""

    @abstractmethod
    def value(self, answer: bytes) -> Any:
        """What the body of an answer holds. Raises Misread."""

    def request(self, method: str, *params: Any) -> bytes:
        body = self.body(method, *params)
        lines = ("POST / HTTP/1.1", *self.headers(), f"Content-Length: {len(body)}", "", "")
        return "\r\n".join(lines).encode() + body


class Connection:
    """A connection of a binding to a daemon."""

    def __init__(self, client: Client, binding: Binding) -> None:
        self.client = client
        self.binding = binding

    def call(self, method: str, *params: Any) -> Any:
        """Raises Failure with code and parameters, and Misread."""
        self.client.send(self.binding.request(method, *params))
        reply = self.client.response()
        assert (reply.status, reply.headers["content-type"]) == (200, "text/xml")
        answer = self.binding.value(reply.body)
        if answer.keys() == {"Status", "Value"} and answer["Status"] == "Success":
            return answer["Value"]
        assert answer.keys() == {"Status", "ErrorDescription"} and answer["Status"] == "Failure"
        raise Failure(*answer["ErrorDescription"])


# --- Reading, as both do that know no more than XML ---------------------------------------------------------


def root_of(answer: bytes) -> Element:
    try:
        root = ElementTree.fromstring(answer)
    except ElementTree.ParseError as error:
        raise Misread(f"no XML: {error}") from error
    if root.tag != "methodResponse":
        raise Misread(f"the root is {root.tag}")
    return root


def only_child(element: Element, tag: str) -> Element:
    """The one element in another, beside which there is no text."""
    no_text_between(element)
    if [child.tag for child in element] != [tag]:
        raise Misread(f"{element.tag} holds {[child.tag for child in element]} and no {tag}")
    return element[0]


def no_text_between(element: Element) -> None:
    for text in (element.text, *(child.tail for child in element)):
        if text is not None and text.strip(" \t\r\n"):
            raise Misread(f"text beside elements in {element.tag}: {text!r}")


def text_alone(element: Element) -> str:
    if len(element):
        raise Misread(f"elements in {element.tag}")
    return element.text or ""


def members(struct: Element) -> list[tuple[str, Element]]:
    """Names and values. Both libraries refuse a name that comes twice."""
    no_text_between(struct)
    found = []
    for member in struct:
        no_text_between(member)
        if member.tag != "member" or sorted(child.tag for child in member) != ["name", "value"]:
            raise Misread(f"no member: {ElementTree.tostring(member)!r}")
        found.append((text_alone(member.find("name")), member.find("value")))  # type: ignore[arg-type]
    if len({name for name, _ in found}) < len(found):
        raise Misread("a name comes twice")
    return found  # type: ignore[return-value]


def value_of(element: Element, scalars: dict[str, Callable[[str], Any]]) -> Any:
    """The value of a ``value``: of one element, or a text without any."""
    if not len(element):
        return element.text or ""
    no_text_between(element)
    if len(element) != 1:
        raise Misread("a value of several elements")
    (typed,) = element
    if typed.tag == "array":
        data = only_child(typed, "data")
        no_text_between(data)
        if any(item.tag != "value" for item in data):
            raise Misread("an array of other things than values")
        return [value_of(item, scalars) for item in data]
    if typed.tag == "struct":
        return {name: value_of(each, scalars) for name, each in members(typed)}
    if typed.tag not in scalars:
        raise Misread(f"an unknown type: {typed.tag}")
    text = text_alone(typed)
    try:
        return scalars[typed.tag](text)
    except (ValueError, KeyError) as error:
        raise Misread(f"no {typed.tag}: {text!r}") from error


class TreeBinding(Binding):
    """One that reads the answer as a tree of elements. What the single values are each says for itself."""

    SCALARS: dict[str, Callable[[str], Any]]

    def value(self, answer: bytes) -> Any:
        param = only_child(only_child(root_of(answer), "params"), "param")
        return value_of(only_child(param, "value"), self.SCALARS)


def int32(text: str) -> Int32:
    value = Int32(text)
    if not re.fullmatch(r"[+-]?[0-9]+", text) or not -(2**31) <= value < 2**31:
        raise ValueError(text)
    return value


def bool_of(text: str) -> bool:
    return {"0": False, "1": True}[text]


# --- Java -----------------------------------------------------------------------------------------------------


class WsXmlRpc(TreeBinding):
    """Apache ws-xmlrpc 3.1 without its extensions: texts have no type, nothing is indented."""

    name = "ws-xmlrpc"

    def headers(self) -> tuple[str, ...]:
        return (
            "Content-Type: text/xml", "User-Agent: Apache XML RPC 3.1 (Jakarta Commons httpclient Transport)",
            "Cache-Control: no-cache", "Pragma: no-cache", "Host: localhost",
            "Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "Connection: keep-alive",
        )  # fmt: skip

    def body(self, method: str, *params: Any) -> bytes:
        written = "".join(f"<param>{self._value(each)}</param>" for each in params)
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><methodCall><methodName>{escape(method)}</methodName>'
            f"<params>{written}</params></methodCall>"
        ).encode()

    def _value(self, value: Any) -> str:
        match value:
            case bool():
                return f"<value><boolean>{int(value)}</boolean></value>"
            case str():
                return f"<value>{escape(value)}</value>"
            case float():
                return f"<value><double>{value}</double></value>"
            case Date():
                return f"<value><dateTime.iso8601>{value.text}</dateTime.iso8601></value>"
            case list():
                return f"<value><array><data>{''.join(map(self._value, value))}</data></array></value>"
            case dict():
                each = "".join(
                    f"<member><name>{escape(name)}</name>{self._value(item)}</member>" for name, item in value.items()
                )
                return f"<value><struct>{each}</struct></value>"
        raise TypeError(value)

    @staticmethod
    def _double(text: str) -> float:
        # Java's spellings: NaN and Infinity, but not nan and inf.
        if not re.fullmatch(r"[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)", text):
            raise ValueError(text)
        return float(text)

    @staticmethod
    def _date(text: str) -> Date:
        # What follows the seconds is not looked at.
        if not re.match(r"[0-9]{8}T[0-9]{2}:[0-9]{2}:[0-9]{2}", text):
            raise ValueError(text)
        return Date(text)

    # Not i8 and nil: those are extensions, in a name space of their own.
    SCALARS = {
        "string": str, "int": int32, "i4": int32, "boolean": bool_of, "double": _double, "dateTime.iso8601": _date,
    }  # fmt: skip


# --- C# -------------------------------------------------------------------------------------------------------


class XmlRpcNet(TreeBinding):
    """XML-RPC.NET 2.5 as it is out of the box: indented, every text in an element, lines that end as on Windows."""

    name = "XML-RPC.NET"

    def headers(self) -> tuple[str, ...]:
        return "Content-Type: text/xml", "User-Agent: XML-RPC.NET", "Host: localhost", "Connection: Keep-Alive"

    def body(self, method: str, *params: Any) -> bytes:
        root = Element("methodCall")
        ElementTree.SubElement(root, "methodName").text = method
        listed = ElementTree.SubElement(root, "params")
        for each in params:
            self._add(ElementTree.SubElement(listed, "param"), each)
        ElementTree.indent(root)
        text = ElementTree.tostring(root, "unicode")
        return ('<?xml version="1.0"?>\n' + text).replace("\n", "\r\n").encode()

    def _add(self, parent: Element, value: Any) -> None:
        element = ElementTree.SubElement(parent, "value")
        match value:
            case bool():
                ElementTree.SubElement(element, "boolean").text = str(int(value))
            case str():
                ElementTree.SubElement(element, "string").text = value or None
            case float():
                ElementTree.SubElement(element, "double").text = str(value)
            case Date():
                ElementTree.SubElement(element, "dateTime.iso8601").text = value.text
            case list():
                data = ElementTree.SubElement(ElementTree.SubElement(element, "array"), "data")
                for item in value:
                    self._add(data, item)
            case dict():
                struct = ElementTree.SubElement(element, "struct")
                for name, item in value.items():
                    member = ElementTree.SubElement(struct, "member")
                    ElementTree.SubElement(member, "name").text = name
                    self._add(member, item)
            case _:
                raise TypeError(value)

    @staticmethod
    def _double(text: str) -> float:
        # The spellings of the invariant culture, with blanks around and thousands parted by commas.
        if not re.fullmatch(r"\s*[+-]?(NaN|Infinity|([0-9,]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)\s*", text):
            raise ValueError(text)
        return float(text.replace(",", ""))

    @staticmethod
    def _date(text: str) -> Date:
        # With the Z that the patched library of the SDK takes.
        if not re.fullmatch(r"[0-9]{8}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?", text):
            raise ValueError(text)
        return Date(text)

    SCALARS = {
        "string": str, "int": int32, "i4": int32, "i8": int, "boolean": bool_of, "double": _double,
        "dateTime.iso8601": _date,
    }  # fmt: skip


JAVA, CSHARP = WsXmlRpc(), XmlRpcNet()

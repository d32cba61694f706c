"""What is attacked: readers of what clients send, the connection, every message with odd parameters, files of disks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from tests.fuzz.connection import connection
from tests.fuzz.disks import qcow2, vhd
from tests.fuzz.engine import Target, Wrong
from tests.fuzz.messages import messages
from tests.fuzz.screens import escapes, picture, terminal, viewer
from xapid.datamodel import VM, Network
from xapid.datamodel.errors import EVENT_FROM_TOKEN_PARSE_FAILURE, ApiError
from xapid.datamodel.types import CLASSES, RecordType
from xapid.http.head import HeadError, parse_head
from xapid.ops.event.subscription import Subscription, Token
from xapid.store import query
from xapid.store.store import Store
from xapid.wire import jsonrpc, xmlrpc
from xapid.wire.decode import TypeMismatch, decoder
from xapid.wire.raw import MalformedRequest, Raw
from xapid.wire.xml_reader import read_call


def words(text: str, *others: bytes) -> tuple[bytes, ...]:
    return (*text.encode().split(), *others)


def same(one: Any, other: Any) -> bool:
    """Equal, to the type, and not a number is one."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(each, other[key]) for key, each in one.items())
    return bool(one == other)


# --- Heads --------------------------------------------------------------------------------------------------

HEAD_WORDS = words(
    """
    GET POST PUT CONNECT OPTIONS HEAD HTTP/1.1 HTTP/1.0 HTTP/9 close keep-alive / /RPC2 /jsonrpc /console // /.. * ? & =
    % %00 http://x/ session_id= : Content-Length: Transfer-Encoding: chunked Connection: Cookie: Authorization: Basic
    Expect: 100-continue Upgrade: websocket task-id: subtask-of: x-http-other-config-a: 0 5 -1 +5
    """,
    *(b"\r\n", b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\xff", b"\xc3\xbc"),
)


def head() -> Target:
    def run(data: bytes) -> None:
        try:
            first = parse_head(data, 4096)
        except HeadError as error:
            if error.status not in (500, 501):
                raise Wrong(f"status {error.status}") from error
            return
        if not (first.length is None or 0 <= first.length < 2**63) or first.version not in ("1.0", "1.1"):
            raise Wrong(str(first))
        for name, value in first.fields:
            if set(b"\r\n\0") & {*name, *value} or name != name.lower():
                raise Wrong(f"{name!r}: {value!r}")
        first.query.encode(), first.path.encode(errors="surrogateescape")

    seeds = (
        b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5",
        b"GET http://x:80/a%20b?c=d&e HTTP/1.0\r\nConnection: keep-alive\r\nCookie: session_id=x",
    )
    return Target("head", run, HEAD_WORDS, seeds)


# --- Calls --------------------------------------------------------------------------------------------------

XML_WORDS = words(
    """
    <methodCall> </methodCall> <methodName> </methodName> <params> </params> <params/> <param> </param>
    <value> </value> <value/> <array> </array> <data> </data> <data/> <struct> </struct> <member> </member>
    <name> </name> <int> </int> <i4> </i4> <i8> </i8> <boolean> </boolean> <double> </double> <string> </string>
    <string/> <dateTime.iso8601> </dateTime.iso8601> <base64> </base64> <nil/> &a; &lt; &amp; &#0; &#13; &#xD800;
    &#x10FFFF; <![CDATA[ ]]> <!-- --> <? ?> < > & pool.get_all VM.get_record Async. OpaqueRef:NULL 1 -
    """,
    *(
        b'<?xml version="1.0"?>',
        b'<?xml version="1.0" encoding="UTF-16"?>',
        b"<!DOCTYPE x [",
        b"<!ENTITY a 'b'>",
        b"\n",
    ),
)
JSON_WORDS = words(
    r"""
    { } [ ] : , " \ "method" "params" "id" "jsonrpc" "2.0" "1.0" "pool.get_all" "VM.get_record" "OpaqueRef:NULL" "a"
    null true false NaN Infinity -Infinity 1 - . e 1e999 9223372036854775808 \u0000 \u0069d \ud800 \udc00 /* */ // {} []
    """,
    *(b" ", b"\n", b"\0", b"\xef\xbb\xbf"),
)
SIMPLE_XML = (
    b"<methodCall><methodName>VM.start</methodName><params><param><value>a</value></param></params></methodCall>"
)
RICH_XML = (
    b'<?xml version="1.0"?><methodCall><methodName>network.create</methodName><params><param><value><struct><member>'
    b"<name>a</name><value><array><data><value><int>1</int></value><value><double>.5</double></value><value><boolean>1"
    b"</boolean></value></data></array></value></member><member><name>b</name><value><nil/></value></member></struct>"
    b"</value></param><param><value><dateTime.iso8601>20200101T00:00:00Z</dateTime.iso8601></value></param></params>"
    b"</methodCall>"
)
JSON_CALL = b'{"jsonrpc":"2.0","method":"VM.set_other_config","params":["s","r",{"a":"b"},[1,2.5,true,null]],"id":1}'


def xml() -> Target:
    def run(data: bytes) -> None:
        try:
            quick: Any = xmlrpc.parse_call(data)
        except MalformedRequest:
            return
        # Simple calls are read without a parser. A parser must find the same in them.
        if not same(quick, read_call(data)):
            raise Wrong(repr(quick))
        for value in quick.params:
            _decode_as_everything(value)

    return Target("xml", run, XML_WORDS, (SIMPLE_XML, RICH_XML))


def json_() -> Target:
    def run(data: bytes) -> None:
        try:
            quick = jsonrpc.parse_call(data)
        except MalformedRequest:
            return
        # What the quick parser reads, the one that tolerates more reads in the same way.
        envelope = jsonrpc._parse_tolerantly(data)
        if quick.method != envelope["method"] or not same(quick.id, envelope["id"]):
            raise Wrong(repr(quick))
        if isinstance(envelope.get("params"), list) and not same(quick.params, envelope["params"]):
            raise Wrong(repr(quick))
        for answer in (jsonrpc.failure(quick, ["CODE", data.decode(errors="replace")]),):
            if json.loads(answer)["id"] != quick.id:
                raise Wrong(repr(answer))
        for value in quick.params:
            _decode_as_everything(value)

    return Target("json", run, JSON_WORDS, (JSON_CALL, b'{"method":"m","params":[],"id":"a"} // x', b'{"id":1/**/}'))


def _decode_as_everything(value: Raw) -> None:
    """Try a parameter as one of each type: it fits or it does not."""
    for decode in _decoders():
        try:
            decode(value)
        except TypeMismatch as error:
            str(error).encode()


_made: list[Callable[[Raw], Any]] = []


def _decoders() -> list[Callable[[Raw], Any]]:
    if not _made:
        kinds = {param.type for cls in CLASSES.values() for each in cls.spec.messages.values() for param in each.params}
        kinds |= {RecordType(name) for name in ("VM", "VIF", "VBD", "network", "SR", "VMSS")}
        _made.extend(decoder(kind) for kind in sorted(kinds, key=str))
    return _made


# --- Events -------------------------------------------------------------------------------------------------


def token() -> Target:
    def run(data: bytes) -> None:
        text = data.decode("latin-1")
        wanted = Subscription(tuple(text.split(" ")))
        for cls in ("VM", "pool", text[:10]):
            wanted.wants(cls, text), wanted.single(cls)
        try:
            read = Token.parse(text)
        except EVENT_FROM_TOKEN_PARSE_FAILURE as error:
            if error.args != (text,):
                raise Wrong(repr(error)) from error
            return
        again = Token.parse(str(read))
        if again != read and min(read) >= 0:
            raise Wrong(f"{read} becomes {again}")

    seeds = (f"{7:020d},{3:020d}".encode(), b"0x1f,-0b1", b"", b"VM vm/OpaqueRef:NULL *")
    return Target("token", run, words("0 1 - + , _ 0x 0b 0o 0u 9 f * / VM vm/ OpaqueRef:NULL", b" ", b"\xb2"), seeds)


# --- The query language -------------------------------------------------------------------------------------

QUERY_WORDS = words(
    """
    field "uuid" "name__label" "_ref" "power_state" "VIFs" "other_config" "nothing" = and or not true false ( ) " \\
    """,
    b" ", b"\t", b'"" = ""', b"not (", b" and true",
)  # fmt: skip


def expression() -> Target:
    store = Store(())
    with store.write() as tx:
        vm = tx.create(VM, name_label="a 'b' \\", other_config={"k": "v"})
        tx.create(Network, name_label="n")

    def run(data: bytes) -> None:
        text = data.decode("latin-1")
        try:
            parser = query._Parser(VM, text)
            test = parser.parse()
        except query.Syntax as error:
            str(error).encode()
            return
        try:
            if test(store, vm) not in (True, False):
                raise Wrong("neither true nor false")
        except ApiError as error:
            if error.description[:2] != ["INTERNAL_ERROR", "missing field"]:
                raise

    seeds = (
        b'field "name__label" = "x" and not (field "uuid" = "" or true)',
        b'not field "other_config" = "((\'k\' \'v\'))" or "a" = field "_ref"',
    )
    return Target("query", run, QUERY_WORDS, seeds)


TARGETS: dict[str, Callable[[], Target]] = {
    "head": head,
    "connection": connection,
    "xml": xml,
    "json": json_,
    "token": token,
    "query": expression,
    "messages": messages,
    "escapes": escapes,
    "terminal": terminal,
    "viewer": viewer,
    "picture": picture,
    "vhd": vhd,
    "qcow2": qcow2,
}
"""Each made where it is attacked: some hold a loop."""

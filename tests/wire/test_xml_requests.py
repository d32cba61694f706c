"""XML-RPC requests: which documents are calls, and what is in them."""

from __future__ import annotations

import datetime
import re
import tracemalloc
import xmlrpc.client
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.wire.raw import MalformedRequest, RawDate
from xapid.wire.xml_reader import Call, read_call
from xapid.wire.xmlrpc import parse_call, parse_value

CALL = "<methodCall><methodName>pool.get_all</methodName><params><param><value>s</value></param></params></methodCall>"


def call_with(value: str) -> bytes:
    return (
        f'<?xml version="1.0"?><methodCall><methodName>m</methodName>'
        f"<params><param>{value}</param></params></methodCall>"
    ).encode()


def parse(value: str) -> Any:
    (parameter,) = parse_call(call_with(value)).params
    return parameter


# --- Documents ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        CALL,
        '<?xml version="1.0"?>' + CALL,
        '<?xml version="1.0" encoding="UTF-8"?>' + CALL,
        "<?xml version='1.0' encoding='utf-8' standalone='yes'?>" + CALL,
        '<?xml version="1.0" encoding="ISO-8859-1"?>' + CALL,
        '<?xml version="1.0" encoding="unheard-of"?>' + CALL,
        '<?xml version="1.1"?>' + CALL,
        '<?xml version="1.0"?>\n' + CALL,
        "\n" + CALL,
        "\ufeff" + CALL,
        "<!-- hello -->" + CALL,
        "<?instruction?>" + CALL,
        CALL + "\n\n",
        CALL + "<extra/>",
        CALL + "garbage",
        CALL + "<!DOCTYPE x>",
        CALL + "\x00",
        CALL.replace("<methodCall>", "<methodCall a='b'>").replace("<methodName>", "<methodName x='y'>"),
        CALL.replace("><", ">\n \t<"),
        CALL.replace("><", ">\r\n<"),
    ],
)
def test_calls(document: str) -> None:
    call = parse_call(document.encode())

    assert call == Call("pool.get_all", ["s"])


@pytest.mark.parametrize(
    "document",
    [
        "",
        " ",
        "x",
        "<!-- only -->",
        "<methodCall/>",
        "<methodResponse/>",
        CALL[:-1],
        CALL[:40],
        '\n<?xml version="1.0"?>' + CALL,
        "<!DOCTYPE methodCall>" + CALL,
        '<!DOCTYPE methodCall SYSTEM "file:///etc/hostname">' + CALL,
        "garbage" + CALL,
        CALL.upper(),
        CALL.replace("methodCall", "METHODCALL"),
        "<methodCall><methodName>m</methodName></methodCall>",
        "<methodCall><params/><methodName>m</methodName></methodCall>",
        "<methodCall><methodName></methodName><params/></methodCall>",
        "<methodCall><methodName/><params/></methodCall>",
        "<methodCall><methodName>m</methodName><params><value>s</value></params></methodCall>",
        "<methodCall><methodName>m</methodName><params>text</params></methodCall>",
        "<methodCall><methodName>m</methodName><params/><params/></methodCall>",
        "<methodCall><methodName>m<b/></methodName><params/></methodCall>",
        "<methodCall>text<methodName>m</methodName><params/></methodCall>",
    ],
)
def test_no_calls(document: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_call(document.encode())


@pytest.mark.parametrize("params", ["<params/>", "<params></params>", "<params> \n</params>"])
def test_a_call_without_parameters(params: str) -> None:
    call = parse_call(f"<methodCall><methodName>m</methodName>{params}</methodCall>".encode())

    assert call == Call("m", [])


def test_the_name_of_the_method_is_not_trimmed() -> None:
    call = parse_call(b"<methodCall><methodName> pool.get_all </methodName><params/></methodCall>")

    assert call.method == " pool.get_all "


# --- Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, raw",
    [
        ("<value>7</value>", "7"),
        ("<value>plain</value>", "plain"),
        ("<value><string>tagged</string></value>", "tagged"),
        ("<value></value>", ""),
        ("<value/>", ""),
        ("<value><string/></value>", ""),
        ("<value><string></string></value>", ""),
        ("<value>   </value>", "   "),
        ("<value>\n</value>", "\n"),
        ("<value><string>   </string></value>", "   "),
        ("<value>  two spaces  </value>", "  two spaces  "),
        ("<value>\n  <string>indented</string>\n</value>", "indented"),
        ("<value>a&amp;b &lt;c&gt; &quot;d&quot; &apos;e&apos;</value>", "a&b <c> \"d\" 'e'"),
        ("<value>&#65;&#x42;</value>", "AB"),
        ("<value><![CDATA[<raw> & text]]></value>", "<raw> & text"),
        ("<value>]]&gt;</value>", "]]>"),
        ("<value>a > b</value>", "a > b"),
        ("<value>line\nbreak</value>", "line\nbreak"),
        ("<value>cr\r\nlf</value>", "cr\nlf"),
        ("<value>cr\rlf</value>", "cr\nlf"),
        ("<value>&#13;</value>", "\n"),
        ("<value>&#9;&#10;</value>", "\t\n"),
        ("<value>&#128;</value>", "\x80"),
        ("<value>a\x7fb</value>", "a\x7fb"),
        ("<value>é中😀</value>", "é中😀"),
        ("<value><!-- comment -->x</value>", "x"),
        ("<value><string>a<!-- c -->b</string></value>", "ab"),
        ("<value><int>7</int></value>", 7),
        ("<value><i4>+7</i4></value>", 7),
        ("<value><i8>0x1f</i8></value>", 31),
        ("<value><i8>9223372036854775807</i8></value>", 2**63 - 1),
        ("<value><boolean>1</boolean></value>", True),
        ("<value><boolean>0</boolean></value>", False),
        ("<value><boolean>true</boolean></value>", False),
        ("<value><boolean> 1 </boolean></value>", False),
        ("<value><double>1.5</double></value>", 1.5),
        ("<value><double>7</double></value>", 7.0),
        ("<value><nil/></value>", None),
        ("<value><nil> </nil></value>", None),
        ("<value><base64>Nw==</base64></value>", b"7"),
        ("<value><array/></value>", []),
        ("<value><array></array></value>", []),
        ("<value><array><data/></array></value>", []),
        ("<value><array><data> </data></array></value>", []),
        (
            "<value><array>\n <data>\n <value>a</value>\n <value><int>1</int></value>\n</data>\n</array></value>",
            ["a", 1],
        ),
        ("<value><array><data><value><array/></value></data></array></value>", [[]]),
        ("<value><struct/></value>", {}),
        ("<value><struct> </struct></value>", {}),
        ("<value><struct><member><name>k</name><value>1</value></member></struct></value>", {"k": "1"}),
        ("<value><struct>\n<member>\n<name> k </name>\n<value/>\n</member>\n</struct></value>", {" k ": ""}),
        ("<value><struct><member><name>a&amp;b</name><value>&lt;</value></member></struct></value>", {"a&b": "<"}),
    ],
)
def test_values(value: str, raw: Any) -> None:
    parsed = parse(value)

    assert (parsed, type(parsed)) == (raw, type(raw))


def test_a_date_is_told_from_a_text() -> None:
    parsed = parse("<value><dateTime.iso8601>not looked at yet</dateTime.iso8601></value>")

    assert type(parsed) is RawDate
    assert parsed == "not looked at yet"


def test_of_repeated_members_the_last_wins() -> None:
    member = "<member><name>k</name><value>{}</value></member>"

    parsed = parse(f"<value><struct>{member.format(1)}{member.format(2)}</struct></value>")

    assert parsed == {"k": "2"}


@pytest.mark.parametrize(
    "value",
    [
        "<int>7</int>",
        "<value>7</value><value>8</value>",
        "<value><int>7</int><int>8</int></value>",
        "<value>text<string>and element</string></value>",
        "<value><string>element</string>and text</value>",
        "<value><string>a<b/>c</string></value>",
        "<value><int></int></value>",
        "<value><int/></value>",
        "<value><int> 7 </int></value>",
        "<value><int>99999999999999999999</int></value>",
        "<value><boolean/></value>",
        "<value><double/></value>",
        "<value><double>x</double></value>",
        "<value><dateTime.iso8601/></value>",
        "<value><base64>N</base64></value>",
        "<value><base64>é</base64></value>",
        "<value><nil>x</nil></value>",
        "<value><unknown>7</unknown></value>",
        "<value><value/></value>",
        "<value><ex:i8>7</ex:i8></value>",
        "<value><array> </array></value>",
        "<value><array><value>a</value></array></value>",
        "<value><array><data>a</data></array></value>",
        "<value><array><data><value>a</value></data><data/></array></value>",
        "<value><struct>a</struct></value>",
        "<value><struct><member/></struct></value>",
        "<value><struct><member><name></name><value>1</value></member></struct></value>",
        "<value><struct><member><name/><value>1</value></member></struct></value>",
        "<value><struct><member><name>k</name></member></struct></value>",
        "<value><struct><member><value>1</value><name>k</name></member></struct></value>",
        "<value>&undefined;</value>",
        "<value>a&#1;b</value>",
        "<value>a&#0;b</value>",
        "<value>&#xD800;</value>",
        "<value>&#xFFFE;</value>",
        "<value>a\x00b</value>",
        "<value>a\x01b</value>",
        "<value>esc\x1b[0m</value>",
        "<value>\ufffe</value>",
        "<value>\uffff</value>",
        "<value>]]></value>",
        "<value>a & b</value>",
    ],
)
def test_no_values(value: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_call(call_with(value))


@pytest.mark.parametrize("text", [b"caf\xe9", b"\xc3(", b"\xed\xa0\x80", b"\xff"])
def test_invalid_utf8_is_no_request(text: bytes) -> None:
    for body in (call_with("<value>@</value>"), call_with("<value>@</value>").replace(b"?>", b' encoding="latin1"?>')):
        with pytest.raises(MalformedRequest):
            parse_call(body.replace(b"@", text))


def test_a_fragment_is_read_as_a_value() -> None:
    parsed = parse_value("<value><array><data><value>OpaqueRef:1</value></data></array></value>")

    assert parsed == ["OpaqueRef:1"]


@pytest.mark.parametrize("fragment", ["", "text", "<array/>", "<value>", "<value>\x01</value>"])
def test_other_texts_are_no_fragments(fragment: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_value(fragment)


# --- Two ways of reading, one result -----------------------------------------------------------------

XML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


@given(st.lists(XML_TEXT), st.text("abc._", min_size=1))
def test_simple_calls_are_read_the_same_with_and_without_the_parser(texts: list[str], method: str) -> None:
    body = xmlrpc.client.dumps(tuple(texts), method).encode()

    simple, parsed = parse_call(body), parse_call(b"<!-- so that the parser is taken -->" + body.partition(b"?>\n")[2])

    assert simple == parsed == Call(method, texts)


VALUES = st.recursive(
    XML_TEXT | st.integers(-(2**31), 2**31 - 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda values: st.lists(values) | st.dictionaries(XML_TEXT.filter(bool), values),
    max_leaves=8,
)


@given(st.lists(VALUES))
def test_what_the_standard_library_writes_is_read(values: list[Any]) -> None:
    body = xmlrpc.client.dumps(tuple(values), "m").encode()

    call = parse_call(body)

    assert call == read_call(body) == Call("m", values)


def test_dates_of_the_standard_library() -> None:
    day = xmlrpc.client.DateTime(datetime.datetime(2025, 3, 19, 4, 16, 24))

    call = parse_call(xmlrpc.client.dumps((day,), "m").encode())

    assert call.params == [RawDate("20250319T04:16:24")]


# --- Hostile input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["<value><array><data>", "<value><struct><member><name>k</name>", "<a>", "<value>"])
def test_deep_nesting_is_refused_in_little_memory(opening: str) -> None:
    body = call_with(opening * 100_000)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    with pytest.raises(MalformedRequest, match="nested"):
        parse_call(body)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The body as text, as the parser's copy, and room for the longest text there could be: nothing grows with depth.
    assert peak - before < 5 * len(body)


def test_what_is_not_deep_is_read() -> None:
    parsed = parse("<value><array><data>" * 60 + "</data></array></value>" * 60)

    assert parsed == eval("[" * 60 + "]" * 60)


def test_entities_are_refused_before_they_grow() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'

    with pytest.raises(MalformedRequest, match="document type"):
        parse_call((bomb + CALL.replace("<value>s", "<value>&b;")).encode())


def test_long_texts_are_read_whole() -> None:
    text = "x" * 300_000 + "&amp;"

    parsed = parse(f"<value>{text}</value>")

    assert parsed == "x" * 300_000 + "&"


@given(st.binary())
def test_any_bytes_are_a_call_or_refused(body: bytes) -> None:
    try:
        call = parse_call(body)
    except MalformedRequest:
        return

    assert isinstance(call, Call)


TAGS = ["methodCall", "methodName", "params", "param", "value", "string", "int", "array", "data", "struct", "member"]
PIECES = [*(f"<{tag}>" for tag in TAGS), *(f"</{tag}>" for tag in TAGS), "<nil/>", "7", " ", "<!--", "&"]


@given(st.lists(st.sampled_from(PIECES)))
def test_any_tags_are_a_call_or_refused(pieces: list[str]) -> None:
    try:
        call = parse_call("".join(pieces).encode())
    except MalformedRequest:
        return

    assert isinstance(call, Call)


ODD_PIECES = [
    "<nil/>",
    "<int>",
    "</int>",
    "<i8>1</i8>",
    "<string/>",
    "<data/>",
    "<a/>",
    "x",
    " ",
    "\n",
    "&lt;",
    "&#65;",
    "\r",
]
RICH_CALL = xmlrpc.client.dumps(("s", {"a": [1, True, {}], "b": {"c": "d &"}}, []), "m").partition("?>\n")[2]
GAPS = [match.start() for match in re.finditer(r"(?=<)|(?<=>)", RICH_CALL)]


@given(st.dictionaries(st.sampled_from(GAPS), st.sampled_from(ODD_PIECES), min_size=1, max_size=3))
def test_what_is_odd_is_read_fast_as_it_is_read_strictly(odd: dict[int, str]) -> None:
    cuts = [0, *sorted(odd), len(RICH_CALL)]
    body = "".join(odd.get(at, "") + RICH_CALL[at:end] for at, end in pairwise(cuts)).encode()

    assert outcome(parse_call, body) == outcome(read_call, body)


def outcome(read: Callable[[bytes], Call], body: bytes) -> Call | type[MalformedRequest]:
    try:
        return read(body)
    except MalformedRequest:
        return MalformedRequest

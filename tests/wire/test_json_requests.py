"""JSON-RPC requests: which texts are calls, and what is in them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.wire.jsonrpc import JsonCall, parse_call
from xapid.wire.raw import MalformedRequest


def parse(value: str) -> Any:
    """The value as the only parameter of a call."""
    (parameter,) = parse_call(f'{{"jsonrpc":"2.0","method":"m","params":[{value}],"id":1}}'.encode()).params
    return parameter


# --- Envelopes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, call",
    [
        ('{"jsonrpc":"2.0","method":"m","params":["a",1],"id":1}', JsonCall("m", ["a", 1], 1, "2.0")),
        ('{"jsonrpc":"2.0","method":"m","params":[],"id":"one"}', JsonCall("m", [], "one", "2.0")),
        ('{"jsonrpc":"2.0","method":"m","params":null,"id":0}', JsonCall("m", [], 0, "2.0")),
        ('{"jsonrpc":"2.0","method":"m","id":-1}', JsonCall("m", [], -1, "2.0")),
        ('{"jsonrpc":"2.0","method":"m","params":{},"id":1}', JsonCall("m", [{}], 1, "2.0")),
        ('{"jsonrpc":"2.0","method":"m","params":{"a":1},"id":1}', JsonCall("m", [{"a": 1}], 1, "2.0")),
        ('{"method":"m","params":["a"],"id":1}', JsonCall("m", ["a"], 1, "1.0")),
        ('{"id":1,"params":[],"other":{"id":2},"method":" m "}', JsonCall(" m ", [], 1, "1.0")),
        ('{"method":"m","params":[],"id":""}', JsonCall("m", [], "", "1.0")),
        # Of repeated members the first counts, however it is spelled.
        ('{"method":"m","method":"n","params":[],"params":[1],"id":1,"id":2}', JsonCall("m", [], 1, "1.0")),
        ('{"method":"m","m\\u0065thod":"n","params":[],"id":1}', JsonCall("m", [], 1, "1.0")),
    ],
)
def test_calls(text: str, call: JsonCall) -> None:
    parsed = parse_call(text.encode())

    assert parsed == call


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "1",
        '"text"',
        "[]",
        "{}",
        '[{"jsonrpc":"2.0","method":"m","params":[],"id":1}]',
        '{"method":"m","params":[]}',
        '{"method":"m","params":[],"id":null}',
        '{"method":"m","params":[],"id":1.0}',
        '{"method":"m","params":[],"id":true}',
        '{"method":"m","params":[],"id":[]}',
        '{"method":"m","params":[],"id":9223372036854775808}',
        '{"method":"m","id":1}',
        '{"method":"m","params":null,"id":1}',
        '{"method":"m","params":{},"id":1}',
        '{"method":"m","params":"text","id":1}',
        '{"params":[],"id":1}',
        '{"method":5,"params":[],"id":1}',
        '{"jsonrpc":"1.0","method":"m","params":[],"id":1}',
        '{"jsonrpc":2.0,"method":"m","params":[],"id":1}',
        '{"jsonrpc":null,"method":"m","params":[],"id":1}',
        '{"jsonrpc":"2.0","method":"m","params":"text","id":1}',
        '{"jsonrpc":"2.0","method":"m","params":5,"id":1}',
        '{"jsonrpc":"2.0","method":"m","params":false,"id":1}',
        '{"method":"m","params":[],"id":1} trailing',
        '{"method":"m","params":[],"id":1}{}',
        '{"method":"m","params":[],"id":1,}',
        '{"method":"m","params":[1,],"id":1}',
        "{'method':'m','params':[],'id':1}",
        '\ufeff{"method":"m","params":[],"id":1}',
        '{"method":"m","params":[],"id":1',
        '{"method":"m","params":[],"id":1} /*',
        '{"method":"m","params":[],"id":1} /*/',
        '{"method":"m","params":[],"id":1} /',
    ],
)
def test_no_calls(text: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_call(text.encode())


# --- Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, value",
    [
        ("7", 7),
        ("-0", 0),
        ("7.0", 7.0),
        ("1e2", 100.0),
        ("true", True),
        ("null", None),
        ('"a\\u00e9b"', "aéb"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\u0000\\u0001"', "\0\1"),
        ('"a\\/b \\"q\\" \\\\"', 'a/b "q" \\'),
        ('"raw\ttab, raw\nline, raw \x01"', "raw\ttab, raw\nline, raw \1"),
        ('"\x7f\u2028\ufffe"', "\x7f\u2028\ufffe"),
        ('"no // comment /* here */"', "no // comment /* here */"),
        ('"\\"/*"', '"/*'),
        ("[ /* a */ 1 // b\n , /**/ 2 ]", [1, 2]),
        ("[1, 2] /* ** / */", [1, 2]),
        ('{"k":"1","k":"2"}', {"k": "2"}),
        ('{"id":"1","id":"2"}', {"id": "2"}),
        ('{"":"v"}', {"": "v"}),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1e400", float("inf")),
        ("-1e400", float("-inf")),
        ("Infinity", float("inf")),
        ("100000000000000000000.0", 1e20),
        ("1e20", 1e20),
        ("3.14159265358979312", 3.141592653589793),
    ],
)
def test_values(text: str, value: Any) -> None:
    parsed = parse(text)

    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "99999999999999999999999",
        "1" * 5000,
        "[9223372036854775808]",
        '{"a":[{"b":9223372036854775808}]}',
        '"\\ud83d"',
        '"\\ude00\\ud83d"',
        '["a", {"\\ud83d": 1}]',
        '"\\x41"',
        '"unterminated',
        '"\\"',
        "01",
        "+1",
        "1.",
        ".5",
        "0x10",
        "1e",
        "nan",
        "True",
        "undefined",
        "'a'",
        "[1 2]",
        "{k:1}",
        '{"k"}',
    ],
)
def test_no_values(text: str) -> None:
    with pytest.raises(MalformedRequest):
        parse(text)


@pytest.mark.parametrize("text", [b"caf\xe9", b"\xc3(", b"\xed\xa0\x80", b"\xff"])
def test_invalid_utf8_is_no_request(text: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_call(b'{"method":"m","params":["%b"],"id":1}' % text)


JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | JSON_TEXT,
    lambda values: st.lists(values) | st.dictionaries(JSON_TEXT, values),
    max_leaves=8,
)


@given(st.lists(VALUES), st.booleans())
def test_what_the_standard_library_writes_is_read(values: list[Any], ascii_only: bool) -> None:
    body = json.dumps({"method": "m", "params": values, "id": 1}, ensure_ascii=ascii_only).encode()

    call = parse_call(body)

    assert call == JsonCall("m", values, 1, "1.0")


@given(st.lists(VALUES))
def test_a_comment_changes_nothing(values: list[Any]) -> None:
    body = json.dumps({"method": "m", "params": values, "id": 1}).encode()

    with_comment = parse_call(b"/* so that the tolerant parser is taken */" + body)

    assert with_comment == parse_call(body)


# --- Hostile input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":[', "/**/["])
def test_deep_nesting_is_refused(opening: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_call(opening.encode() * 100_000)


@pytest.mark.parametrize("depth", range(100, 1100, 100))
def test_nesting_is_read_or_refused(depth: int) -> None:
    try:
        parsed = parse("[" * depth + "]" * depth)
    except MalformedRequest:
        assert depth > 200
        return

    for _ in range(depth - 1):
        (parsed,) = parsed
    assert parsed == []


@pytest.mark.parametrize("piece", ['\\"', "/*", '"', "/", "*/", "//", "\\", '"\\', '/*"', "1", "-", "e", "\\u00", "[,"])
@pytest.mark.parametrize("around", ["{}", '"{}', '["{}"]', "/*{}", '"/*{}'])
def test_nothing_takes_quadratic_time(piece: str, around: str) -> None:
    body = around.replace("{}", piece * 100_000).encode()
    start = time.process_time()

    with pytest.raises(MalformedRequest):
        parse_call(body)

    # Quadratic, it would be minutes.
    assert time.process_time() - start < 2


@given(st.binary())
def test_any_bytes_are_a_call_or_refused(body: bytes) -> None:
    try:
        call = parse_call(body)
    except MalformedRequest:
        return

    assert isinstance(call, JsonCall)


TOKENS = ['"method"', '"params"', '"id"', '"jsonrpc"', ":", ",", "{", "}", "[", "]", "1", '"2.0"', "/*"]


@given(st.lists(st.sampled_from(TOKENS)))
def test_any_tokens_are_a_call_or_refused(pieces: list[str]) -> None:
    try:
        call = parse_call("".join(pieces).encode())
    except MalformedRequest:
        return

    assert isinstance(call, JsonCall)

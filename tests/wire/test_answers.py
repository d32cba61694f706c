"""Answers: envelopes to the byte, and values of each type in both formats."""

from __future__ import annotations

import json
import math
import xmlrpc.client
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.datamodel.types import (
    BOOL,
    DATETIME,
    EPOCH,
    FLOAT,
    INT,
    NULL,
    STRING,
    STRING_MAP,
    VOID,
    DateTime,
    EnumType,
    RecordType,
    RefType,
    Type,
    map_of,
    option,
    set_of,
)
from xapid.datamodel.vbd import VbdMode
from xapid.wire import jsonrpc
from xapid.wire import xmlrpc as wire
from xapid.wire.decode import decoder
from xapid.wire.jsonrpc import V1, V2, JsonCall, NoJsonForm

MODE = EnumType(VbdMode)
ONE = JsonCall("m", [], 7, V1)
TWO = JsonCall("m", [], "seven", V2)

SUCCESS = (
    '<?xml version="1.0"?><methodResponse><params><param><value><struct>'
    "<member><name>Status</name><value>Success</value></member><member><name>Value</name>{}</member>"
    "</struct></value></param></params></methodResponse>"
)


# --- Envelopes ---------------------------------------------------------------------------------------


def test_success_in_xml() -> None:
    answer = wire.success(STRING, "OpaqueRef:1")

    assert answer.decode() == SUCCESS.format("<value>OpaqueRef:1</value>")


def test_void_in_xml() -> None:
    answer = wire.success(VOID, None)

    assert answer.decode() == SUCCESS.format("<value></value>")


def test_failure_in_xml() -> None:
    answer = wire.failure(["HANDLE_INVALID", "VM", "<&>"])

    assert answer.decode() == (
        '<?xml version="1.0"?><methodResponse><params><param><value><struct>'
        "<member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name>"
        "<value><array><data><value>HANDLE_INVALID</value><value>VM</value><value>&lt;&amp;&gt;</value></data></array>"
        "</value></member></struct></value></param></params></methodResponse>"
    )


def test_a_bare_answer_in_xml() -> None:
    answer = wire.bare(set_of(STRING), ["VM.start", "VM.stop"])

    assert answer.decode() == (
        '<?xml version="1.0"?><methodResponse><params><param><value><array><data>'
        "<value>VM.start</value><value>VM.stop</value></data></array></value></param></params></methodResponse>"
    )


@pytest.mark.parametrize(
    "call, answer",
    [(ONE, b'{"result":"x","error":null,"id":7}'), (TWO, b'{"jsonrpc":"2.0","result":"x","id":"seven"}')],
)
def test_success_in_json(call: JsonCall, answer: bytes) -> None:
    assert jsonrpc.success(call, STRING, "x") == answer


@pytest.mark.parametrize(
    "call, answer",
    [(ONE, b'{"result":"","error":null,"id":7}'), (TWO, b'{"jsonrpc":"2.0","result":"","id":"seven"}')],
)
def test_void_in_json(call: JsonCall, answer: bytes) -> None:
    assert jsonrpc.success(call, VOID, None) == answer


@pytest.mark.parametrize(
    "call, answer",
    [
        (ONE, b'{"result":null,"error":["CODE","p"],"id":7}'),
        (TWO, b'{"jsonrpc":"2.0","error":{"code":1,"message":"CODE","data":["p"]},"id":"seven"}'),
    ],
)
def test_failure_in_json(call: JsonCall, answer: bytes) -> None:
    assert jsonrpc.failure(call, ["CODE", "p"]) == answer


def test_failure_without_parameters_has_empty_data() -> None:
    answer = jsonrpc.failure(TWO, ["CODE"])

    assert answer == b'{"jsonrpc":"2.0","error":{"code":1,"message":"CODE","data":[]},"id":"seven"}'


def test_a_failure_is_told_whatever_its_text_holds() -> None:
    description = ["CODE", "file \udcff and \x00 and \uffff"]

    answers = wire.failure(description), jsonrpc.failure(TWO, description)

    (told,), _ = xmlrpc.client.loads(answers[0].decode())
    assert told == {"Status": "Failure", "ErrorDescription": ["CODE", "file ? and  and "]}
    assert json.loads(answers[1])["error"]["data"] == ["file ? and \x00 and \uffff"]


@pytest.mark.parametrize("call_id", ['q"\\é', "", 0, -1, 2**63 - 1])
def test_the_id_comes_back_as_it_was(call_id: int | str) -> None:
    answer = jsonrpc.success(JsonCall("m", [], call_id, V2), VOID, None)

    assert json.loads(answer)["id"] == call_id


# --- Values ------------------------------------------------------------------------------------------

GOLDEN: list[tuple[Type, Any, str, str]] = [
    (STRING, "", "<value></value>", '""'),
    (STRING, " a ", "<value> a </value>", '" a "'),
    (STRING, "a&b<c>d\"e'f", "<value>a&amp;b&lt;c&gt;d&quot;e'f</value>", '"a&b<c>d\\"e\'f"'),
    (STRING, "tab\tnl\ncr\r", "<value>tab\tnl\ncr\r</value>", '"tab\\tnl\\ncr\\r"'),
    (STRING, "\x7f\x80é中😀", "<value>\x7f\x80é中😀</value>", '"\x7f\x80é中😀"'),
    # Never stored, but if they come from elsewhere the answer must stay XML.
    (STRING, "a\x00\x1b\ufffe\uffffz", "<value>az</value>", '"a\\u0000\\u001b\ufffe\uffffz"'),
    (RefType("VM"), NULL, "<value>OpaqueRef:NULL</value>", '"OpaqueRef:NULL"'),
    (INT, 0, "<value>0</value>", "0"),
    (INT, -(2**63), "<value>-9223372036854775808</value>", "-9223372036854775808"),
    (BOOL, True, "<value><boolean>1</boolean></value>", "true"),
    (BOOL, False, "<value><boolean>0</boolean></value>", "false"),
    (FLOAT, 0.0, "<value><double>0</double></value>", "0.0"),
    (FLOAT, 1.0, "<value><double>1</double></value>", "1.0"),
    (FLOAT, 0.5, "<value><double>0.5</double></value>", "0.5"),
    (FLOAT, -1.5, "<value><double>-1.5</double></value>", "-1.5"),
    (FLOAT, 1e-20, "<value><double>9.999999999999999e-21</double></value>", "1e-20"),
    (FLOAT, 0.1, "<value><double>0.1</double></value>", "0.1"),
    (FLOAT, 123456789.12345679, "<value><double>123456789.1234568</double></value>", "123456789.12345679"),
    (FLOAT, 1.0000000000000002, "<value><double>1</double></value>", "1.0000000000000002"),
    (FLOAT, 2, "<value><double>2</double></value>", "2.0"),
    (DATETIME, EPOCH, "<value><dateTime.iso8601>19700101T00:00:00Z</dateTime.iso8601></value>", '"19700101T00:00:00Z"'),
    (MODE, VbdMode.RO, "<value>RO</value>", '"RO"'),
    (MODE, "RO", "<value>RO</value>", '"RO"'),
    (set_of(STRING), (), "<value><array><data></data></array></value>", "[]"),
    (set_of(INT), [1, 1], "<value><array><data><value>1</value><value>1</value></data></array></value>", "[1,1]"),
    (set_of(MODE), (VbdMode.RW,), "<value><array><data><value>RW</value></data></array></value>", '["RW"]'),
    (STRING_MAP, {}, "<value><struct></struct></value>", "{}"),
    (
        STRING_MAP,
        {"a&b": "<"},
        "<value><struct><member><name>a&amp;b</name><value>&lt;</value></member></struct></value>",
        '{"a&b":"<"}',
    ),
    (
        map_of(INT, FLOAT),
        {7: 0.5},
        "<value><struct><member><name>7</name><value><double>0.5</double></value></member></struct></value>",
        '{"7":0.5}',
    ),
    (
        map_of(MODE, INT),
        {VbdMode.RO: 1},
        "<value><struct><member><name>RO</name><value>1</value></member></struct></value>",
        '{"RO":1}',
    ),
    (
        map_of(RefType("VM"), STRING_MAP),
        {NULL: {}},
        "<value><struct><member><name>OpaqueRef:NULL</name><value><struct></struct></value></member></struct></value>",
        '{"OpaqueRef:NULL":{}}',
    ),
]  # fmt: skip


@pytest.mark.parametrize("kind, value, xml, _", GOLDEN)
def test_values_in_xml(kind: Type, value: Any, xml: str, _: str) -> None:
    assert wire.value_text(kind, value) == xml
    assert wire.success(kind, value).decode() == SUCCESS.format(xml)


@pytest.mark.parametrize("kind, value, _, text", GOLDEN)
def test_values_in_json(kind: Type, value: Any, _: str, text: str) -> None:
    assert jsonrpc.success(ONE, kind, value).decode() == f'{{"result":{text},"error":null,"id":7}}'


def test_a_large_float_has_an_exponent() -> None:
    assert wire.value_text(FLOAT, 1e20) == "<value><double>1e+20</double></value>"
    # With or without the plus sign, as orjson likes.
    assert jsonrpc.success(TWO, FLOAT, 1e20).replace(b"+", b"") == b'{"jsonrpc":"2.0","result":1e20,"id":"seven"}'


@pytest.mark.parametrize(
    "value, xml, text", [(math.nan, "nan", "NaN"), (math.inf, "inf", "Infinity"), (-math.inf, "-inf", "-Infinity")]
)
def test_numbers_that_are_none(value: float, xml: str, text: str) -> None:
    assert wire.value_text(FLOAT, value) == f"<value><double>{xml}</double></value>"
    with pytest.raises(NoJsonForm):
        jsonrpc.success(TWO, FLOAT, value)
    # One among others does not spoil them.
    assert json.loads(jsonrpc.success(TWO, set_of(FLOAT), [1.0, value]))["result"] == [1.0, text]


@pytest.mark.parametrize(
    "kind, values",
    [
        (STRING, [5, None, b"x", ["x"], True]),
        (RefType("VM"), [None, 5]),
        (INT, ["7", 7.0, True, None, 2**63, -(2**63) - 1]),
        (FLOAT, ["1.5", None]),
        (BOOL, [1, 0, "true", None]),
        (DATETIME, [None, 5.0]),
        (MODE, ["ro", "x", None, 5]),
        (set_of(STRING), ["text", {"a": "b"}, None, 5, [5]]),
        (STRING_MAP, [["a"], "a", None, {"a": 5}, {5: "a"}]),
        (map_of(INT, STRING), [{"a": "b"}, {2**63: "b"}]),
        (VOID, ["", 0, False]),
        (RecordType("sr_stat"), [{}, None, "x"]),
        (option(STRING), ["x"]),
    ],
)
def test_a_value_that_is_not_of_its_type_is_a_mistake_of_ours(kind: Type, values: list[Any]) -> None:
    for value in values:
        with pytest.raises((TypeError, ValueError, LookupError, AttributeError)):
            wire.success(kind, value)
        with pytest.raises((TypeError, ValueError, LookupError, AttributeError)):
            jsonrpc.success(TWO, kind, value)


STAT = {
    "uuid": None,
    "name_label": "n",
    "name_description": "",
    "free_space": 1,
    "total_space": 2,
    "clustered": False,
    "health": "healthy",
}


def test_an_absent_value_is_left_out() -> None:
    kind = RecordType("sr_stat")

    in_xml = wire.value_text(kind, STAT)
    in_json = json.loads(jsonrpc.success(TWO, kind, STAT))["result"]

    assert in_xml.startswith("<value><struct><member><name>name_label</name><value>n</value></member>")
    assert in_json == {name: value for name, value in STAT.items() if name != "uuid"}


def test_a_present_one_is_there() -> None:
    result = {
        "configuration": {},
        "complete": True,
        "sr": {**STAT, "uuid": "u"},
        "extra_info": {},
    }

    in_json = json.loads(jsonrpc.success(TWO, set_of(RecordType("probe_result")), [result]))["result"]

    assert in_json == [result]
    assert "<name>uuid</name><value>u</value>" in wire.value_text(RecordType("probe_result"), result)


# --- What goes out comes in --------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
KINDS: dict[Type, st.SearchStrategy[Any]] = {
    STRING: TEXT,
    INT: st.integers(-(2**63), 2**63 - 1),
    FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    BOOL: st.booleans(),
    DATETIME: st.integers(0, 10**10).map(DateTime.of),
    MODE: st.sampled_from(VbdMode),
}


def values_of(kind: Type) -> st.SearchStrategy[tuple[Type, Any]]:
    return st.tuples(st.just(kind), KINDS[kind])


TYPED = st.one_of(
    *(values_of(kind) for kind in KINDS),
    *(st.tuples(st.just(set_of(kind)), st.lists(values).map(tuple)) for kind, values in KINDS.items()),
    *(
        st.tuples(st.just(map_of(key, value)), st.dictionaries(KINDS[key].filter(lambda key: key != ""), KINDS[value]))
        for key in (STRING, INT, MODE)
        for value in KINDS
    ),
)


@given(TYPED)
def test_a_value_comes_back_through_json(typed: tuple[Type, Any]) -> None:
    kind, value = typed

    result = orjson.loads(jsonrpc.success(TWO, kind, value))["result"]

    assert decoder(kind)(result) == value


@given(TYPED.filter(lambda typed: "float" not in str(typed[0])))
def test_a_value_comes_back_through_xml(typed: tuple[Type, Any]) -> None:
    kind, value = typed

    result = wire.parse_value(wire.value_text(kind, value))

    assert decoder(kind)(result) == value


@given(st.floats(allow_nan=False))
def test_a_float_comes_back_through_xml_with_16_digits(value: float) -> None:
    result = wire.parse_value(wire.value_text(FLOAT, value))

    assert result == float(f"{value:.16g}")


@given(st.lists(TEXT), st.dictionaries(TEXT, TEXT))
def test_the_standard_library_reads_our_xml(texts: list[str], pairs: dict[str, str]) -> None:
    answers = wire.success(set_of(STRING), texts), wire.success(STRING_MAP, pairs)

    read = [xmlrpc.client.loads(answer.decode())[0][0] for answer in answers]

    assert read == [{"Status": "Success", "Value": texts}, {"Status": "Success", "Value": pairs}]

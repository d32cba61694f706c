"""Raw values become values of a type, or are refused."""

from __future__ import annotations

from typing import Any

import pytest

from xapid.datamodel.bond import BondMode
from xapid.datamodel.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    STRING,
    STRING_MAP,
    VOID,
    DateTime,
    EnumType,
    RecordType,
    RefType,
    Type,
    map_of,
    set_of,
)
from xapid.datamodel.vbd import VbdMode
from xapid.wire.decode import TypeMismatch, before_xml_illegal, decoder, xml_illegal
from xapid.wire.raw import RawDate

VM = RefType("VM")
MODE = EnumType(VbdMode)
BOND = EnumType(BondMode)


@pytest.mark.parametrize(
    "kind, raw, value",
    [
        (STRING, "", ""),
        (STRING, " a ", " a "),
        (VM, "OpaqueRef:NULL", "OpaqueRef:NULL"),
        (VM, "", ""),
        (VM, "junk", "junk"),
        (INT, 7, 7),
        (INT, "0x1f", 31),
        (FLOAT, 1.5, 1.5),
        (FLOAT, 2, 2.0),
        (FLOAT, "1.", 1.0),
        (BOOL, True, True),
        (BOOL, False, False),
        (MODE, "RO", VbdMode.RO),
        (MODE, "ro", VbdMode.RO),
        (BOND, "balance-slb", BondMode("balance-slb")),
        (BOND, "LACP", BondMode("lacp")),
        (set_of(STRING), [], ()),
        (set_of(STRING), ["b", "b", "a"], ("b", "b", "a")),
        (set_of(MODE), ["rw", "RO"], (VbdMode.RW, VbdMode.RO)),
        (STRING_MAP, {}, {}),
        (STRING_MAP, {"": "v"}, {"": "v"}),
        (map_of(INT, FLOAT), {"0x10": "1e1"}, {16: 10.0}),
        (map_of(MODE, STRING), {"ro": "why"}, {VbdMode.RO: "why"}),
        (set_of(set_of(INT)), [["1"], [2]], ((1,), (2,))),
    ],
)
def test_accepted(kind: Type, raw: Any, value: Any) -> None:
    decoded = decoder(kind)(raw)

    assert (decoded, type(decoded)) == (value, type(value))


@pytest.mark.parametrize(
    "kind, raws",
    [
        (STRING, [5, True, 1.5, None, [], {}, RawDate("20200101T00:00:00Z"), b"x"]),
        (VM, [5, True, None, [], {}, RawDate("20200101T00:00:00Z")]),
        (INT, ["", "x", " 7", "7.0", 7.0, 1e2, True, None, [], {}, RawDate("7"), b"7"]),
        (FLOAT, ["", "x", "1 ", True, None, [], {}, RawDate("1")]),
        (BOOL, ["true", "1", "", 1, 0, 1.0, None, [], {}]),
        (DATETIME, [20200101, True, None, [], {}]),
        (MODE, ["", "ro ", "x", 1, None, [], RawDate("RO")]),
        # The Kelvin sign is a k in lower case.
        (EnumType(VbdMode), ["\N{KELVIN SIGN}"]),
        (BOND, ["BALANCE-SLB"]),
        (set_of(STRING), ["a", "", {}, None, 5, [5], [None], [["a"]], ["a", 5]]),
        (STRING_MAP, ["a", "", [], None, 5, {"k": 5}, {"k": None}, {"k": {}}, {"k": True}]),
        (map_of(INT, STRING), [{"x": "v"}, {"": "v"}]),
        (map_of(MODE, STRING), [{"": "v"}, {"x": "v"}]),
        (RecordType("user"), ["", [], None, 5]),
    ],
)
def test_refused(kind: Type, raws: list[Any]) -> None:
    for raw in raws:
        with pytest.raises(TypeMismatch):
            decoder(kind)(raw)


DAY = "20250319T04:16:24"


@pytest.mark.parametrize(
    "text, date",
    [
        (DAY + "Z", DAY + "Z"),
        (DAY, DAY + "Z"),
        ("2025-03-19T04:16:24Z", DAY + "Z"),
        ("2025-03-19T04:16:24", DAY + "Z"),
        (DAY + "+00:00", DAY + "Z"),
        (DAY + "-00:00", DAY + "Z"),
        (DAY + "+0100", DAY + "+01:00"),
        (DAY + "-05:30", DAY + "-05:30"),
        ("2025-03-19T04:16:24.5Z", DAY + "Z"),
        ("2025-03-19T04:16:24.123+02:00", DAY + "+02:00"),
        ("19691231T23:59:59Z", "19691231T23:59:59Z"),
        ("00010101T00:00:00Z", "00010101T00:00:00Z"),
        ("99991231T23:59:59Z", "99991231T23:59:59Z"),
        ("20250101T23:59:60Z", "20250102T00:00:00Z"),
        (DAY + "Z ", DAY + "Z"),
        (DAY + "ZZ", DAY + "Z"),
    ],
)
def test_dates_accepted(text: str, date: str) -> None:
    from_text, from_date = decoder(DATETIME)(text), decoder(DATETIME)(RawDate(text))

    assert from_text == from_date == date
    assert type(from_text) is type(from_date) is DateTime


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "0",
        "20250319",
        "2025-03-19",
        "20250319T041624Z",
        "2025-03-19 04:16:24Z",
        "20250319t04:16:24z",
        "20250319T04:16:24.123456Z",
        "20250230T00:00:00Z",
        "20251301T00:00:00Z",
        "20250101T24:00:00Z",
        " " + DAY,
        "20250101T00:00:61Z",
        "99991231T23:59:60Z",
        DAY + "+24:00",
        DAY + "+01:60",
        "2025-0319T04:16:24Z",
        "\u0662\u0660\u0662\u06650319T04:16:24Z",
    ],
)
def test_dates_refused(text: str) -> None:
    for raw in (text, RawDate(text)):
        with pytest.raises(TypeMismatch):
            decoder(DATETIME)(raw)


def test_a_record_takes_what_is_given_and_defaults_for_the_rest() -> None:
    raw = {"short_name": "v", "fullname": "V", "uuid": "passed over", "nonsense": []}

    decoded = decoder(RecordType("user"))(raw)

    assert decoded == {"short_name": "v", "fullname": "V", "other_config": {}}


def test_a_record_without_a_mandatory_member_is_refused() -> None:
    with pytest.raises(TypeMismatch, match="short_name is missing"):
        decoder(RecordType("user"))({"fullname": "V"})


def test_a_member_of_the_wrong_type_is_named() -> None:
    with pytest.raises(TypeMismatch, match="member fullname: expected a string, got int"):
        decoder(RecordType("user"))({"short_name": "v", "fullname": 5})


def test_a_record_may_be_all_defaults() -> None:
    decoded = decoder(RecordType("VM_group"))({})

    assert decoded == {"name_label": "", "name_description": "", "placement": "normal"}


def test_what_is_no_parameter_has_no_decoder() -> None:
    with pytest.raises(TypeError, match="void"):
        decoder(VOID)


@pytest.mark.parametrize("text", ["\x00", "a\x01b", "esc\x1b[0m", "\x1f", "\x0b", "\x0c"])
def test_control_characters_may_not_be_stored(text: str) -> None:
    assert xml_illegal(text)


@pytest.mark.parametrize("text", ["", "plain", "tab\tnl\ncr\r", "\x7f", "\x80\x9f", "\ufffe\uffff", "é中😀"])
def test_other_characters_may(text: str) -> None:
    assert not xml_illegal(text)


@pytest.mark.parametrize("text, kept", [("nul\0x", "nul"), ("\1\2", ""), ("esc\x1b[0m", "esc"), ("a\tb", "a\tb")])
def test_a_new_object_keeps_what_stands_before_them(text: str, kept: str) -> None:
    assert before_xml_illegal(text) == kept

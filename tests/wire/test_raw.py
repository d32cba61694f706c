"""Numbers spelled in texts: what the original takes for one."""

from __future__ import annotations

import contextlib
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.wire.raw import float_of_text, int_of_text


@pytest.mark.parametrize(
    "text, value",
    [
        ("7", 7),
        ("+7", 7),
        ("-7", -7),
        ("007", 7),
        ("0x1f", 31),
        ("0X1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("0u7", 7),
        ("1_000", 1000),
        ("1__0_", 10),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0xffffffffffffffff", -1),
        ("0u18446744073709551615", -1),
        ("-0x1", -1),
        ("-0x8000000000000000", -(2**63)),
    ],
)
def test_integers_in_every_spelling(text: str, value: int) -> None:
    read = int_of_text(text)

    assert read == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "7.0",
        "1e2",
        " 7",
        "7 ",
        "7\n",
        "+",
        "-",
        "--7",
        "_7",
        "0x",
        "0xg",
        "0b2",
        "0x_1",
        "\u0663",
        "9223372036854775808",
        "-9223372036854775809",
        "+9223372036854775808",
        "0x10000000000000000",
        "1" * 101,
    ],
)
def test_no_integers(text: str) -> None:
    with pytest.raises(ValueError, match="not an integer"):
        int_of_text(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_as_python_writes_it(value: int) -> None:
    read = int_of_text(str(value))

    assert read == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("0x1p3", 8.0),
        ("0x1p-1", 0.5),
        ("-0X.8", -0.5),
        ("1_000.5", 1000.5),
        (" 1", 1.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
        ("-0x1p99999", -math.inf),
    ],
)
def test_floats_in_every_spelling(text: str, value: float) -> None:
    read = float_of_text(text)

    assert read == value


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan"])
def test_not_a_number_is_a_float(text: str) -> None:
    read = float_of_text(text)

    assert math.isnan(read)


@pytest.mark.parametrize(
    "text", ["", " ", "_", ".", "abc", "1 ", "1e", "e1", "--1", "0x", "0x1p", "1,5", "nan(1)", "\u0661"]
)
def test_no_floats(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        float_of_text(text)


@given(st.floats(allow_nan=False))
def test_a_float_as_python_writes_it(value: float) -> None:
    read = float_of_text(repr(value))

    assert read == value


@pytest.mark.parametrize(
    "text", ["1" * 300_000, "1" * 300_000 + "x", "0x" + "f" * 300_000 + "x", " " * 300_000, "." * 9]
)
def test_long_texts_take_no_long_time(text: str) -> None:
    start = time.process_time()

    for read in (int_of_text, float_of_text):
        with contextlib.suppress(ValueError):
            assert read(text) == math.inf

    # Quadratic, it would be minutes.
    assert time.process_time() - start < 2

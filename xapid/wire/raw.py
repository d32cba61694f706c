"""What parsing a request yields before the types of its parameters are known, and the numbers spelled in texts."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

Raw: TypeAlias = Any
"""``str``, ``int``, ``float``, ``bool``, ``None``, ``RawDate``, ``bytes`` (base64), ``list`` or ``dict`` of them.

An ``int`` always fits 64 bits.
"""

INT_LOWEST, INT_HIGHEST = -(2**63), 2**63 - 1


class MalformedRequest(Exception):
    """The body is no call at all. The client gets a page with status 500 instead of an answer."""


class RawDate(str):
    """The text of a ``<dateTime.iso8601>`` element, which is no string to the original."""

    __slots__ = ()


# A sign, a base, then digits of which the first is no underscore: what OCaml takes for an integer.
_INT = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F][0-9a-fA-F_]*)|0[oO](?P<oct>[0-7][0-7_]*)"
    r"|0[bB](?P<bin>[01][01_]*)|0[uU](?P<unsigned>[0-9][0-9_]*)|(?P<dec>[0-9][0-9_]*))"
)
_BASES = {"hex": 16, "oct": 8, "bin": 2, "unsigned": 10, "dec": 10}
_SURELY_64_BITS = 18
"""Decimal digits."""
_LONGEST_INT = 100
"""Characters. 64 binary digits, and some underscores; without a limit a long text costs quadratic time."""


def int_of_text(text: str) -> int:
    """Read an integer in any spelling of the original: ``7``, ``+7``, ``0x1f``, ``0b11``, ``1_000``.

    Raises ValueError for everything else, and beyond 64 bits. As in the original, a base or ``0u`` makes the digits
    a pattern of 64 bits: ``0xffffffffffffffff`` is -1.
    """
    if text.isdecimal() and text.isascii() and len(text) <= _SURELY_64_BITS:
        return int(text)
    found = _INT.fullmatch(text) if len(text) <= _LONGEST_INT else None
    if found is None:
        raise ValueError("not an integer")
    form = found.lastgroup or "dec"
    value = int(found[form].replace("_", ""), _BASES[form])
    if form == "dec":
        value = -value if found["sign"] == "-" else value
    elif value < 2**64:
        value = value - 2**64 if value > INT_HIGHEST else value
        value = -value if found["sign"] == "-" and value != INT_LOWEST else value
    if not INT_LOWEST <= value <= INT_HIGHEST:
        raise ValueError("not an integer of 64 bits")
    return value


# What the C library takes, after underscores are dropped: blanks may lead but not follow. Digits are never given back,
# or a long text that is no number would take quadratic time.
_FLOAT = re.compile(
    r"[ \t\n\v\f\r]*+[+-]?(?:(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:e[+-]?[0-9]++)?"
    r"|(?P<hex>0x(?:[0-9a-f]++(?:\.[0-9a-f]*+)?|\.[0-9a-f]++)(?:p[+-]?[0-9]++)?)|nan|inf|infinity)",
    re.IGNORECASE | re.ASCII,
)


def float_of_text(text: str) -> float:
    """Read a number in any spelling of the original: ``1.``, ``.5``, ``1e3``, ``0x1p3``, ``nan``, ``inf``.

    Raises ValueError for everything else.
    """
    found = _FLOAT.fullmatch(text.replace("_", ""))
    if found is None:
        raise ValueError("not a number")
    if found["hex"]:
        try:
            return float.fromhex(found[0])
        except OverflowError:
            return float("-inf") if "-" in found[0].split("0", 1)[0] else float("inf")
    return float(found[0])

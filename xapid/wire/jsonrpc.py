"""JSON-RPC 1.0 and 2.0: requests read as the original reads them, and answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import orjson

from xapid.datamodel.types import FloatType, Type
from xapid.wire.checks import sendable
from xapid.wire.raw import INT_HIGHEST, INT_LOWEST, MalformedRequest, Raw
from xapid.wire.records import Members, no_members
from xapid.wire.results import JSON, Slices, encoder

V1 = "1.0"
V2 = "2.0"


class NoJsonForm(ValueError):
    """A result that JSON cannot express. The client gets a page with status 500 instead of an answer."""


class JsonCall(NamedTuple):
    """A request."""

    method: str
    params: list[Raw]
    id: int | str
    version: str
    """V1 or V2."""


# --- Requests ----------------------------------------------------------------------------------------


def parse_call(body: bytes) -> JsonCall:
    """Read a request. Raises MalformedRequest."""
    envelope = _parse(body)
    if not isinstance(envelope, dict):
        raise MalformedRequest("no object")
    version = V2 if "jsonrpc" in envelope else V1
    if version == V2 and envelope["jsonrpc"] != V2:
        raise MalformedRequest("unknown version")
    method, params, call_id = envelope.get("method"), envelope.get("params"), envelope.get("id")
    if not isinstance(method, str):
        raise MalformedRequest("no method")
    if type(call_id) is not int and not isinstance(call_id, str):
        raise MalformedRequest("no id")
    if version == V2 and params is None:
        params = []
    elif version == V2 and isinstance(params, dict):
        params = [params]
    if not isinstance(params, list):
        raise MalformedRequest("params is no array")
    return JsonCall(method, params, call_id, version)


# Where orjson reads on but otherwise than the original: of repeated members it takes the last, where the original takes
# the first of the envelope. So this looks for names that come twice, and for escapes that could spell one.
_ESCAPED_ASCII = b"\\u00"
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19


def _parse(body: bytes) -> Raw:
    if not _may_repeat(body):
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return _parse_tolerantly(body)
        # Whoever looks at each value takes as long as all the rest together.
        if _LONG_NUMBER not in body.translate(_DIGITS_ALIKE) or not _doubtful(value):
            return value
    # It is one of these, or malformed, or has what only the original takes.
    return _parse_tolerantly(body)


def _may_repeat(body: bytes) -> bool:
    """Whether a member of the envelope may stand there twice."""
    count = body.count
    return (
        _ESCAPED_ASCII in body
        or count(b'"method"') > 1
        or count(b'"params"') > 1
        or count(b'"id"') > 1
        or count(b'"jsonrpc"') > 1
    )


def _doubtful(value: Raw) -> bool:
    """Whether a number may have been an integer beyond 64 bits, of which orjson makes a float."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            waiting.extend(value.values())
        elif type(value) is list:
            waiting.extend(value)
        elif type(value) in (int, float) and not INT_LOWEST < value <= INT_HIGHEST:
            return True
    return False


# A string, or a comment. Either may lack its end: then it takes all the rest, since to look for an end again from
# each quote in the rest would be quadratic.
_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]++|\\.)*+"?|/\*(?:.*?\*/|.*+)|//[^\n]*+', re.DOTALL)
_LONGEST_INT = len(str(INT_LOWEST))


def _parse_tolerantly(body: bytes) -> Raw:
    """Read JSON with comments, raw control characters in strings, ``NaN``, ``Infinity`` and ``1e400``."""
    envelope = _Outermost()
    try:
        text = _STRING_OR_COMMENT.sub(_without_comment, body.decode())
        value = json.loads(text, strict=False, parse_int=_int, object_pairs_hook=envelope)
        # The standard library takes lone surrogates; orjson does not.
        orjson.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedRequest(f"no JSON: {type(error).__name__}") from error
    return envelope.first_of_each if isinstance(value, dict) else value


class _Outermost:
    """Makes objects, in which the last of repeated members wins, and remembers the outermost, which ends last."""

    def __init__(self) -> None:
        self._pairs: list[tuple[str, Raw]] = []

    def __call__(self, pairs: list[tuple[str, Raw]]) -> dict[str, Raw]:
        self._pairs = pairs
        return dict(pairs)

    @property
    def first_of_each(self) -> dict[str, Raw]:
        return dict(reversed(self._pairs))


def _without_comment(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith('"'):
        return text
    if text.startswith("/*") and not (len(text) > 3 and text.endswith("*/")):
        raise ValueError("a comment without end")
    return " "


def _int(text: str) -> int:
    if len(text) > _LONGEST_INT or not INT_LOWEST <= (value := int(text)) <= INT_HIGHEST:
        raise ValueError("an integer beyond 64 bits")
    return value


# --- Answers -----------------------------------------------------------------------------------------


def success(call: JsonCall, kind: Type, value: Any, members: Members = no_members) -> bytes:
    """The answer of a call that succeeded. Raises NoJsonForm."""
    head, tail = _around(call)
    return b"".join((head, *chain.from_iterable(_result(kind, value, members)), tail))


def success_slices(call: JsonCall, kind: Type, value: Any, members: Members = no_members) -> Iterator[Sequence[bytes]]:
    """The same in slices, each made when it is asked for, so that a long answer need not hold up everybody else."""
    head, tail = _around(call)
    yield (head,)
    yield from _result(kind, value, members)
    yield (tail,)


def failure(call: JsonCall, description: list[str]) -> bytes:
    """The answer of a call that failed: the code of the error, and its parameters."""
    code, *parameters = map(sendable, description)
    if call.version == V1:
        return orjson.dumps({"result": None, "error": [code, *parameters], "id": call.id})
    error = {"code": 1, "message": code, "data": parameters}
    return orjson.dumps({"jsonrpc": V2, "error": error, "id": call.id})


def _around(call: JsonCall) -> tuple[bytes, bytes]:
    call_id = orjson.dumps(call.id)
    if call.version == V1:
        return b'{"result":', b',"error":null,"id":%b}' % call_id
    return b'{"jsonrpc":"2.0","result":', b',"id":%b}' % call_id


def _result(kind: Type, value: Any, members: Members) -> Slices:
    # As a member of a record such a number goes in quotes, so that it does not spoil the whole; alone it is refused,
    # as the original does in both cases.
    if isinstance(kind, FloatType) and not math.isfinite(value):
        raise NoJsonForm(f"{value} in JSON")
    return encoder(JSON, kind)(value, members)

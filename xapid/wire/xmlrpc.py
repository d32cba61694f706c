"""XML-RPC: requests read as the original reads them, answers written to the byte as it writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from xapid.datamodel.types import STRING, SetType, Type
from xapid.wire.checks import sendable
from xapid.wire.plain_calls import plain_call
from xapid.wire.raw import MalformedRequest, Raw
from xapid.wire.records import Members, no_members
from xapid.wire.results import XML, encoder
from xapid.wire.xml_reader import Call, read_call, read_value

# --- Requests ----------------------------------------------------------------------------------------


def parse_call(body: bytes) -> Call:
    """Read a request. Raises MalformedRequest."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest("not UTF-8") from error
    return plain_call(body, text) or read_call(body)


def parse_value(fragment: str) -> Raw:
    """Read a fragment, ``<value>...</value>``, such as the result of a task. Raises MalformedRequest."""
    return read_value(fragment.encode(errors="replace"))


# --- Answers -----------------------------------------------------------------------------------------

_SUCCESS = (
    b'<?xml version="1.0"?><methodResponse><params><param><value><struct>'
    b"<member><name>Status</name><value>Success</value></member><member><name>Value</name>"
)
_FAILURE = (
    b'<?xml version="1.0"?><methodResponse><params><param><value><struct>'
    b"<member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name>"
)
_STRUCT_END = b"</member></struct></value></param></params></methodResponse>"
_texts = XML.value(SetType(STRING))
_BARE = b'<?xml version="1.0"?><methodResponse><params><param>'
_BARE_END = b"</param></params></methodResponse>"


def success(kind: Type, value: Any, members: Members = no_members) -> bytes:
    """The answer of a call that succeeded."""
    return b"".join((_SUCCESS, *chain.from_iterable(encoder(XML, kind)(value, members)), _STRUCT_END))


def success_slices(kind: Type, value: Any, members: Members = no_members) -> Iterator[Sequence[bytes]]:
    """The same in slices, each made when it is asked for, so that a long answer need not hold up everybody else."""
    yield (_SUCCESS,)
    yield from encoder(XML, kind)(value, members)
    yield (_STRUCT_END,)


def bare(kind: Type, value: Any, members: Members = no_members) -> bytes:
    """An answer without the envelope of Status and Value: that of system.listMethods."""
    return b"".join((_BARE, *chain.from_iterable(encoder(XML, kind)(value, members)), _BARE_END))


def failure(description: list[str]) -> bytes:
    """The answer of a call that failed: the code of the error, and its parameters."""
    return b"".join((_FAILURE, _texts([sendable(text) for text in description]), _STRUCT_END))


def value_text(kind: Type, value: Any, members: Members = no_members) -> str:
    """The fragment ``<value>...</value>`` of a value, as the result of a task has it."""
    return b"".join(chain.from_iterable(encoder(XML, kind)(value, members))).decode()

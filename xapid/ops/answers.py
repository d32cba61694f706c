"""Answers in XML-RPC of programs of a host and of other pools: they may be anything, and much of it."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from typing import Any
from xml.parsers.expat import ExpatError

from xapid.datamodel.types import DateTime
from xapid.wire.raw import RawDate

LARGEST = 2**63
DEEPEST = 200
"""Values within each other, as in a request."""


class Unreadable(Exception):
    """It is no answer; the text says why."""


async def answer_in(text: str) -> Any:
    """The value that was answered. Raises Unreadable, and xmlrpc.client.Fault if it is one.

    Reading takes seconds where there is much of it, so it happens beside everything else.
    """
    return await asyncio.to_thread(_answer, text)


def _answer(text: str) -> Any:
    if "<!DOCTYPE" in text:
        raise Unreadable("it has a DOCTYPE")
    try:
        (value,), _ = xmlrpc.client.loads(text)
        return plain(value)
    except xmlrpc.client.Fault:
        raise
    # Its parser raises whatever it stumbles over.
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError, AttributeError) as error:
        raise Unreadable(str(error)) from error


def plain(value: Any, depth: int = 0) -> Any:
    """A value that was read, with dates as we spell them. Raises ValueError for what our wire does not carry."""
    if depth > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} values within each other")
    match value:
        case RawDate():
            return DateTime.parse(value)
        case bool() | str() | float() | None:
            return value
        case int() if -LARGEST <= value < LARGEST:
            return value
        case xmlrpc.client.DateTime():
            return DateTime.parse(str(value))
        case list():
            return [plain(each, depth + 1) for each in value]
        case dict():
            return {str(key): plain(each, depth + 1) for key, each in value.items()}
    raise ValueError(f"the wire does not carry {type(value).__name__} {value!r:.50}")

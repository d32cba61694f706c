"""Spans in the form of Zipkin, version 2: what collectors read, and what stands in files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson

from xapid.rules.observer import Component
from xapid.runtime.tracing.span import OK, Span

LONGEST = 1024
"""Characters of one value: clients send headers of any length."""


class Finished(NamedTuple):
    """A span that is over, as it is told to one endpoint."""

    span: Span
    parent: str
    """The id of the span that it is within, among those which are told to this endpoint; empty: of none."""
    attributes: Mapping[str, str]
    """Those that every span has."""


def parent_id(span: Span, components: Collection[Component]) -> str:
    """The id of the nearest span around this one that is told of, too: of ours, or the client's."""
    above = span.parent
    while above is not None and above.component not in components:
        above = above.parent
    return span.call.remote if above is None else above.id


def encoded(told: Finished) -> bytes:
    """A JSON object, in one line."""
    span = told.span
    tags = {**told.attributes, **span.attributes, "xs.xapi.outcome": span.outcome}
    if span.outcome != OK:
        tags["error"] = span.outcome
    found: dict[str, Any] = {
        "traceId": span.trace,
        "id": span.id,
        "name": _text(span.name),
        "timestamp": int(span.moment * 1e6),
        "duration": max(1, round(span.seconds * 1e6)),
        "localEndpoint": {"serviceName": span.component.value},
        "tags": {key: _text(value) for key, value in tags.items()},
    }
    if told.parent:
        found["parentId"] = told.parent
    if span.kind:
        found["kind"] = span.kind
    return orjson.dumps(found)


def batch(spans: Collection[bytes]) -> bytes:
    """The JSON array of spans that are encoded."""
    return b"[" + b",".join(spans) + b"]"


def _text(value: str) -> str:
    """Cut, and without halves of characters, which JSON cannot carry."""
    return value[:LONGEST].encode(errors="replace").decode()

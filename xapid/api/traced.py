"""Calls of which an Observer wants to hear: the span around one, and who is told that it has ended."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from xapid.api.dispatch import Answer, Dispatcher, Request, split_prefix
from xapid.api.methods import Method
from xapid.runtime.tracing.span import COMMIT, OK, TURN, Span, current, outcome_of
from xapid.runtime.tracing.tracer import Tracer
from xapid.store.store import Sink

UNKNOWN = "unknown method"
"""Name of the span of a call whose method is not there: the text may be anything."""


def traced(
    dispatcher: Dispatcher, tracer: Tracer, request: Request, traceparent: str, arrived: float
) -> Answer | Awaitable[Answer]:
    """The same as ``dispatcher.call``, in a span. ``arrived``: when it came, if it had to wait (``perf_counter``)."""
    prefix, name = split_prefix(request.method)
    method = dispatcher.methods.get(name)
    span = tracer.begin(prefix + method.name if method else UNKNOWN, traceparent, arrived)
    _describe(span, dispatcher, request, method)
    if arrived:
        span.within(TURN, began=arrived).end()
    token = current.set(span)
    try:
        answer = dispatcher.call(request)
    except BaseException as error:
        span.end(outcome_of(error))
        raise
    finally:
        current.reset(token)
    if not isinstance(answer, Answer):
        return _awaited(span, answer, request.method, dispatcher.runtime.store.sink)
    _end(span, answer, dispatcher.runtime.store.sink)
    return answer


def _describe(span: Span, dispatcher: Dispatcher, request: Request, method: Method | None) -> None:
    """Who called from where. Of the parameters only the session is looked at, and only its track id is kept."""
    facts, origin = span.attributes, request.origin
    facts["xs.xapi.task.name"] = span.name
    facts["xs.xapi.task.origin"] = "http"
    if origin.address:
        facts["network.peer.address"] = origin.address
    if origin.user_agent:
        facts["http.request.header.user-agent"] = origin.user_agent
    first = request.params[0] if request.params else None
    session = dispatcher.sessions.find(first) if isinstance(first, str) and (not method or method.session) else None
    if session is not None:
        facts["xs.xapi.session.track.id"] = session.track_id.removeprefix("trackid=")
    originator = session.originator if session is not None else origin.originator
    if originator:
        facts["xs.xapi.session.originator"] = originator


async def _awaited(span: Span, answer: Awaitable[Answer], method: str, sink: Sink) -> Answer:
    token = current.set(span)
    try:
        found = await answer
    except BaseException as error:
        span.end(outcome_of(error))
        raise
    finally:
        current.reset(token)
    if span.name == UNKNOWN:
        # There is one: an extension answered.
        span.name = method
    _end(span, found, sink)
    return found


def _end(span: Span, answer: Answer, sink: Sink) -> None:
    """End the span of a call that has gone well: when the disk has what its answer waits for."""
    if answer.until > sink.durable:
        sink.tell(answer.until, partial(_recorded, span, span.within(COMMIT)))
    else:
        span.end()


def _recorded(span: Span, commit: Span, trouble: str) -> None:
    outcome = "INTERNAL_ERROR" if trouble else OK
    commit.end(outcome)
    span.end(outcome)

"""Spans: a call, and the parts of it that take time. What a client sent as a value never gets into one."""

from __future__ import annotations

import asyncio
import contextvars
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from xapid.datamodel import Task
from xapid.datamodel.errors import ApiError
from xapid.rules.observer import Component

if TYPE_CHECKING:
    from xapid.runtime.tasks import TaskHandle

TURN = "queue: turn"
"""The part of a call from its arrival until somebody looks at it."""
COMMIT = "database commit"
"""The part in which it waits for the disk."""

OK = "OK"
CANCELLED = "CANCELLED"
"""The outcome of what ended because the daemon stops, or because nobody waits for it any more."""
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Remote(NamedTuple):
    """Where a client's own trace is: the span that caused ours."""

    trace: str = ""
    span: str = ""


NOBODY = Remote()


def remote(traceparent: str) -> Remote:
    """What a header ``traceparent`` of W3C says; nothing where it is wrong, as the standard has it."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return NOBODY
    version, trace, span, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return NOBODY
    return Remote(trace, span)


class Span:
    """A piece of work from its beginning to its end, within another one, or a call, which is within none of ours."""

    __slots__ = (
        "_finished", "_holders", "attributes", "began", "component", "id", "kind", "moment", "name", "outcome",
        "parent", "remote", "seconds", "trace",
    )  # fmt: skip

    def __init__(
        self,
        finished: Callable[[Span], None],
        name: str,
        component: Component = Component.xapi,
        parent: Span | None = None,
        caused: Remote = NOBODY,
        began: float = 0.0,
    ) -> None:
        """``began``: by ``perf_counter``, if that was before now."""
        now = time.perf_counter()
        self.began = began or now
        self.moment = time.time() - (now - self.began)
        """Seconds since 1970."""
        self.name = name
        self.component = component
        self.parent = parent
        self.remote = caused.span
        self.trace: str = parent.trace if parent is not None else caused.trace or secrets.token_hex(16)
        self.id = secrets.token_hex(8)
        self.kind = "SERVER" if parent is None else ""
        self.attributes: dict[str, str] = {}
        self.outcome = OK
        self.seconds = 0.0
        self._finished = finished
        self._holders = 1

    @property
    def call(self) -> Span:
        """The outermost one."""
        # Not kept: whoever refers to himself waits for the garbage collector, which comes seldom.
        span = self
        while span.parent is not None:
            span = span.parent
        return span

    @property
    def over(self) -> bool:
        return not self._holders

    @property
    def traceparent(self) -> str:
        """How another program is told that what it does is within this."""
        return f"00-{self.trace}-{self.id}-01"

    def hold(self) -> None:
        """It ends once more often: somebody else works on it too."""
        self._holders += 1

    def end(self, outcome: str = OK) -> None:
        """What it was about is done, unless others hold it."""
        if outcome != OK:
            self.outcome = outcome
        self._holders -= 1
        if not self._holders:
            self.seconds = time.perf_counter() - self.began
            self._finished(self)

    def within(self, name: str, component: Component = Component.xapi, began: float = 0.0) -> Span:
        """A new span inside this one."""
        return Span(self._finished, name, component, self, began=began)


current: contextvars.ContextVar[Span | None] = contextvars.ContextVar("current_span", default=None)
"""The span that this code works on; None: nobody traces it."""


def _worked_on() -> Span | None:
    """The span that this code works on. What a call has set going may go on for years: that is no part of the call."""
    span = current.get()
    return None if span is None or span.call.over else span


@contextmanager
def worked_on(span: Span) -> Iterator[None]:
    """The block works on a span, and ends it: with its error if it has one."""
    token = current.set(span)
    try:
        yield
    except BaseException as error:
        span.outcome = outcome_of(error)
        raise
    finally:
        current.reset(token)
        span.end()


@contextmanager
def part(name: str, component: Component = Component.xapi, about: str = "") -> Iterator[None]:
    """Have the block be a span, if it is part of a call that is traced.

    ``about``: what it works on, which is kept if it is a uuid; other texts may be anything.
    """
    whole = _worked_on()
    if whole is None:
        yield
        return
    span = whole.within(name, component)
    if _UUID.fullmatch(about):
        span.attributes["xs.xapi.object.uuid"] = about
    with worked_on(span):
        yield


def outcome_of(error: BaseException) -> str:
    """The code of an error, or its kind. Its text may repeat what a client sent."""
    if isinstance(error, ApiError):
        return error.code
    return CANCELLED if isinstance(error, asyncio.CancelledError) else type(error).__name__


def handed_on() -> tuple[tuple[str, str], ...]:
    """What programs that are run for a traced call find in their environment."""
    span = _worked_on()
    return () if span is None else (("TRACEPARENT", span.traceparent),)


def follow(work: asyncio.Task[Any], task: TaskHandle) -> None:
    """Have the call that is traced last as long as the work that it has set going."""
    span = _worked_on()
    if span is None:
        return
    row = task.store.find(Task, task.ref)
    span.attributes["xs.xapi.task.id"] = task.ref
    if row is not None:
        span.attributes["xs.xapi.task.uuid"] = row.uuid
    span.hold()
    work.add_done_callback(partial(_over, span))


def _over(span: Span, work: asyncio.Task[Any]) -> None:
    error = asyncio.CancelledError() if work.cancelled() else work.exception()
    # Whoever waited for it may have been told otherwise, or have given up.
    span.outcome = OK if error is None else outcome_of(error)
    span.end(span.outcome)

"""Messages of class event: one feed, two faces. ``from`` coalesces, ``next`` tells everything in order."""

from __future__ import annotations

import asyncio
import math

from xapid.auth.sessions import Sessions
from xapid.datamodel.errors import EVENTS_LOST, HANDLE_INVALID, SESSION_INVALID, SESSION_NOT_REGISTERED
from xapid.datamodel.types import CLASSES
from xapid.ops.event.collect import Batches, are_many, collected_in_slices, counts
from xapid.ops.event.log import EventLog
from xapid.ops.event.subscription import Subscription, Token
from xapid.runtime.context import Context
from xapid.store.rows import MESSAGE, ROLE, SILENT
from xapid.wire.records import EventBatch, EventOut

LONGEST = 24 * 3600.0
LONGEST_GIVEN = 104 * 24 * 3600.0
"""Time-outs beyond this, negative ones and NaN count as LONGEST. Seconds."""


async def from_(ctx: Context, classes: tuple[str, ...], token: str, seconds: float) -> EventBatch:
    """What happened to the wanted objects since the token; waits until there is something, or the time is over."""
    wanted = Subscription(classes)
    since = Token.parse(token)
    if math.isnan(seconds) or seconds < 0 or seconds > LONGEST_GIVEN:
        seconds = LONGEST
    batches: Batches = ctx.runtime.services["event_batches"]
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        batch: EventBatch | None = None
        if are_many(ctx.store, wanted, since):
            events, reached = await collected_in_slices(ctx.store, wanted, since)
            batch = EventBatch(events, counts(ctx.store), str(reached)) if events else None
        if batch is None:
            # Of a piece with the wait that follows: what happened while the slices were made is not missed.
            batch = batches.collected(ctx.store, wanted, since)
        if batch.events:
            break
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or not await _published(ctx, wanted.names, left):
            batch = EventBatch([], counts(ctx.store), str(Token(since.objects, max(since.messages, 0))))
            break
    # The counts show every object there is.
    ctx.shown_everything()
    return batch


async def _published(ctx: Context, names: frozenset[str] | None, seconds: float) -> bool:
    """Wait for a change of these classes. Raises SESSION_INVALID when the session ends meanwhile.

    One future for the change, the end of the session and that of the time: a thousand clients may wait for one change,
    and for them this is what takes long.
    """
    sessions: Sessions = ctx.runtime.services["sessions"]
    if sessions.find(ctx.session.ref) is None:
        raise SESSION_INVALID(ctx.session.ref)
    # The watch begins before anything else can run: what is published right after the look is not missed.
    with ctx.store.feed.watch(names) as news:
        watchers = sessions.ended.setdefault(ctx.session.ref, set())
        watchers.add(news)
        timer = asyncio.get_running_loop().call_later(seconds, _time_is_over, news)
        try:
            return await news
        finally:
            timer.cancel()
            watchers.discard(news)


def _time_is_over(news: asyncio.Future[bool]) -> None:
    if not news.done():
        news.set_result(False)


def inject(ctx: Context, class_: str, ref: str) -> str:
    """Let an object appear changed; the token is older than any later answer that shows it."""
    known = class_ in ctx.store.tables and class_ not in (MESSAGE, ROLE)
    row = ctx.store.find(CLASSES[class_], ref) if known else None
    if row is None:
        raise HANDLE_INVALID(class_, ref)
    with ctx.write() as tx:
        tx.touch(row)
    ctx.shown(row)
    return str(Token(ctx.store.generation - 1, 0))


def register(ctx: Context, classes: tuple[str, ...]) -> None:
    """From now on ``next`` tells of these classes."""
    log: EventLog = ctx.runtime.services["event_log"]
    log.register(ctx.session, classes)


def unregister(ctx: Context, classes: tuple[str, ...]) -> None:
    log: EventLog = ctx.runtime.services["event_log"]
    log.unregister(ctx.session, classes)


async def next_(ctx: Context) -> list[EventOut]:
    """What happened since the last ``next`` of this session, in order; waits until there is something."""
    log: EventLog = ctx.runtime.services["event_log"]
    session = ctx.session
    if session.registrations is None:
        raise SESSION_NOT_REGISTERED(session.track_id)
    while True:
        if log.lost(session):
            raise EVENTS_LOST()
        found = log.take(session)
        if found:
            ctx.shown_everything()
            return found
        await _published(ctx, None, LONGEST)


next = next_


def get_current_id(ctx: Context) -> int:
    log: EventLog = ctx.runtime.services["event_log"]
    return log.last


__all__ = ["SILENT", "from_", "get_current_id", "inject", "next_", "register", "unregister"]

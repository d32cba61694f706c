"""What happened since a token, each object once: the face of the feed that coalesces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Mapping

from xapid.datamodel.diagnostics import Diagnostics
from xapid.datamodel.errors import EVENTS_LOST
from xapid.datamodel.types import CLASSES
from xapid.ops.event.subscription import Subscription, Token
from xapid.store.rows import MESSAGE
from xapid.store.store import Store
from xapid.wire.records import EventBatch, EventOut

MANY = 1000
"""Changes beyond which others get their turns in between."""
TURN = 0.004
"""Seconds for which a long collection holds the loop at a time."""
SLICE = 64
"""Objects after which the clock is looked at."""

NEVER = "0.0"
"""The timestamp of every event: clients are not to use it."""


Told = tuple[list[EventOut], Token]


def collected(store: Store, wanted: Subscription, since: Token) -> Told:
    """Events in the order of the original: messages, then all that was added, changed, deleted; and the new token.

    Raises EVENTS_LOST when deletions the client should hear of are no longer known.
    """
    steps = _steps(store, wanted, since)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            told: Told = done.value
            return told


class Batches:
    """Answers of event.from. The latest is kept for who asks the same: a thousand clients may wait for one change."""

    def __init__(self) -> None:
        self._asked: tuple[tuple[str, ...], Token, int] | None = None
        self._latest = EventBatch([], {}, "")

    def collected(self, store: Store, wanted: Subscription, since: Token) -> EventBatch:
        """What is told to who wants this and knows all up to the token. Raises EVENTS_LOST."""
        asked = wanted.texts, since, store.generation
        if asked != self._asked:
            events, reached = collected(store, wanted, since)
            self._latest = EventBatch(events, counts(store), str(reached))
            self._asked = asked
        return self._latest


def are_many(store: Store, wanted: Subscription, since: Token) -> bool:
    """Whether there may be so much to tell that it is to be collected in slices."""
    if store.generation - since.objects <= MANY:
        return False
    names = wanted.names if wanted.names is not None else store.feed.classes
    return sum(len(store.tables[name].rows) for name in names if name in store.feed.classes) > MANY


async def collected_in_slices(store: Store, wanted: Subscription, since: Token) -> Told:
    """The same for very much, letting others run in between.

    What changes meanwhile is shown as it is then, or not yet, and once more by the next ``event.from``: so nothing is
    lost, and a client never sees an older state after a newer one.
    """
    steps = _steps(store, wanted, since)
    began = time.perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as done:
            told: Told = done.value
            return told
        if time.perf_counter() - began > TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()


def _steps(store: Store, wanted: Subscription, since: Token) -> Generator[None, None, Told]:
    """Collects events; between the steps others may run. The token is that of the beginning."""
    messages, message_generation = _messages(store, wanted, since)
    names = wanted.names if wanted.names is not None else store.feed.classes
    feeds = {name: store.feed.classes[name] for name in names if name in store.feed.classes and name != MESSAGE}
    # Once deletions were forgotten, who has heard all there is knows of them too.
    reached = max(since.objects, *(max(feed.newest(), feed.forgotten) for feed in feeds.values()), 0)
    added: list[EventOut] = []
    changed: list[EventOut] = []
    deleted: list[EventOut] = []
    for name, feed in feeds.items():
        if feed.forgotten > since.objects > 0:
            raise EVENTS_LOST()
        only, rows, told = wanted.single(name), store.tables[name].rows, name.lower()
        gone = [each for each in feed.deleted_since(since.objects) if only is None or each.ref in only]
        deleted += [EventOut(each.generation, NEVER, told, "del", each.ref, None) for each in gone]
        for number, ref in enumerate(list(feed.changed_since(since.objects) if only is None else only), 1):
            row = rows.get(ref)
            # One that is gone by now is told of the next time; so is one that has come since the beginning, for of its
            # end nobody is told who knows all up to the token.
            if row is not None and row._gen > since.objects and row._created <= reached:
                operation, into = ("add", added) if row._created > since.objects else ("mod", changed)
                into.append(EventOut(row._gen, NEVER, told, operation, ref, row))
            if number % SLICE == 0:
                yield
    return messages + added[::-1] + changed[::-1] + deleted[::-1], Token(reached, message_generation)


def _messages(store: Store, wanted: Subscription, since: Token) -> tuple[list[EventOut], int]:
    if wanted.names is not None and MESSAGE not in wanted.names:
        return [], max(since.messages, 0)
    feed, only = store.feed.classes[MESSAGE], wanted.single(MESSAGE)
    rows = store.tables[MESSAGE].rows
    found = [rows[ref] for ref in feed.changed_since(since.messages) if only is None or ref in only]
    gone = [each for each in feed.deleted_since(since.messages) if only is None or each.ref in only]
    events = [EventOut(0, NEVER, MESSAGE, "add", row.ref, row) for row in reversed(found)]
    events += [EventOut(0, NEVER, MESSAGE, "del", each.ref, None) for each in reversed(gone)]
    newest = [0, since.messages, *(row._gen for row in found), *(each.generation for each in gone)]
    return events, max(newest)


def counts(store: Store) -> Mapping[str, int]:
    """How many objects of each class there are, under lower-case names; 0 for classes without a table."""
    return store.counted(_NAMES)


_NAMES = {name.lower(): name for name in (*CLASSES, Diagnostics.spec.name)}

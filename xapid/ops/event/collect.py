"""What happened since a token, each object once: the face of the feed that coalesces."""

from __future__ import annotations

from xapid.datamodel.diagnostics import Diagnostics
from xapid.datamodel.errors import EVENTS_LOST
from xapid.datamodel.types import CLASSES
from xapid.ops.event.subscription import Subscription, Token
from xapid.store.rows import MESSAGE
from xapid.store.store import Store
from xapid.wire.records import EventOut

NEVER = "0.0"
"""The timestamp of every event: clients are not to use it."""


def collect(store: Store, wanted: Subscription, since: Token) -> tuple[list[EventOut], Token]:
    """Events in the order of the original: messages, then all that was added, changed, deleted; and the new token.

    Raises EVENTS_LOST when deletions the client should hear of are no longer known.
    """
    messages, message_generation = _messages(store, wanted, since)
    added: list[EventOut] = []
    changed: list[EventOut] = []
    deleted: list[EventOut] = []
    newest = since.objects
    for name in wanted.names if wanted.names is not None else list(store.feed.classes):
        feed = store.feed.classes.get(name)
        if feed is None or name == MESSAGE:
            continue
        if feed.forgotten > since.objects > 0:
            raise EVENTS_LOST()
        only = wanted.single(name)
        rows = store.tables[name].rows
        refs = feed.changed_since(since.objects) if only is None else (ref for ref in only if ref in rows)
        for ref in refs:
            row = rows[ref]
            if row._gen <= since.objects:
                continue
            operation, into = ("add", added) if row._created > since.objects else ("mod", changed)
            into.append(EventOut(row._gen, NEVER, name.lower(), operation, ref, row))
            newest = max(newest, row._gen)
        for gone in feed.deleted_since(since.objects):
            if only is None or gone.ref in only:
                deleted.append(EventOut(gone.generation, NEVER, name.lower(), "del", gone.ref, None))
                newest = max(newest, gone.generation)
    return messages + added[::-1] + changed[::-1] + deleted[::-1], Token(newest, message_generation)


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


def counts(store: Store) -> dict[str, int]:
    """How many objects of each class there are, under lower-case names; 0 for classes without a table."""
    return {name.lower(): store.count(name) for name in (*CLASSES, Diagnostics.spec.name)}

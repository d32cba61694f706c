"""Messages of class message: what the toolstack and its clients tell the administrator."""

from __future__ import annotations

from collections.abc import Iterable

from xapid.datamodel import Message
from xapid.datamodel.errors import INTERNAL_ERROR, UUID_INVALID, OtherError
from xapid.datamodel.message import Cls
from xapid.datamodel.types import DateTime
from xapid.ops import alerts
from xapid.runtime.context import Context
from xapid.store.query import select
from xapid.store.store import Store
from xapid.wire.records import Rows

CLASSES_BY_LABEL = {Cls.Host: "host", Cls.Pool: "pool"}
"""Classes that a message spells otherwise than the API."""


def create(ctx: Context, name: str, priority: int, cls: Cls, obj_uuid: str, body: str) -> str:
    """Leave a message about an object. Characters that XML cannot carry are replaced."""
    if not _exists(ctx.store, cls, obj_uuid):
        raise UUID_INVALID(cls, obj_uuid)
    return str(alerts.leave(ctx, name, priority, cls, obj_uuid, body).ref)


def _exists(store: Store, cls: Cls, uuid: str) -> bool:
    return store.classes.get(store.uuids.get(uuid, "")) == CLASSES_BY_LABEL.get(cls, str(cls))


# --- Reading: newest first ---------------------------------------------------------------------------


def get_all(ctx: Context) -> list[str]:
    ctx.shown_class(Message)
    return [message.ref for message in _newest_first(ctx.store.all(Message))]


def get_all_records(ctx: Context) -> Rows:
    return _shown(ctx, ctx.store.all(Message))


async def get_all_records_where(ctx: Context, expr: str) -> Rows:
    """An expression about a field that messages do not have holds for none of them."""
    try:
        found = await select(ctx.store, Message, expr)
    except OtherError:
        found = []
    return _shown(ctx, found)


def get_record(ctx: Context, self: Message) -> Message:
    ctx.shown(self)
    return self


def get_by_uuid(ctx: Context, uuid: str) -> str:
    message = ctx.store.by_uuid(Message, uuid)
    ctx.shown(message)
    return str(message.ref)


def get_since(ctx: Context, since: DateTime) -> Rows:
    return _shown(ctx, _later(ctx.store.all(Message), since))


def get(ctx: Context, cls: Cls, obj_uuid: str, since: DateTime) -> Rows:
    """The messages about one object."""
    if not _exists(ctx.store, cls, obj_uuid):
        # Without the parameters that this error has elsewhere.
        raise OtherError("UUID_INVALID")
    return _shown(ctx, _later(ctx.store.where(Message, obj_uuid=obj_uuid, cls=cls), since))


def _shown(ctx: Context, messages: Iterable[Message]) -> Rows:
    ctx.shown_class(Message)
    return Rows(_newest_first(messages))


def _later(messages: Iterable[Message], since: DateTime) -> list[Message]:
    moment = since.seconds()
    return [message for message in messages if message.timestamp.seconds() > moment]


def _newest_first(messages: Iterable[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: message._created, reverse=True)


# --- Forgetting --------------------------------------------------------------------------------------


def destroy(ctx: Context, self: Message) -> None:
    with ctx.write() as tx:
        tx.delete(self)


def destroy_many(ctx: Context, messages: tuple[str, ...]) -> None:
    """All or none: one that is not there leaves the others where they are."""
    with ctx.write() as tx:
        for ref in messages:
            tx.delete(ctx.store.get(Message, ref))


def destroy_all(ctx: Context, filters: dict[str, str]) -> None:
    """Forget the messages that fit: ``before`` and ``after`` a moment, of a ``priority``.

    Other filters are not looked at, as recorded: one that is misspelt lets all go.
    """
    try:
        before = DateTime.parse(filters["before"]).seconds() if "before" in filters else None
        after = DateTime.parse(filters["after"]).seconds() if "after" in filters else None
        priority = int(filters["priority"]) if "priority" in filters else None
    except ValueError as error:
        raise INTERNAL_ERROR(f"a filter cannot be read: {error}") from error
    with ctx.write() as tx:
        for message in list(ctx.store.all(Message)):
            moment = message.timestamp.seconds()
            if (
                (before is None or moment < before)
                and (after is None or moment > after)
                and (priority is None or message.priority == priority)
            ):
                tx.delete(message)

"""The class event."""

from __future__ import annotations

import enum

from xapid.datamodel.errors import (
    EVENT_FROM_TOKEN_PARSE_FAILURE,
    EVENT_SUBSCRIPTION_PARSE_FAILURE,
    EVENTS_LOST,
    SESSION_NOT_REGISTERED,
)
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import (
    EVENT_BATCH,
    FLOAT,
    INT,
    STRING,
    DateTime,
    Object,
    Param,
    Record,
    dynamic,
    message,
    record,
    set_of,
    static,
)


class EventOperation(enum.StrEnum):
    """What happened to an object: it came (add), went (del), or changed (mod)."""

    add = "add"
    """The object is new to who listens."""
    del_ = "del"
    """The object is gone."""
    mod = "mod"
    """Something about the object is different."""


class Event(Object, name="event", roles=POOL_OPERATOR, in_db=False, persistent=False, events=False, listed=False):
    """News of one object; events are read, not stored, so that no call finds one again."""

    snapshot: Record[Object] = dynamic(
        doc=(
            "The record of the object as it was when the event was told; left out when event.from tells "
            "that it is gone."
        ),
        since="boston",
    )
    id: int = static(doc="The number of the change; event.from gives 0 for messages.")
    timestamp: DateTime = static(
        doc="When event.next was to tell it, in seconds since 1970; event.from always says 0.0.",
        state="deprecated",
        deprecated="boston",
    )
    class_: str = static(doc="The class of the object, in lower case.")
    operation: EventOperation = static(doc="What happened to the object.")
    ref: str = static(doc="The reference of the object.")  # type: ignore[assignment]  # an event is no row: this is a plain field
    obj_uuid: str = static(doc="Never sent: the uuid is in the snapshot.", state="deprecated", deprecated="boston")

    register = message(
        "Have event.next tell of these classes or objects too, from now on.",
        Param(
            "classes",
            set_of(STRING),
            (
                "Names of classes, class/REF for single objects, or * for everything; a name that no class has "
                "matches nothing."
            ),
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        state="deprecated",
        deprecated="boston",
    )
    unregister = message(
        "Have event.next tell no more of these classes or objects.",
        Param("classes", set_of(STRING), "What was registered, letter for letter."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        state="deprecated",
        deprecated="boston",
    )
    next = message(
        (
            "Read what happened since the last call in this session, one event a change, and wait until "
            "there is something; EVENTS_LOST if the caller is too far behind."
        ),
        result=set_of(record("event")),
        errors=(
            SESSION_NOT_REGISTERED,
            EVENTS_LOST,
            EVENT_SUBSCRIPTION_PARSE_FAILURE,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        state="deprecated",
        deprecated="boston",
    )
    from_ = message(
        (
            "Read what happened since a token, one event an object however often it changed, and wait until "
            "there is something; EVENTS_LOST if more was deleted since than is remembered: an empty token tells all anew."
        ),
        Param(
            "classes",
            set_of(STRING),
            (
                "Names of classes, class/REF for single objects, or * for everything; a name that no class has "
                "matches nothing."
            ),
        ),
        Param("token", STRING, "What the last call gave; empty for all objects there are."),
        Param(
            "timeout",
            FLOAT,
            (
                "For how long to wait, in seconds; then there are no events, and the token stays good. What is "
                "negative or over 104 days counts as a day."
            ),
        ),
        result=EVENT_BATCH,
        errors=(
            EVENT_FROM_TOKEN_PARSE_FAILURE,
            EVENT_SUBSCRIPTION_PARSE_FAILURE,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="boston",
    )
    get_current_id = message(
        "Tell the number of the latest event that event.next knows.",
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    inject = message(
        (
            "Let an object appear changed, and get a token older than any answer that shows it, to know "
            "when one has caught up."
        ),
        Param("class", STRING, "The class of the object, letter for letter."),
        Param("ref", STRING, "The reference of the object."),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="tampa",
    )

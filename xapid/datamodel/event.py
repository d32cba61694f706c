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
    ""

    add = "add"
    del_ = "del"
    mod = "mod"


class Event(Object, name="event", roles=POOL_OPERATOR, in_db=False, persistent=False, events=False, listed=False):
    """"""

    snapshot: Record[Object] = dynamic(since="boston")
    id: int = static()
    timestamp: DateTime = static(state="deprecated", deprecated="boston")
    class_: str = static()
    operation: EventOperation = static()
    ref: str = static()  # type: ignore[assignment]  # an event is no row: this is a plain field
    obj_uuid: str = static(state="deprecated", deprecated="boston")

    register = message(
        "",
        Param("classes", set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        state="deprecated",
        deprecated="boston",
    )
    unregister = message(
        "",
        Param("classes", set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        state="deprecated",
        deprecated="boston",
    )
    next = message(
        "",
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
        "",
        Param("classes", set_of(STRING)),
        Param("token", STRING),
        Param("timeout", FLOAT),
        result=EVENT_BATCH,
        errors=(
            EVENT_FROM_TOKEN_PARSE_FAILURE,
            EVENT_SUBSCRIPTION_PARSE_FAILURE,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="boston",
    )
    get_current_id = message("", result=INT, roles=role_set(READ_ONLY, CLIENT_CERT), has_async=False)
    inject = message(
        "",
        Param("class", STRING),
        Param("ref", STRING),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="tampa",
    )

"""The class Caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR
from xapid.datamodel.types import (
    EPOCH,
    FLOAT,
    INT,
    NULL,
    STRING,
    DateTime,
    Object,
    Param,
    Ref,
    Set,
    dynamic,
    message,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.rate_limit import Rate_limit


class Caller(Object, roles=POOL_ADMIN, since="26.17.0", state="prototyped", constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name_label: str = rw("", "The name, for people; need not be unique.", state="prototyped")
    name_description: str = rw("", "A description, for people.", state="prototyped")
    user_agent: str = static("", state="prototyped")
    client_ip: str = static("", state="prototyped")
    last_access: DateTime = dynamic(EPOCH, state="prototyped")
    groups: Set[str] = dynamic((), state="prototyped")
    rate_limit: Ref[Rate_limit] = dynamic(NULL, state="prototyped")
    auto_registered: bool = dynamic(False, state="prototyped")

    add_group = message(
        "",
        Param("self", ref("Caller")),
        Param("group", STRING),
        roles=POOL_OPERATOR,
        state="prototyped",
    )
    remove_group = message(
        "",
        Param("self", ref("Caller")),
        Param("group", STRING),
        roles=POOL_OPERATOR,
        state="prototyped",
    )
    query_token_usage = message(
        "",
        Param("self", ref("Caller"), late=True),
        result=FLOAT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_call_count = message(
        "",
        Param("self", ref("Caller"), late=True),
        result=INT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_group_token_usage = message(
        "",
        Param("group", STRING),
        result=FLOAT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_group_call_count = message(
        "",
        Param("group", STRING),
        result=INT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_all_usage = message("", result=set_of(set_of(STRING)), roles=POOL_OPERATOR, state="prototyped")

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
    """A program that calls the API, told from others by what it calls itself and where it calls from."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name_label: str = rw("", "The name, for people; need not be unique.", state="prototyped")
    name_description: str = rw("", "A description, for people.", state="prototyped")
    user_agent: str = static(
        "",
        "What the program calls itself (User-Agent); a * at the end fits all that begins so, empty fits all.",
        state="prototyped",
    )
    client_ip: str = static(
        "",
        "The address that it calls from; a * at the end fits all that begins so, empty fits all.",
        state="prototyped",
    )
    last_access: DateTime = dynamic(
        EPOCH, "When the caller was registered; later calls are counted, not dated.", state="prototyped"
    )
    groups: Set[str] = dynamic(
        (), "The groups that the caller belongs to, by which usage can be asked for.", state="prototyped"
    )
    rate_limit: Ref[Rate_limit] = dynamic(
        NULL, "The bucket that its calls empty; NULL if they are not limited.", state="prototyped"
    )
    auto_registered: bool = dynamic(
        False,
        "Whether the caller was registered because it called; such may go again when there are too many.",
        state="prototyped",
    )

    add_group = message(
        "Let the caller belong to a group; groups are there as long as somebody belongs to them.",
        Param("self", ref("Caller"), "The caller."),
        Param("group", STRING, "The name of the group: up to 64 letters, digits, dots, dashes and underscores."),
        roles=POOL_OPERATOR,
        state="prototyped",
    )
    remove_group = message(
        "Let the caller belong to a group no longer.",
        Param("self", ref("Caller"), "The caller."),
        Param("group", STRING, "The name of the group."),
        roles=POOL_OPERATOR,
        state="prototyped",
    )
    query_token_usage = message(
        "Tell how many tokens the caller's calls took since the daemon started; 0 for one not known.",
        Param("self", ref("Caller"), "The caller.", late=True),
        result=FLOAT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_call_count = message(
        "Tell how many calls the caller made since the daemon started; 0 for one not known.",
        Param("self", ref("Caller"), "The caller.", late=True),
        result=INT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_group_token_usage = message(
        "Tell how many tokens the calls of all callers in a group took since the daemon started.",
        Param("group", STRING, "The name of the group."),
        result=FLOAT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_group_call_count = message(
        "Tell how many calls all callers in a group made since the daemon started.",
        Param("group", STRING, "The name of the group."),
        result=INT,
        roles=POOL_OPERATOR,
        since="26.15.0",
        state="prototyped",
    )
    query_all_usage = message(
        "Tell of every caller its uuid, its name, the tokens and the number of its calls, all as texts.",
        result=set_of(set_of(STRING)),
        roles=POOL_OPERATOR,
        state="prototyped",
    )

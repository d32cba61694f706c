"""Messages about the daemon itself: a name without objects, known to other hosts but not listed."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, message, ref, set_of


class Diagnostics(Object, roles=POOL_ADMIN, in_db=False, listed=False, events=False, registered=False):
    """A name for messages that look into a running daemon; there are no objects of this class."""

    gc_compact = message(
        "Have the daemon of a host look for objects that nobody needs any more, and give free memory back.",
        Param("host", ref("host"), "The host."),
        roles=POOL_OPERATOR,
        hidden=True,
    )
    gc_stats = message(
        "Tell how the daemon of a host uses memory: what its garbage collector did, and how many bytes there are.",
        Param("host", ref("host"), "The host."),
        result=STRING_MAP,
        roles=POOL_OPERATOR,
        hidden=True,
    )
    db_stats = message(
        "Tell how long commits of the database took: how many, and seconds in the mean, at least and at most.",
        result=STRING_MAP,
        roles=POOL_OPERATOR,
        hidden=True,
    )
    network_stats = message(
        "Tell how many requests each HTTP handler had, and over how many connections.",
        Param("host", ref("host"), "The host."),
        Param(
            "params",
            STRING_MAP,
            "Which are of interest: method and uri, and by params which columns, of method,uri,requests,connections,framed.",
        ),
        result=set_of(set_of(STRING)),
        roles=POOL_OPERATOR,
        hidden=True,
    )

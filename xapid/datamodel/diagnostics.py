"""Messages about the daemon itself: a name without objects, known to other hosts but not listed."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR
from xapid.datamodel.types import STRING_MAP, Object, Param, message, ref


class Diagnostics(Object, roles=POOL_ADMIN, in_db=False, listed=False, events=False, registered=False):
    """A name for messages that look into a running daemon; there are no objects of this class."""

    gc_compact = message(
        "Meant to compact the memory of the daemon of a host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=POOL_OPERATOR,
        hidden=True,
    )
    gc_stats = message(
        "Meant to tell how the daemon of a host uses memory. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=POOL_OPERATOR,
        hidden=True,
    )
    db_stats = message(
        "Meant to tell figures of the database. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=POOL_OPERATOR,
        hidden=True,
    )
    network_stats = message(
        "Meant to tell figures of the HTTP handlers. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        Param("params", STRING_MAP, "Which handlers are of interest."),
        roles=POOL_OPERATOR,
        hidden=True,
    )

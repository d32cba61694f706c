"""Messages about the daemon itself: a name without objects, known to other hosts but not listed."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR
from xapid.datamodel.types import STRING_MAP, Object, Param, message, ref


class Diagnostics(Object, roles=POOL_ADMIN, in_db=False, listed=False, events=False, registered=False):
    """Looks into a running daemon."""

    gc_compact = message(
        "Compact the memory of the daemon of a host.", Param("host", ref("host")), roles=POOL_OPERATOR, hidden=True
    )
    gc_stats = message(
        "Memory figures of the daemon of a host.", Param("host", ref("host")), roles=POOL_OPERATOR, hidden=True
    )
    db_stats = message("Figures of the database.", roles=POOL_OPERATOR, hidden=True)
    network_stats = message(
        "Figures of the HTTP handlers.",
        Param("host", ref("host")),
        Param("params", STRING_MAP),
        roles=POOL_OPERATOR,
        hidden=True,
    )

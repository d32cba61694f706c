"""The class DR_task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, Ref, Set, dynamic, inverse, message, ref, set_of

if TYPE_CHECKING:
    from xapid.datamodel.sr import SR


class DR_task(Object, roles=POOL_OPERATOR, since="boston"):
    """A recovery under way of machines that another pool lost, from repositories introduced for it."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    introduced_SRs: Set[Ref[SR]] = inverse(
        "SR.introduced_by", "The repositories introduced for this recovery.", since="rio"
    )

    create = message(
        (
            "Begin a recovery: introduce repositories of the other pool that are found. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("type", STRING, "Type of the repositories."),
        Param("device_config", STRING_MAP, "How they are reached, as for a PBD of that type."),
        Param("whitelist", set_of(STRING), "The uuids of the repositories to introduce; others are left alone."),
        result=ref("DR_task"),
    )
    destroy = message(
        "End the recovery: forget the repositories introduced for it. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("DR_task"), "The recovery."),
    )

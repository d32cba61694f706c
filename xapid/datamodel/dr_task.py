"""The class DR_task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, Ref, Set, dynamic, inverse, message, ref, set_of

if TYPE_CHECKING:
    from xapid.datamodel.sr import SR


class DR_task(Object, roles=POOL_OPERATOR, since="boston"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    introduced_SRs: Set[Ref[SR]] = inverse("SR.introduced_by", since="rio")

    create = message(
        "",
        Param("type", STRING),
        Param("device_config", STRING_MAP),
        Param("whitelist", set_of(STRING)),
        result=ref("DR_task"),
    )
    destroy = message("", Param("self", ref("DR_task")))

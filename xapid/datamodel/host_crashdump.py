"""The class host_crashdump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import STRING, STRING_MAP, DateTime, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class HostCrashdump(Object, name="host_crashdump", roles=POOL_OPERATOR):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = static()
    timestamp: DateTime = dynamic()
    size: int = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")

    destroy = message("", Param("self", ref("host_crashdump")))
    upload = message("", Param("self", ref("host_crashdump")), Param("url", STRING), Param("options", STRING_MAP))

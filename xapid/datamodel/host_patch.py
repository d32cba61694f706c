"""The class host_patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, STRING, DateTime, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.pool_patch import PoolPatch


class HostPatch(Object, name="host_patch", roles=POOL_OPERATOR, state="deprecated", deprecated="ely"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    version: str = static()
    host: Ref[Host] = static()
    applied: bool = dynamic()
    timestamp_applied: DateTime = dynamic()
    size: int = dynamic()
    pool_patch: Ref[PoolPatch] = static(NULL, since="miami")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")

    destroy = message("", Param("self", ref("host_patch")), state="deprecated", deprecated="miami")
    apply = message("", Param("self", ref("host_patch")), result=STRING, state="deprecated", deprecated="miami")

"""The class blob."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import BOOL, STRING, DateTime, Object, Param, dynamic, message, ref, rw, static


class Blob(Object, name="blob", roles=POOL_OPERATOR, since="orlando"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    size: int = dynamic(since="rio")
    public: bool = rw(False, since="tampa")
    last_updated: DateTime = static(since="rio")
    mime_type: str = static(since="rio")

    create = message(
        "",
        Param("mime_type", STRING),
        Param("public", BOOL, default=False),
        result=ref("blob"),
        has_async=False,
    )
    destroy = message("", Param("self", ref("blob")), has_async=False)

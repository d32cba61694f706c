"""The class VLAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import INT, NULL, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.pif import PIF


class VLAN(Object, roles=POOL_OPERATOR, since="miami"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    tagged_PIF: Ref[PIF] = static(NULL)
    untagged_PIF: Ref[PIF] = dynamic(NULL)
    tag: int = static(-1)
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    pool_introduce = message("", hidden=True, arity=4)
    create = message(
        "",
        Param("tagged_PIF", ref("PIF")),
        Param("tag", INT),
        Param("network", ref("network")),
        result=ref("VLAN"),
    )
    destroy = message("", Param("self", ref("VLAN")))

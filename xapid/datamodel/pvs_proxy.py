"""The class PVS_proxy."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, Object, Param, Ref, dynamic, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel.pvs_site import PVS_site
    from xapid.datamodel.vif import VIF


class PvsProxyStatus(enum.StrEnum):
    ""

    stopped = "stopped"
    initialised = "initialised"
    caching = "caching"
    incompatible_write_cache_mode = "incompatible_write_cache_mode"
    incompatible_protocol_version = "incompatible_protocol_version"


class PVS_proxy(Object, roles=POOL_OPERATOR, since="ely"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    site: Ref[PVS_site] = static(NULL)
    VIF: Ref[VIF] = static(NULL)
    currently_attached: bool = dynamic(False)
    status: PvsProxyStatus = dynamic(PvsProxyStatus.stopped)

    create = message("", Param("site", ref("PVS_site"), late=True), Param("VIF", ref("VIF")), result=ref("PVS_proxy"))
    destroy = message("", Param("self", ref("PVS_proxy")))

"""The class PVS_site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.errors import PVS_SITE_CONTAINS_RUNNING_PROXIES, PVS_SITE_CONTAINS_SERVERS
from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import STRING, Object, Param, Ref, Set, dynamic, inverse, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.pvs_cache_storage import PVS_cache_storage
    from xapid.datamodel.pvs_proxy import PVS_proxy
    from xapid.datamodel.pvs_server import PVS_server


class PVS_site(Object, roles=POOL_OPERATOR, since="ely"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    PVS_uuid: str = static("")
    cache_storage: Set[Ref[PVS_cache_storage]] = inverse("PVS_cache_storage.site", default=())
    servers: Set[Ref[PVS_server]] = inverse("PVS_server.site")
    proxies: Set[Ref[PVS_proxy]] = inverse("PVS_proxy.site")

    introduce = message(
        "",
        Param("name_label", STRING),
        Param("name_description", STRING),
        Param("PVS_uuid", STRING),
        result=ref("PVS_site"),
    )
    forget = message(
        "",
        Param("self", ref("PVS_site")),
        errors=(
            PVS_SITE_CONTAINS_RUNNING_PROXIES,
            PVS_SITE_CONTAINS_SERVERS,
        ),
    )
    set_PVS_uuid = message("", Param("self", ref("PVS_site")), Param("value", STRING))

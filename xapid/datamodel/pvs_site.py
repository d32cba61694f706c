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
    """A set of servers that stream disks to machines (PVS), and the caches and proxies that hosts put between."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    PVS_uuid: str = static("", "The identity of the site among its servers.")
    cache_storage: Set[Ref[PVS_cache_storage]] = inverse(
        "PVS_cache_storage.site", "The caches that hosts have for the site.", default=()
    )
    servers: Set[Ref[PVS_server]] = inverse("PVS_server.site", "The servers of the site.")
    proxies: Set[Ref[PVS_proxy]] = inverse(
        "PVS_proxy.site", "The interfaces of machines that are served through a cache."
    )

    introduce = message(
        "Refused with OPENVSWITCH_NOT_ACTIVE: proxies need a virtual switch, and the hosts have plain bridges.",
        Param("name_label", STRING, "Its name."),
        Param("name_description", STRING, "Its description."),
        Param("PVS_uuid", STRING, "The identity of the site among its servers."),
        result=ref("PVS_site"),
    )
    forget = message(
        "Forget a site of an older pool, once it has no servers and no proxies at work; its caches go with it.",
        Param("self", ref("PVS_site"), "The site."),
        errors=(
            PVS_SITE_CONTAINS_RUNNING_PROXIES,
            PVS_SITE_CONTAINS_SERVERS,
        ),
    )
    set_PVS_uuid = message(
        "Change the identity of the site.",
        Param("self", ref("PVS_site"), "The site."),
        Param("value", STRING, "The new identity."),
    )

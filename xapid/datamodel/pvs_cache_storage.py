"""The class PVS_cache_storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, Object, Ref, dynamic, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.pvs_site import PVS_site
    from xapid.datamodel.sr import SR
    from xapid.datamodel.vdi import VDI


class PVS_cache_storage(Object, roles=POOL_OPERATOR, since="ely", constructor=True):
    """The room that one host has for caching what the servers of a site stream (PVS)."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = static(NULL, "The host.")
    SR: Ref[SR] = static(NULL, "The repository in which the cache is kept.")
    site: Ref[PVS_site] = static(NULL, "The site.")
    size: int = static(21474836480, "How large the cache is in bytes.")
    VDI: Ref[VDI] = dynamic(NULL, "The disk that is the cache; NULL while there is none.")

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
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = static(NULL)
    SR: Ref[SR] = static(NULL)
    site: Ref[PVS_site] = static(NULL)
    size: int = static(21474836480)
    VDI: Ref[VDI] = dynamic(NULL)

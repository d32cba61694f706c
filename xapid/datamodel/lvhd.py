"""The class LVHD."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import INT, STRING, Object, Param, dynamic, message, ref


class LVHD(Object, roles=POOL_ADMIN, since="dundee", listed=False):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")

    enable_thin_provisioning = message(
        "",
        Param("host", ref("host")),
        Param("SR", ref("SR"), late=True),
        Param("initial_allocation", INT),
        Param("allocation_quantum", INT),
        result=STRING,
        runs_on="host",
    )

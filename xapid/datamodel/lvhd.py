"""The class LVHD."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import INT, STRING, Object, Param, dynamic, message, ref


class LVHD(Object, roles=POOL_ADMIN, since="dundee", listed=False):
    """A name for messages about repositories in logical volumes; there are no objects of this class."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")

    enable_thin_provisioning = message(
        "Refused with MESSAGE_METHOD_UNKNOWN, after the host was looked at.",
        Param("host", ref("host"), "A host that is alive."),
        Param("SR", ref("SR"), "Not looked at.", late=True),
        Param("initial_allocation", INT, "Not looked at."),
        Param("allocation_quantum", INT, "Not looked at."),
        result=STRING,
        runs_on="host",
    )

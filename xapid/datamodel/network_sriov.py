"""The class network_sriov."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import INT, NULL, Object, Param, Ref, dynamic, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel.pif import PIF


class SriovConfigurationMode(enum.StrEnum):
    ""

    sysfs = "sysfs"
    modprobe = "modprobe"
    manual = "manual"
    unknown = "unknown"


class NetworkSriov(Object, name="network_sriov", roles=POOL_OPERATOR, since="kolkata"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    physical_PIF: Ref[PIF] = static(NULL)
    logical_PIF: Ref[PIF] = static(NULL)
    requires_reboot: bool = dynamic(False)
    configuration_mode: SriovConfigurationMode = dynamic(SriovConfigurationMode.unknown)

    create = message("", Param("pif", ref("PIF")), Param("network", ref("network")), result=ref("network_sriov"))
    destroy = message("", Param("self", ref("network_sriov")))
    get_remaining_capacity = message(
        "",
        Param("self", ref("network_sriov")),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )

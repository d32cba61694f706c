"""The class SDN_controller."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import INT, STRING, Object, Param, dynamic, enum_of, message, ref, static


class SdnControllerProtocol(enum.StrEnum):
    ""

    ssl = "ssl"
    pssl = "pssl"


class SDN_controller(Object, roles=POOL_OPERATOR, since="falcon"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    protocol: SdnControllerProtocol = static(SdnControllerProtocol.ssl)
    address: str = static("")
    port: int = static(0)

    introduce = message(
        "",
        Param("protocol", enum_of(SdnControllerProtocol), default=SdnControllerProtocol.ssl),
        Param("address", STRING, default=""),
        Param("port", INT, default=0),
        result=ref("SDN_controller"),
    )
    forget = message("", Param("self", ref("SDN_controller")))

"""The class SDN_controller."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import INT, STRING, Object, Param, dynamic, enum_of, message, ref, static


class SdnControllerProtocol(enum.StrEnum):
    """Who opens the TLS connection: the virtual switches (ssl), or the controller (pssl)."""

    ssl = "ssl"
    """The virtual switches call the controller."""
    pssl = "pssl"
    """The controller calls the virtual switches."""


class SDN_controller(Object, roles=POOL_OPERATOR, since="falcon"):
    """A program that controls the virtual switches of all hosts of the pool."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    protocol: SdnControllerProtocol = static(SdnControllerProtocol.ssl, "Who opens the connection.")
    address: str = static("", "The IP address of the controller.")
    port: int = static(0, "The TCP port of the controller; 0 if none was given.")

    introduce = message(
        "Refused with OPERATION_NOT_ALLOWED: the hosts have plain bridges, which no controller steers.",
        Param(
            "protocol", enum_of(SdnControllerProtocol), "Who opens the connection.", default=SdnControllerProtocol.ssl
        ),
        Param("address", STRING, "The IP address of the controller.", default=""),
        Param("port", INT, "The TCP port of the controller.", default=0),
        result=ref("SDN_controller"),
    )
    forget = message(
        "Forget a controller; the hosts have none, so that only records of an older pool are there to be forgotten.",
        Param("self", ref("SDN_controller"), "The controller."),
    )

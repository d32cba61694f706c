"""The class Driver_variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import Object, Param, Ref, dynamic, message, ref

if TYPE_CHECKING:
    from xapid.datamodel.host_driver import Host_driver


class Driver_variant(Object, roles=POOL_ADMIN, since="25.2.0", state="prototyped"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name: str = dynamic(state="prototyped")
    driver: Ref[Host_driver] = dynamic(state="prototyped")
    version: str = dynamic(state="prototyped")
    hardware_present: bool = dynamic(state="prototyped")
    priority: float = dynamic(state="prototyped")
    status: str = dynamic(state="prototyped")

    select = message("", Param("self", ref("Driver_variant")), state="prototyped")

"""The class Driver_variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import Object, Param, Ref, dynamic, message, ref

if TYPE_CHECKING:
    from xapid.datamodel.host_driver import Host_driver


class Driver_variant(Object, roles=POOL_ADMIN, since="25.2.0", state="prototyped"):
    """One variant of a driver of a host's kernel."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name: str = dynamic(doc="The name of the variant, of which the driver has one only.", state="prototyped")
    driver: Ref[Host_driver] = dynamic(doc="The driver.", state="prototyped")
    version: str = dynamic(doc="The version of the variant.", state="prototyped")
    hardware_present: bool = dynamic(doc="Whether the host has a device that the variant is for.", state="prototyped")
    priority: float = dynamic(
        doc="How much the variant is to be preferred to others; the greatest first.", state="prototyped"
    )
    status: str = dynamic(doc="How finished the variant is, in a word of its maker.", state="prototyped")

    select = message(
        "Choose this variant for after the next reboot.",
        Param("self", ref("Driver_variant"), "The variant."),
        state="prototyped",
    )

"""The class Host_driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import NULL, Object, Param, Ref, Set, dynamic, inverse, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel.driver_variant import Driver_variant
    from xapid.datamodel.host import Host


class Host_driver(Object, roles=POOL_ADMIN, since="25.2.0", state="prototyped"):
    """A driver of a host's kernel of which there are several variants to choose from."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    host: Ref[Host] = static(NULL, "The host.", state="prototyped")
    name: str = dynamic(doc="The name of the driver, of which the host has one only.", state="prototyped")
    friendly_name: str = dynamic(doc="The name of the driver for people.", state="prototyped")
    variants: Set[Ref[Driver_variant]] = inverse(
        "Driver_variant.driver", "The variants that there are.", state="prototyped"
    )
    active_variant: Ref[Driver_variant] = dynamic(
        doc="The variant that is in use; NULL if none is.", state="prototyped"
    )
    selected_variant: Ref[Driver_variant] = dynamic(
        doc="The variant to be used after the next reboot of the host; NULL if none was chosen.", state="prototyped"
    )
    type: str = dynamic(doc="The kind of device that it drives, such as network.", state="prototyped")
    description: str = dynamic(doc="What the driver is for, in words.", state="prototyped")
    info: str = dynamic(doc="What else is said of the driver.", state="prototyped")

    select = message(
        "Choose the variant to be used after the next reboot.",
        Param("self", ref("Host_driver"), "The driver."),
        Param("variant", ref("Driver_variant"), "The variant, one of the driver."),
        state="prototyped",
    )
    deselect = message(
        "Choose no variant for after the next reboot.",
        Param("self", ref("Host_driver"), "The driver."),
        state="prototyped",
    )
    rescan = message(
        "Look anew at the drivers that a host has.",
        Param("host", ref("host"), "The host."),
        state="prototyped",
    )

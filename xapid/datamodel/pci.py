"""The class PCI."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, Object, Param, Ref, Set, dynamic, enum_of, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class PciDom0Access(enum.StrEnum):
    ""

    enabled = "enabled"
    disable_on_reboot = "disable_on_reboot"
    disabled = "disabled"
    enable_on_reboot = "enable_on_reboot"


class PCI(Object, roles=POOL_OPERATOR, since="boston"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    class_id: str = static("")
    class_name: str = static("")
    vendor_id: str = static("")
    vendor_name: str = static("")
    device_id: str = static("")
    device_name: str = static("")
    host: Ref[Host] = static(NULL)
    pci_id: str = static("")
    dependencies: Set[Ref[PCI]] = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    subsystem_vendor_id: str = static("", since="clearwater-whetstone")
    subsystem_vendor_name: str = static("", since="clearwater-whetstone")
    subsystem_device_id: str = static("", since="clearwater-whetstone")
    subsystem_device_name: str = static("", since="clearwater-whetstone")
    driver_name: str = static("", since="kolkata")

    disable_dom0_access = message(
        "",
        Param("self", ref("PCI")),
        result=enum_of(PciDom0Access),
        since="24.14.0",
        state="prototyped",
    )
    enable_dom0_access = message(
        "",
        Param("self", ref("PCI")),
        result=enum_of(PciDom0Access),
        since="24.14.0",
        state="prototyped",
    )
    get_dom0_access_status = message(
        "",
        Param("self", ref("PCI")),
        result=enum_of(PciDom0Access),
        since="24.14.0",
        state="prototyped",
    )

"""The class VM_guest_metrics."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class TristateType(enum.StrEnum):
    """An answer that may be not known."""

    yes = "yes"
    """It is so."""
    no = "no"
    """It is not so."""
    unspecified = "unspecified"
    """It is not known."""


class VM_guest_metrics(Object, roles=VM_ADMIN):
    """What is known of the guest in a machine; what only an agent in it could tell is empty where none is heard."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    os_version: dict[str, str] = dynamic(
        doc=(
            "The operating system, told by the guest's agent: keys name, uname, distro, major, minor, spmajor, spminor."
        )
    )
    netbios_name: dict[str, str] = dynamic(
        {}, "The guest's own name, told by its agent: the key host_name.", since="24.28.0", state="prototyped"
    )
    PV_drivers_version: dict[str, str] = dynamic(
        doc="Version of the guest's drivers: major, minor, micro, build; a stand-in where the hypervisor needs none."
    )
    PV_drivers_up_to_date: bool = dynamic(
        doc="Deprecated: the same as PV_drivers_detected.", state="deprecated", deprecated="dundee"
    )
    memory: dict[str, str] = dynamic(
        {}, "Removed: figures about the guest's memory; always empty.", state="removed", deprecated="george"
    )
    disks: dict[str, str] = dynamic(
        {}, "Removed: figures about the guest's disks; always empty.", state="removed", deprecated="orlando"
    )
    networks: dict[str, str] = dynamic(
        doc=(
            "Addresses of the guest, told by its agent: keys N/ip, N/ipv4/I and N/ipv6/I, N being VIF.device and "
            "I a count."
        )
    )
    other: dict[str, str] = dynamic(
        doc="What the guest says that it can, such as feature-suspend with the value 1, and other words of its agent."
    )
    last_updated: DateTime = dynamic(doc="When any of this was last recorded.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")
    live: bool = dynamic(False, "Whether the guest is there; false once its machine has stopped.", since="orlando")
    can_use_hotplug_vbd: TristateType = dynamic(
        TristateType.unspecified, "Whether drives can be plugged and unplugged while the guest runs.", since="dundee"
    )
    can_use_hotplug_vif: TristateType = dynamic(
        TristateType.unspecified,
        "Whether interfaces can be plugged and unplugged while the guest runs.",
        since="dundee",
    )
    PV_drivers_detected: bool = dynamic(
        False, "Whether the guest is known, or taken, to have drivers made for virtual machines.", since="dundee"
    )
    services: dict[str, str] = dynamic(
        {},
        "What services in the guest say of themselves, told by its agent: keys of the form service/key.",
        since="25.15.0",
        state="prototyped",
    )

"""The class VM_guest_metrics."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class TristateType(enum.StrEnum):
    ""

    yes = "yes"
    no = "no"
    unspecified = "unspecified"


class VM_guest_metrics(Object, roles=VM_ADMIN):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    os_version: dict[str, str] = dynamic()
    netbios_name: dict[str, str] = dynamic({}, since="24.28.0", state="prototyped")
    PV_drivers_version: dict[str, str] = dynamic()
    PV_drivers_up_to_date: bool = dynamic(state="deprecated", deprecated="dundee")
    memory: dict[str, str] = dynamic({}, state="removed", deprecated="george")
    disks: dict[str, str] = dynamic({}, state="removed", deprecated="orlando")
    networks: dict[str, str] = dynamic()
    other: dict[str, str] = dynamic()
    last_updated: DateTime = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")
    live: bool = dynamic(False, since="orlando")
    can_use_hotplug_vbd: TristateType = dynamic(TristateType.unspecified, since="dundee")
    can_use_hotplug_vif: TristateType = dynamic(TristateType.unspecified, since="dundee")
    PV_drivers_detected: bool = dynamic(False, since="dundee")
    services: dict[str, str] = dynamic({}, since="25.15.0", state="prototyped")

"""The class VMSS."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import LOCAL_ROOT, POOL_OPERATOR
from xapid.datamodel.types import (
    DATETIME,
    EPOCH,
    INT,
    STRING,
    STRING_MAP,
    DateTime,
    Object,
    Param,
    Ref,
    Set,
    dynamic,
    enum_of,
    inverse,
    message,
    ref,
    rw,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.vm import VM


class VmssFrequency(enum.StrEnum):
    ""

    hourly = "hourly"
    daily = "daily"
    weekly = "weekly"


class VmssType(enum.StrEnum):
    ""

    snapshot = "snapshot"
    checkpoint = "checkpoint"
    snapshot_with_quiesce = "snapshot_with_quiesce"


class VMSS(Object, roles=POOL_OPERATOR, since="falcon", constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    enabled: bool = rw(True, since="rio")
    type: VmssType = static(since="rio")
    retained_snapshots: int = static(7, since="rio")
    frequency: VmssFrequency = static(since="rio")
    schedule: dict[str, str] = static({}, since="rio")
    last_run_time: DateTime = dynamic(EPOCH, since="rio")
    VMs: Set[Ref[VM]] = inverse("VM.snapshot_schedule", since="rio")

    snapshot_now = message("", Param("vmss", ref("VMSS")), result=STRING, has_async=False)
    set_retained_snapshots = message("", Param("self", ref("VMSS")), Param("value", INT), has_async=False)
    set_frequency = message("", Param("self", ref("VMSS")), Param("value", enum_of(VmssFrequency)), has_async=False)
    set_schedule = message("", Param("self", ref("VMSS")), Param("value", STRING_MAP), has_async=False)
    add_to_schedule = message(
        "",
        Param("self", ref("VMSS"), late=True),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
    )
    remove_from_schedule = message("", Param("self", ref("VMSS")), Param("key", STRING), has_async=False)
    set_last_run_time = message(
        "",
        Param("self", ref("VMSS")),
        Param("value", DATETIME),
        roles=LOCAL_ROOT,
        has_async=False,
    )
    set_type = message("", Param("self", ref("VMSS")), Param("value", enum_of(VmssType)), has_async=False)

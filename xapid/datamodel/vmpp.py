"""The class VMPP."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import LOCAL_ROOT, POOL_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.types import (
    BOOL,
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
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.vm import VM


class VmppBackupType(enum.StrEnum):
    ""

    snapshot = "snapshot"
    checkpoint = "checkpoint"


class VmppBackupFrequency(enum.StrEnum):
    ""

    hourly = "hourly"
    daily = "daily"
    weekly = "weekly"


class VmppArchiveFrequency(enum.StrEnum):
    ""

    never = "never"
    always_after_backup = "always_after_backup"
    daily = "daily"
    weekly = "weekly"


class VmppArchiveTargetType(enum.StrEnum):
    ""

    none = "none"
    cifs = "cifs"
    nfs = "nfs"


class VMPP(Object, roles=POOL_OPERATOR, since="cowley", state="removed", deprecated="clearwater", constructor=True):
    """"""

    uuid: str = dynamic(
        doc="The identity of the object, kept over restarts and backups.", state="removed", deprecated="clearwater"
    )
    name_label: str = rw("", "The name, for people; need not be unique.", state="removed", deprecated="clearwater")
    name_description: str = rw("", "A description, for people.", state="removed", deprecated="clearwater")
    is_policy_enabled: bool = rw(True, state="removed", deprecated="clearwater")
    backup_type: VmppBackupType = rw(VmppBackupType.snapshot, state="removed", deprecated="clearwater")
    backup_retention_value: int = static(7, state="removed", deprecated="clearwater")
    backup_frequency: VmppBackupFrequency = static(VmppBackupFrequency.daily, state="removed", deprecated="clearwater")
    backup_schedule: dict[str, str] = static({}, state="removed", deprecated="clearwater")
    is_backup_running: bool = dynamic(state="removed", deprecated="clearwater")
    backup_last_run_time: DateTime = dynamic(EPOCH, state="removed", deprecated="clearwater")
    archive_target_type: VmppArchiveTargetType = static(
        VmppArchiveTargetType.none, state="removed", deprecated="clearwater"
    )
    archive_target_config: dict[str, str] = static({}, state="removed", deprecated="clearwater")
    archive_frequency: VmppArchiveFrequency = static(
        VmppArchiveFrequency.never, state="removed", deprecated="clearwater"
    )
    archive_schedule: dict[str, str] = static({}, state="removed", deprecated="clearwater")
    is_archive_running: bool = dynamic(state="removed", deprecated="clearwater")
    archive_last_run_time: DateTime = dynamic(EPOCH, state="removed", deprecated="clearwater")
    VMs: Set[Ref[VM]] = inverse("VM.protection_policy", state="removed", deprecated="clearwater")
    is_alarm_enabled: bool = static(False, state="removed", deprecated="clearwater")
    alarm_config: dict[str, str] = static({}, state="removed", deprecated="clearwater")
    recent_alerts: Set[str] = dynamic((), state="removed", deprecated="clearwater")

    protect_now = message(
        "",
        Param("vmpp", ref("VMPP")),
        result=STRING,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    archive_now = message(
        "",
        Param("snapshot", ref("VM")),
        result=STRING,
        roles=VM_POWER_ADMIN,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    create_alert = message(
        "",
        Param("vmpp", ref("VMPP")),
        Param("name", STRING),
        Param("priority", INT),
        Param("body", STRING),
        Param("data", STRING),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    get_alerts = message(
        "",
        Param("vmpp", ref("VMPP")),
        Param("hours_from_now", INT),
        result=set_of(STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_backup_retention_value = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", INT),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_is_backup_running = message("", Param("self", ref("VMPP")), Param("value", BOOL), roles=LOCAL_ROOT, hidden=True)
    set_is_archive_running = message(
        "", Param("self", ref("VMPP")), Param("value", BOOL), roles=LOCAL_ROOT, hidden=True
    )
    set_backup_frequency = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", enum_of(VmppBackupFrequency)),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_backup_schedule = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", STRING_MAP),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_frequency = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", enum_of(VmppArchiveFrequency)),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_schedule = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", STRING_MAP),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_target_type = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", enum_of(VmppArchiveTargetType)),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_target_config = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", STRING_MAP),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_is_alarm_enabled = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", BOOL),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_alarm_config = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", STRING_MAP),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_backup_schedule = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_archive_target_config = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_archive_schedule = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_alarm_config = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_backup_schedule = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_archive_target_config = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_archive_schedule = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_alarm_config = message(
        "",
        Param("self", ref("VMPP")),
        Param("key", STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_backup_last_run_time = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", DATETIME),
        roles=LOCAL_ROOT,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_last_run_time = message(
        "",
        Param("self", ref("VMPP")),
        Param("value", DATETIME),
        roles=LOCAL_ROOT,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )

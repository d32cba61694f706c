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
    """What kind of snapshot a policy took as a backup."""

    snapshot = "snapshot"
    """One of the disks."""
    checkpoint = "checkpoint"
    """One of disks and memory."""


class VmppBackupFrequency(enum.StrEnum):
    """How often a policy was due to back up."""

    hourly = "hourly"
    """Every hour."""
    daily = "daily"
    """Every day."""
    weekly = "weekly"
    """Every week."""


class VmppArchiveFrequency(enum.StrEnum):
    """How often a policy was due to archive a backup."""

    never = "never"
    """Not at all."""
    always_after_backup = "always_after_backup"
    """As soon as the backup was there."""
    daily = "daily"
    """Every day."""
    weekly = "weekly"
    """Every week."""


class VmppArchiveTargetType(enum.StrEnum):
    """By which protocol the place was reached to which a policy archived."""

    none = "none"
    """There was no such place."""
    cifs = "cifs"
    """It was a share of Windows."""
    nfs = "nfs"
    """It was an export of NFS."""


class VMPP(Object, roles=POOL_OPERATOR, since="cowley", state="removed", deprecated="clearwater", constructor=True):
    """Removed: a policy for backups of machines; none can be made, and schedules for snapshots are VMSS objects."""

    uuid: str = dynamic(
        doc="The identity of the object, kept over restarts and backups.", state="removed", deprecated="clearwater"
    )
    name_label: str = rw("", "The name, for people; need not be unique.", state="removed", deprecated="clearwater")
    name_description: str = rw("", "A description, for people.", state="removed", deprecated="clearwater")
    is_policy_enabled: bool = rw(
        True,
        "Removed, as all of this class: whether the policy was in force.",
        state="removed",
        deprecated="clearwater",
    )
    backup_type: VmppBackupType = rw(
        VmppBackupType.snapshot,
        "Removed, as all of this class: what kind of snapshot was taken.",
        state="removed",
        deprecated="clearwater",
    )
    backup_retention_value: int = static(
        7,
        "Removed, as all of this class: how many backups of a machine were to be kept.",
        state="removed",
        deprecated="clearwater",
    )
    backup_frequency: VmppBackupFrequency = static(
        VmppBackupFrequency.daily,
        "Removed, as all of this class: how often backups were due.",
        state="removed",
        deprecated="clearwater",
    )
    backup_schedule: dict[str, str] = static(
        {},
        "Removed, as all of this class: when within its period a backup was due.",
        state="removed",
        deprecated="clearwater",
    )
    is_backup_running: bool = dynamic(
        doc="Removed, as all of this class: whether a backup was going on.", state="removed", deprecated="clearwater"
    )
    backup_last_run_time: DateTime = dynamic(
        EPOCH,
        "Removed, as all of this class: when backups were last taken, the epoch if never.",
        state="removed",
        deprecated="clearwater",
    )
    archive_target_type: VmppArchiveTargetType = static(
        VmppArchiveTargetType.none,
        "Removed, as all of this class: by which protocol the archive was reached.",
        state="removed",
        deprecated="clearwater",
    )
    archive_target_config: dict[str, str] = static(
        {},
        "Removed, as all of this class: where the archive was, and how to log in there.",
        state="removed",
        deprecated="clearwater",
    )
    archive_frequency: VmppArchiveFrequency = static(
        VmppArchiveFrequency.never,
        "Removed, as all of this class: how often backups were archived.",
        state="removed",
        deprecated="clearwater",
    )
    archive_schedule: dict[str, str] = static(
        {},
        "Removed, as all of this class: when within its period archiving was due.",
        state="removed",
        deprecated="clearwater",
    )
    is_archive_running: bool = dynamic(
        doc="Removed, as all of this class: whether archiving was going on.", state="removed", deprecated="clearwater"
    )
    archive_last_run_time: DateTime = dynamic(
        EPOCH,
        "Removed, as all of this class: when backups were last archived, the epoch if never.",
        state="removed",
        deprecated="clearwater",
    )
    VMs: Set[Ref[VM]] = inverse(
        "VM.protection_policy",
        "Removed, as all of this class: the machines under the policy.",
        state="removed",
        deprecated="clearwater",
    )
    is_alarm_enabled: bool = static(
        False,
        "Removed, as all of this class: whether failures were told by mail.",
        state="removed",
        deprecated="clearwater",
    )
    alarm_config: dict[str, str] = static(
        {},
        "Removed, as all of this class: to whom and how failures were told.",
        state="removed",
        deprecated="clearwater",
    )
    recent_alerts: Set[str] = dynamic(
        (), "Removed, as all of this class: what was told of recent runs.", state="removed", deprecated="clearwater"
    )

    protect_now = message(
        "Removed, answers MESSAGE_REMOVED; it was to back up the machines of the policy at once.",
        Param("vmpp", ref("VMPP"), "The policy."),
        result=STRING,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    archive_now = message(
        "Removed, answers MESSAGE_REMOVED; it was to archive a backup at once.",
        Param("snapshot", ref("VM"), "The snapshot that was to be archived."),
        result=STRING,
        roles=VM_POWER_ADMIN,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    create_alert = message(
        "Meant to record how a run of the policy ended. Not built: it answers NOT_IMPLEMENTED.",
        Param("vmpp", ref("VMPP"), "The policy."),
        Param("name", STRING, "Name of the alert."),
        Param("priority", INT, "How urgent it is, 1 being the most urgent."),
        Param("body", STRING, "Its text."),
        Param("data", STRING, "Further data as text."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    get_alerts = message(
        "Removed, answers MESSAGE_REMOVED; it was to list what was told of recent runs.",
        Param("vmpp", ref("VMPP"), "The policy."),
        Param("hours_from_now", INT, "How many hours to look back."),
        result=set_of(STRING),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_backup_retention_value = message(
        "Removed, answers MESSAGE_REMOVED; it was to set how many backups are kept.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", INT, "How many."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_is_backup_running = message(
        "Meant to record whether a backup goes on. Not built: it answers NOT_IMPLEMENTED.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", BOOL, "True if one does."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_is_archive_running = message(
        "Meant to record whether archiving goes on. Not built: it answers NOT_IMPLEMENTED.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", BOOL, "True if it does."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_backup_frequency = message(
        "Removed, answers MESSAGE_REMOVED; it was to set how often backups are due.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", enum_of(VmppBackupFrequency), "How often."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_backup_schedule = message(
        "Removed, answers MESSAGE_REMOVED; it was to set when within its period a backup is due.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", STRING_MAP, "When, by keys of the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_frequency = message(
        "Removed, answers MESSAGE_REMOVED; it was to set how often backups are archived.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", enum_of(VmppArchiveFrequency), "How often."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_schedule = message(
        "Removed, answers MESSAGE_REMOVED; it was to set when within its period archiving is due.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", STRING_MAP, "When, by keys of the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_target_type = message(
        "Removed, answers MESSAGE_REMOVED; it was to set by which protocol the archive is reached.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", enum_of(VmppArchiveTargetType), "The protocol; none for no archive."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_target_config = message(
        "Removed, answers MESSAGE_REMOVED; it was to set where the archive is.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", STRING_MAP, "Where, by keys of the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_is_alarm_enabled = message(
        "Removed, answers MESSAGE_REMOVED; it was to set whether failures are told by mail.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", BOOL, "True to tell them."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_alarm_config = message(
        "Removed, answers MESSAGE_REMOVED; it was to set to whom and how failures are told.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", STRING_MAP, "To whom and how, by keys of the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_backup_schedule = message(
        "Removed, answers MESSAGE_REMOVED; it was to add a key to backup_schedule.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        Param("value", STRING, "The value of the key."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_archive_target_config = message(
        "Removed, answers MESSAGE_REMOVED; it was to add a key to archive_target_config.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        Param("value", STRING, "The value of the key."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_archive_schedule = message(
        "Removed, answers MESSAGE_REMOVED; it was to add a key to archive_schedule.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        Param("value", STRING, "The value of the key."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    add_to_alarm_config = message(
        "Removed, answers MESSAGE_REMOVED; it was to add a key to alarm_config.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        Param("value", STRING, "The value of the key."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_backup_schedule = message(
        "Removed, answers MESSAGE_REMOVED; it was to take a key out of backup_schedule.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_archive_target_config = message(
        "Removed, answers MESSAGE_REMOVED; it was to take a key out of archive_target_config.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_archive_schedule = message(
        "Removed, answers MESSAGE_REMOVED; it was to take a key out of archive_schedule.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    remove_from_alarm_config = message(
        "Removed, answers MESSAGE_REMOVED; it was to take a key out of alarm_config.",
        Param("self", ref("VMPP"), "The policy."),
        Param("key", STRING, "The key in the map."),
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_backup_last_run_time = message(
        "Removed, answers MESSAGE_REMOVED; it was to record when backups were last taken.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", DATETIME, "When that was."),
        roles=LOCAL_ROOT,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )
    set_archive_last_run_time = message(
        "Removed, answers MESSAGE_REMOVED; it was to record when backups were last archived.",
        Param("self", ref("VMPP"), "The policy."),
        Param("value", DATETIME, "When that was."),
        roles=LOCAL_ROOT,
        has_async=False,
        state="removed",
        deprecated="clearwater",
    )

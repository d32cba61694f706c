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
    """How often a schedule is due."""

    hourly = "hourly"
    """Every hour."""
    daily = "daily"
    """Every day."""
    weekly = "weekly"
    """On days of the week that schedule names."""


class VmssType(enum.StrEnum):
    """What kind of snapshot is to be taken; quiesced ones cannot be taken any more, which is told each time."""

    snapshot = "snapshot"
    """One of the disks."""
    checkpoint = "checkpoint"
    """One of disks and memory; of a machine that is off, of disks alone."""
    snapshot_with_quiesce = "snapshot_with_quiesce"
    """One of the disks after the guest wrote everything out; removed."""


class VMSS(Object, roles=POOL_OPERATOR, since="falcon", constructor=True):
    """A schedule by which snapshots of machines are taken, as long as the coordinator of the pool runs."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    enabled: bool = rw(True, "Whether the schedule is in force.", since="rio")
    type: VmssType = static(doc="What kind of snapshot is to be taken.", since="rio")
    retained_snapshots: int = static(7, "How many snapshots of each machine are to be kept, 1 to 10.", since="rio")
    frequency: VmssFrequency = static(doc="Whether the schedule is due every hour, day or week.", since="rio")
    schedule: dict[str, str] = static(
        {},
        (
            "When within its period it is due, in the time zone of the pool's coordinator: keys min (0, 15, 30 or 45), "
            "hour (0 to 23) and days, as the frequency needs."
        ),
        since="rio",
    )
    last_run_time: DateTime = dynamic(
        EPOCH, "When it was last carried out because it was due; the epoch if never.", since="rio"
    )
    VMs: Set[Ref[VM]] = inverse("VM.snapshot_schedule", "The machines under this schedule.", since="rio")

    snapshot_now = message(
        (
            "Take snapshots of its machines at once, whether it is enabled or not, and remove those that are too many. "
            "The answer is the references of the new ones, with commas between them; OPERATION_PARTIALLY_FAILED names "
            "the machines for which something went wrong."
        ),
        Param("vmss", ref("VMSS"), "The schedule."),
        result=STRING,
        has_async=False,
    )
    set_retained_snapshots = message(
        "Say how many snapshots of each machine are to be kept.",
        Param("self", ref("VMSS"), "The schedule."),
        Param("value", INT, "How many, 1 to 10."),
        has_async=False,
    )
    set_frequency = message(
        "Say how often the schedule is due; keys that it needs now are added to the schedule, others go.",
        Param("self", ref("VMSS"), "The schedule."),
        Param("value", enum_of(VmssFrequency), "How often."),
        has_async=False,
    )
    set_schedule = message(
        "Say when within its period the schedule is due.",
        Param("self", ref("VMSS"), "The schedule."),
        Param(
            "value",
            STRING_MAP,
            "Keys min, hour and days; those left out stay as they are, those the frequency does not need go.",
        ),
        has_async=False,
    )
    add_to_schedule = message(
        "Add a key to the schedule that it does not have.",
        Param("self", ref("VMSS"), "The schedule.", late=True),
        Param("key", STRING, "One of min, hour and days."),
        Param(
            "value",
            STRING,
            "For min 0, 15, 30 or 45, for hour 0 to 23, for days names such as Monday with commas between.",
        ),
        has_async=False,
    )
    remove_from_schedule = message(
        "Take a key out of the schedule.",
        Param("self", ref("VMSS"), "The schedule."),
        Param("key", STRING, "One of min, hour and days."),
        has_async=False,
    )
    set_last_run_time = message(
        "Record when the schedule was carried out.",
        Param("self", ref("VMSS"), "The schedule."),
        Param("value", DATETIME, "When."),
        roles=LOCAL_ROOT,
        has_async=False,
    )
    set_type = message(
        "Say what kind of snapshot is to be taken.",
        Param("self", ref("VMSS"), "The schedule."),
        Param("value", enum_of(VmssType), "The kind."),
        has_async=False,
    )

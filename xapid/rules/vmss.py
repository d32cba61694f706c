"""When schedules of snapshots are due: what they say, and arithmetic on the clock at a host's wall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from xapid.datamodel import VMSS
from xapid.datamodel.vmss import VmssFrequency

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MINUTES = frozenset(("0", "15", "30", "45"))
HOURS = frozenset(str(hour) for hour in range(24))

DEFAULTS = {"min": "0", "hour": "0", "days": "Monday"}
"""When a schedule that does not say so fires."""
KEYS = {
    VmssFrequency.hourly: ("min",),
    VmssFrequency.daily: ("hour", "min"),
    VmssFrequency.weekly: ("hour", "min", "days"),
}
"""What a schedule of each frequency says."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SET_BY = 2 * HOUR
"""No zone sets its clocks by more for the summer."""
PERIODS = {VmssFrequency.hourly: HOUR, VmssFrequency.daily: DAY, VmssFrequency.weekly: 7 * DAY}


def is_valid(key: str, value: str) -> bool:
    """Whether a key of a schedule can have this value."""
    if key == "days":
        return all(day in DAYS for day in value.split(","))
    return value in (MINUTES if key == "min" else HOURS)


def filled(frequency: VmssFrequency, schedule: Mapping[str, str]) -> dict[str, str]:
    """What a schedule of this frequency says, the defaults for the rest."""
    return {key: schedule.get(key, DEFAULTS[key]) for key in KEYS[frequency]}


@dataclass(frozen=True)
class Timing:
    """When a schedule is due, on clocks of a time zone."""

    frequency: VmssFrequency
    minute: int
    hour: int
    days: frozenset[int]
    """of the week, Monday is 0; all but for weekly schedules"""
    zone: tzinfo

    @classmethod
    def of(cls, vmss: VMSS, zone: tzinfo) -> Timing:
        # What nobody could have written counts as not said: one bad row keeps no other from its time.
        said = filled(vmss.frequency, {key: text for key, text in vmss.schedule.items() if is_valid(key, text)})
        weekly = vmss.frequency is VmssFrequency.weekly
        days = frozenset(map(DAYS.index, said["days"].split(","))) if weekly else frozenset(range(7))
        return cls(vmss.frequency, int(said["min"]), int(said.get("hour", "0")), days, zone)

    def __str__(self) -> str:
        """The same for the same timing."""
        days = "".join(map(str, sorted(self.days)))
        return f"{self.frequency} {self.hour:02}:{self.minute:02} {days} {self.zone}"


def next_due(timing: Timing, after: float) -> float:
    """The first moment after another at which a schedule is due. Moments are seconds since 1970.

    Where clocks are set back, a daily time that comes twice counts once, the first time, and each hour that passes is
    an hour. Where they are set forward, a time that is left out is due as long after midnight as ever.
    """
    due = _hours if timing.frequency is VmssFrequency.hourly else _days
    return next(moment for moment in due(timing, after) if moment > after)


def due_before(timing: Timing, moment: float) -> float:
    """The last moment before another at which a schedule is due."""
    due = next_due(timing, moment - PERIODS[timing.frequency] - SET_BY)
    while (following := next_due(timing, due)) < moment:
        due = following
    return due


def _hours(timing: Timing, after: float) -> Iterator[float]:
    """Each moment from then on at which clocks show the minute."""
    moment = after - after % MINUTE
    while True:
        left = (timing.minute - datetime.fromtimestamp(moment, timing.zone).minute) % 60
        if left:
            # There clocks may show another minute: some are set by half an hour.
            moment += left * MINUTE
        else:
            yield moment
            moment += MINUTE


def _days(timing: Timing, after: float) -> Iterator[float]:
    """The moment of each day from then on that counts."""
    day = datetime.fromtimestamp(after, timing.zone).date()
    while True:
        if day.weekday() in timing.days:
            at = datetime(day.year, day.month, day.day, timing.hour, timing.minute, tzinfo=timing.zone)
            yield at.timestamp()
        day += timedelta(days=1)


def is_another(timing: Timing, due: float, passed: float) -> bool:
    """Whether a due moment is another than the one that was honoured so many seconds ago, and not the same once more.

    Clocks that are set bring a moment back, or the next one near. So what counts is the time that passed.
    """
    return passed >= (due - due_before(timing, due)) / 2


def latest_due(timing: Timing, first: float, now: float) -> tuple[float, int]:
    """The last due moment up to now, and how many there were from a first one on, which is due."""
    due, count = first, 1
    while (following := next_due(timing, due)) <= now:
        due, count = following, count + 1
        if count == MANY:
            break
    return due, count


MANY = 1000
"""Beyond this nobody counts moments that were missed."""


def as_text(moment: float) -> str:
    """A moment as people read it, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")

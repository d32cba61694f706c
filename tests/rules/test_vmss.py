"""When schedules are due: over months, years, and clocks that are set forward and back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from xapid.datamodel import VMSS
from xapid.datamodel.vmss import VmssFrequency
from xapid.rules.vmss import Timing, due_before, is_another, latest_due, next_due

UTC = "UTC"
BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
KATHMANDU = "Asia/Kathmandu"
"""Five hours and three quarters ahead of UTC."""
HAVANA = "America/Havana"
"""Where clocks are set forward at midnight."""
APIA = "Pacific/Apia"
"""Where 30 December 2011 never was."""


def timing(frequency: str, zone: str, **schedule: str) -> Timing:
    vmss = VMSS.__new__(VMSS)
    vmss.__dict__.update(frequency=VmssFrequency(frequency), schedule=schedule)
    return Timing.of(vmss, ZoneInfo(zone))


def at(text: str, zone: str) -> float:
    """A moment; ``2024-10-27 02:30+`` is the second time that clocks show it."""
    fold = int(text.endswith("+"))
    return datetime.fromisoformat(text.rstrip("+")).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    "frequency, schedule, zone, after, expected",
    [
        # Each hour
        ("hourly", {"min": "0"}, UTC, "2024-05-01 10:00", "2024-05-01 11:00"),
        ("hourly", {"min": "0"}, UTC, "2024-05-01 10:59:59", "2024-05-01 11:00"),
        ("hourly", {"min": "45"}, UTC, "2024-05-01 10:10", "2024-05-01 10:45"),
        ("hourly", {"min": "15"}, UTC, "2024-12-31 23:20", "2025-01-01 00:15"),
        ("hourly", {"min": "30"}, KATHMANDU, "2024-05-01 10:31", "2024-05-01 11:30"),
        ("hourly", {"min": "15"}, BERLIN, "2024-03-31 01:20", "2024-03-31 03:15"),
        ("hourly", {"min": "15"}, BERLIN, "2024-10-27 02:15", "2024-10-27 02:15+"),
        ("hourly", {"min": "15"}, BERLIN, "2024-10-27 02:15+", "2024-10-27 03:15"),
        ("hourly", {}, UTC, "2024-05-01 10:01", "2024-05-01 11:00"),
        # Each day
        ("daily", {"hour": "1", "min": "15"}, UTC, "2024-05-01 01:14", "2024-05-01 01:15"),
        ("daily", {"hour": "1", "min": "15"}, UTC, "2024-05-01 01:15", "2024-05-02 01:15"),
        ("daily", {"hour": "0", "min": "0"}, UTC, "2024-04-30 12:00", "2024-05-01 00:00"),
        ("daily", {"hour": "23", "min": "45"}, UTC, "2024-12-31 23:50", "2025-01-01 23:45"),
        ("daily", {"hour": "5", "min": "0"}, UTC, "2024-02-28 05:00", "2024-02-29 05:00"),
        ("daily", {"hour": "5", "min": "0"}, UTC, "2025-02-28 05:00", "2025-03-01 05:00"),
        ("daily", {"hour": "5", "min": "0"}, NEW_YORK, "2024-03-09 05:00", "2024-03-10 05:00"),
        ("daily", {"hour": "2", "min": "30"}, NEW_YORK, "2024-03-09 12:00", "2024-03-10 03:30"),
        ("daily", {"hour": "2", "min": "30"}, NEW_YORK, "2024-03-10 03:30", "2024-03-11 02:30"),
        ("daily", {"hour": "0", "min": "0"}, HAVANA, "2024-03-09 12:00", "2024-03-10 01:00"),
        ("daily", {"hour": "2", "min": "30"}, BERLIN, "2024-10-26 12:00", "2024-10-27 02:30"),
        ("daily", {"hour": "2", "min": "30"}, BERLIN, "2024-10-27 02:30", "2024-10-28 02:30"),
        ("daily", {"hour": "2", "min": "30"}, BERLIN, "2024-10-27 02:10+", "2024-10-28 02:30"),
        ("daily", {"hour": "12", "min": "0"}, APIA, "2011-12-29 12:00", "2011-12-31 12:00"),
        ("daily", {}, UTC, "2024-05-01 01:00", "2024-05-02 00:00"),
        # On days of the week; 1 May 2024 was a Wednesday
        ("weekly", {"hour": "3", "min": "0", "days": "Wednesday"}, UTC, "2024-05-01 02:00", "2024-05-01 03:00"),
        ("weekly", {"hour": "3", "min": "0", "days": "Wednesday"}, UTC, "2024-05-01 03:00", "2024-05-08 03:00"),
        ("weekly", {"hour": "3", "min": "0", "days": "Monday,Friday"}, UTC, "2024-05-01 03:00", "2024-05-03 03:00"),
        ("weekly", {"hour": "3", "min": "0", "days": "Friday,Monday"}, UTC, "2024-05-03 03:00", "2024-05-06 03:00"),
        ("weekly", {"hour": "0", "min": "0", "days": "Wednesday"}, UTC, "2024-12-26 00:00", "2025-01-01 00:00"),
        ("weekly", {"hour": "2", "min": "30", "days": "Sunday"}, BERLIN, "2024-03-25 00:00", "2024-03-31 03:30"),
        ("weekly", {"hour": "3", "min": "0"}, UTC, "2024-05-01 03:00", "2024-05-06 03:00"),
    ],
)
def test_a_schedule_is_due_next(frequency: str, schedule: dict[str, str], zone: str, after: str, expected: str) -> None:
    due = next_due(timing(frequency, zone, **schedule), at(after, zone))

    assert datetime.fromtimestamp(due, ZoneInfo(zone)) == datetime.fromtimestamp(at(expected, zone), ZoneInfo(zone))


def test_what_makes_no_sense_counts_as_not_said() -> None:
    rule = timing("weekly", UTC, min="7", hour="one", days="Someday,", year="2024")

    assert rule == timing("weekly", UTC)


@pytest.mark.parametrize("zone", [UTC, BERLIN, NEW_YORK, KATHMANDU, "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "frequency, schedule, times",
    [
        ("hourly", {"min": "15"}, 366 * 24),
        ("daily", {"hour": "2", "min": "0"}, 366),
        ("weekly", {"hour": "2", "min": "45", "days": "Sunday,Tuesday"}, 2 * 52),
    ],
)
def test_no_time_of_a_whole_year_is_left_out_or_comes_twice(
    zone: str, frequency: str, schedule: dict[str, str], times: int
) -> None:
    rule, due = timing(frequency, zone, **schedule), at("2024-01-01 00:00", zone) - 1
    end, found = at("2025-01-01 00:00", zone), []
    while (due := next_due(rule, due)) < end:
        found.append(due)

    assert abs(len(found) - times) <= 1
    assert [due_before(rule, later) for later in found[1:]] == found[:-1]


@pytest.mark.parametrize(
    "frequency, schedule, due, passed, another",
    [
        ("daily", {"hour": "1"}, "2024-05-02 01:00", 24 * 3600, True),
        ("daily", {"hour": "1"}, "2024-05-02 01:00", 1200, False),
        ("hourly", {}, "2024-05-01 11:00", 3600, True),
        ("hourly", {}, "2024-05-01 11:00", 1799, False),
        # From Tuesday to Monday there are six days, from Monday to Tuesday there is one.
        ("weekly", {"days": "Monday,Tuesday"}, "2024-05-06 00:00", 2 * 24 * 3600, False),
        ("weekly", {"days": "Monday,Tuesday"}, "2024-05-07 00:00", 24 * 3600, True),
    ],
)
def test_a_moment_that_comes_again_is_known_by_the_time_that_passed(
    frequency: str, schedule: dict[str, str], due: str, passed: float, another: bool
) -> None:
    assert is_another(timing(frequency, UTC, **schedule), at(due, UTC), passed) is another


def test_moments_that_went_by_are_counted() -> None:
    rule = timing("daily", UTC, hour="1")

    assert latest_due(rule, at("2024-05-01 01:00", UTC), at("2024-05-04 00:59", UTC)) == (
        at("2024-05-03 01:00", UTC),
        3,
    )
    assert latest_due(rule, at("2024-05-01 01:00", UTC), at("2024-05-01 01:00", UTC)) == (
        at("2024-05-01 01:00", UTC),
        1,
    )
    assert latest_due(rule, at("1970-01-01 01:00", UTC), at("2024-05-01 01:00", UTC))[1] == 1000

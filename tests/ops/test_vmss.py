"""Schedules of snapshots: when they are due, and how many are kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import NULL, Workshop
from tests.xapi import Xapi
from xapid.datamodel.errors import HANDLE_INVALID, INTERNAL_ERROR, INVALID_VALUE, MAP_DUPLICATE_KEY, VMSS_HAS_VM


async def schedule(xapi: Xapi, **fields: Any) -> str:
    wanted = {
        "name_label": "s", "name_description": "", "enabled": True, "type": "snapshot", "retained_snapshots": 7,
        "frequency": "daily", "schedule": {"hour": "1", "min": "15"},
    }  # fmt: skip
    return str(await xapi.VMSS.create(wanted | fields))


@pytest.mark.parametrize(
    "frequency, given, filled",
    [
        ("hourly", {}, {"min": "0"}),
        ("hourly", {"min": "45", "hour": "3"}, {"min": "45"}),
        ("daily", {"hour": "3"}, {"hour": "3", "min": "0"}),
        ("weekly", {"days": "Monday,Friday"}, {"hour": "0", "min": "0", "days": "Monday,Friday"}),
    ],
)
async def test_a_schedule_says_when_it_is_due(
    workshop: Workshop, xapi: Xapi, frequency: str, given: dict[str, str], filled: dict[str, str]
) -> None:
    vmss = await schedule(xapi, frequency=frequency, schedule=given)

    assert workshop.row(vmss).schedule == filled


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"retained_snapshots": 0}, ("retained_snapshots", "0")),
        ({"retained_snapshots": 11}, ("retained_snapshots", "11")),
        ({"schedule": {"min": "7"}}, ("schedule:min", "7")),
        ({"schedule": {"hour": "24"}}, ("schedule:hour", "24")),
        ({"schedule": {"days": "Monday,Someday"}}, ("schedule:days", "Monday,Someday")),
        ({"schedule": {"year": "1"}}, ("schedule:year", "1")),
    ],
)
async def test_a_schedule_that_makes_no_sense_is_refused(
    xapi: Xapi, fields: dict[str, Any], error: tuple[str, str]
) -> None:
    with pytest.raises(INVALID_VALUE) as refused:
        await schedule(xapi, **fields)

    assert refused.value.args == error
    assert await xapi.VMSS.get_all() == []


async def test_a_schedule_changes_with_its_frequency(workshop: Workshop, xapi: Xapi) -> None:
    vmss = await schedule(xapi)

    await xapi.VMSS.set_frequency(vmss, "weekly")
    await xapi.VMSS.set_schedule(vmss, {"days": "Friday"})
    await xapi.VMSS.set_type(vmss, "checkpoint")
    await xapi.VMSS.set_retained_snapshots(vmss, 1)

    row = workshop.row(vmss)
    assert row.schedule == {"hour": "1", "min": "15", "days": "Friday"}
    assert (row.frequency, row.type, row.retained_snapshots) == ("weekly", "checkpoint", 1)


async def test_a_schedule_is_added_to_by_keys_that_it_knows(workshop: Workshop, xapi: Xapi) -> None:
    vmss = await schedule(xapi, frequency="hourly")

    await xapi.VMSS.add_to_schedule(vmss, "hour", "5")
    added = workshop.row(vmss).schedule
    await xapi.VMSS.remove_from_schedule(vmss, "hour")

    assert (added, workshop.row(vmss).schedule) == ({"min": "15", "hour": "5"}, {"min": "15"})
    with pytest.raises(MAP_DUPLICATE_KEY) as again:
        await xapi.VMSS.add_to_schedule(vmss, "min", "30")
    with pytest.raises(INVALID_VALUE) as wrong:
        await xapi.VMSS.add_to_schedule(vmss, "hour", "25")
    with pytest.raises(INTERNAL_ERROR):
        await xapi.VMSS.add_to_schedule(vmss, "year", "1")
    assert again.value.args == ("VMSS", "schedule", vmss, "min")
    assert wrong.value.args == ("schedule:hour", "25")


async def test_a_schedule_goes_once_no_machine_is_in_it(workshop: Workshop, xapi: Xapi) -> None:
    vmss, vm = await schedule(xapi), await workshop.vm()
    await xapi.VM.set_snapshot_schedule(vm, vmss)
    with pytest.raises(VMSS_HAS_VM):
        await xapi.VMSS.destroy(vmss)
    await xapi.VM.set_snapshot_schedule(vm, NULL)

    await xapi.VMSS.destroy(vmss)

    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.VMSS.destroy(vmss)
    assert error.value.args == ("VMSS", vmss)

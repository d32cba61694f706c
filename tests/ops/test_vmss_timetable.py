"""Schedules are carried out when they are due: once, whatever is done to the clock, and what went wrong is told."""

from __future__ import annotations

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import FreshHost
from tests.machines import NULL, SOMEBODY, Workshop, raises_api
from xapid.backends.interface import Failed
from xapid.datamodel import VM, VMSS, Host, Message, Pool, Task
from xapid.datamodel.errors import OTHER_OPERATION_IN_PROGRESS
from xapid.ops.vm.copies import SCHEDULE
from xapid.ops.vmss.timetable import LATE, Timetable
from xapid.rules.vmss import Timing, next_due
from xapid.runtime.local_settings import SCHEDULES_DUE, LocalSettings

HOUR = 3600.0
DAY = 24 * HOUR


async def schedule(workshop: Workshop, *vms: str, **fields: Any) -> str:
    wanted = {
        "name_label": "nightly", "name_description": "", "enabled": True, "type": "snapshot", "retained_snapshots": 7,
        "frequency": "daily", "schedule": {"hour": "1", "min": "15"},
    }  # fmt: skip
    vmss = str(await workshop.xapi.VMSS.create(wanted | fields))
    for vm in vms:
        await workshop.xapi.VM.set_snapshot_schedule(vm, vmss)
    return vmss


@pytest.fixture
def timetable(fresh: FreshHost) -> Timetable:
    return Timetable(fresh.runtime)


def restarted(fresh: FreshHost) -> Timetable:
    """What a new daemon has: of the old one only what is on disk."""
    fresh.runtime.services["local_settings"] = LocalSettings(fresh.runtime.config.state_dir / "local.json")
    return Timetable(fresh.runtime)


def due(fresh: FreshHost, vmss: str) -> float:
    row = fresh.store.get(VMSS, vmss)
    zone = ZoneInfo(fresh.store.one(Host).timezone)
    return next_due(Timing.of(row, zone), fresh.clock.now())


async def look(timetable: Timetable) -> None:
    await timetable.look()
    await timetable.settled()


async def look_when_due(fresh: FreshHost, timetable: Timetable, vmss: str, late: float = 1.0) -> float:
    """Let time pass until it is due, and a bit. Returns the moment at which it was."""
    moment = due(fresh, vmss)
    fresh.clock.passed += moment + late - fresh.clock.now()
    await look(timetable)
    return moment


async def once_taken(fresh: FreshHost, workshop: Workshop, timetable: Timetable) -> tuple[str, str]:
    """A machine, and a schedule that has taken one snapshot of it when it was due."""
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm)
    await look(timetable)
    await look_when_due(fresh, timetable, vmss)
    return vm, vmss


def taken(fresh: FreshHost, vm: str) -> list[VM]:
    found = [row for row in fresh.store.where(VM, snapshot_of=vm) if row.is_vmss_snapshot]
    return sorted(found, key=lambda row: row._created)


def told(fresh: FreshHost) -> list[str]:
    return [row.name for row in fresh.store.all(Message) if row.name.startswith("VMSS_")]


def body(fresh: FreshHost) -> str:
    (message,) = (row for row in fresh.store.all(Message) if row.name.startswith("VMSS_"))
    return message.body


def set_clock(fresh: FreshHost, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The time of day changes, and no time passes."""
    before = fresh.clock.now
    monkeypatch.setattr(fresh.clock, "now", lambda: before() + seconds)


# --- When it is due ----------------------------------------------------------------------------------


async def test_a_snapshot_of_each_machine_is_taken_when_it_is_due(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    vms = [await workshop.vm(name_label=name) for name in ("web", "db")]
    vmss = await schedule(workshop, *vms)
    await look(timetable)
    assert [taken(fresh, vm) for vm in vms] == [[], []]

    moment = await look_when_due(fresh, timetable, vmss)
    await look(timetable)

    for vm in vms:
        (snapshot,) = taken(fresh, vm)
        assert snapshot.is_a_snapshot
        assert snapshot.snapshot_info[SCHEDULE] == fresh.store.get(VMSS, vmss).uuid
        assert snapshot.snapshot_schedule == NULL
        assert snapshot.name_label.startswith(f"{workshop.row(vm).name_label} (nightly, ")
    assert 0 <= fresh.store.get(VMSS, vmss).last_run_time.seconds() - moment < 10
    assert told(fresh) == ["VMSS_SNAPSHOT_SUCCEEDED"]
    assert list(fresh.store.all(Task)) == []
    assert workshop.idle()


@pytest.mark.parametrize(
    "frequency, said, days, times",
    [
        ("hourly", {"min": "30"}, 1, 24),
        ("daily", {"hour": "3"}, 7, 7),
        ("weekly", {"days": "Monday,Thursday"}, 7, 2),
    ],
)
async def test_it_comes_as_often_as_it_says(
    fresh: FreshHost,
    workshop: Workshop,
    timetable: Timetable,
    frequency: str,
    said: dict[str, str],
    days: int,
    times: int,
) -> None:
    vm = await workshop.vm()
    await schedule(workshop, vm, frequency=frequency, schedule=said)
    await look(timetable)
    made: set[str] = set()

    for _ in range(days * 24 * 4):
        fresh.clock.passed += 900
        await look(timetable)
        made |= {row.ref for row in taken(fresh, vm)}

    assert len(made) == times


async def test_the_clock_is_that_of_the_coordinator(fresh: FreshHost, workshop: Workshop, timetable: Timetable) -> None:
    host = fresh.store.one(Host)
    with fresh.store.write() as tx:
        tx.set(host, timezone="Asia/Kathmandu")
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm, schedule={"hour": "1", "min": "0"})
    await look(timetable)

    moment = await look_when_due(fresh, timetable, vmss)

    # Five hours and three quarters ahead: it is 19:15 in Greenwich.
    assert (moment - 19.25 * HOUR) % DAY == 0
    assert len(taken(fresh, vm)) == 1


async def test_what_is_not_in_force_takes_none(fresh: FreshHost, workshop: Workshop, timetable: Timetable) -> None:
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm, enabled=False)
    await look(timetable)

    await look_when_due(fresh, timetable, vmss)
    off = taken(fresh, vm)
    await workshop.xapi.log_in()
    await workshop.xapi.VMSS.set_enabled(vmss, True)
    await look(timetable)
    on = taken(fresh, vm)
    await look_when_due(fresh, timetable, vmss)

    assert (off, on) == ([], [])
    assert len(taken(fresh, vm)) == 1


async def test_who_does_not_lead_the_pool_takes_none(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm)
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(Pool), master="OpaqueRef:another")
    await look(timetable)

    await look_when_due(fresh, timetable, vmss)

    assert taken(fresh, vm) == []


async def test_another_time_counts_from_when_it_was_set(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm, frequency="hourly", schedule={"min": "0"})
    await look(timetable)
    await look_when_due(fresh, timetable, vmss)
    await workshop.xapi.VMSS.set_schedule(vmss, {"min": "15"})
    await look(timetable)

    moment = await look_when_due(fresh, timetable, vmss)

    assert (moment % HOUR, len(taken(fresh, vm))) == (900, 2)


# --- The clock is set --------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 10, 3650])
async def test_a_clock_that_is_set_ahead_loses_no_snapshot_and_takes_none_twice(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    vm, vmss = await once_taken(fresh, workshop, timetable)
    fresh.clock.passed += DAY - HOUR
    await look(timetable)
    before = len(taken(fresh, vm))

    # Over the time that was due next, to just before another.
    set_clock(fresh, monkeypatch, days * DAY + 0.75 * HOUR)
    await look(timetable)
    set_ahead = len(taken(fresh, vm))
    await look_when_due(fresh, timetable, vmss)
    at_once = len(taken(fresh, vm))
    await look_when_due(fresh, timetable, vmss)

    assert (before, set_ahead, at_once, len(taken(fresh, vm))) == (1, 2, 2, 3)


async def test_a_day_that_never_passed_takes_no_snapshot(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm, vmss = await once_taken(fresh, workshop, timetable)

    set_clock(fresh, monkeypatch, 1.1 * DAY)
    await look(timetable)
    never = len(taken(fresh, vm))
    await look_when_due(fresh, timetable, vmss)

    assert (never, len(taken(fresh, vm))) == (1, 2)


@pytest.mark.parametrize("seconds", [1200.0, DAY, 3650 * DAY], ids=["minutes", "a day", "years"])
async def test_a_clock_that_is_set_back_loses_no_snapshot_and_takes_none_twice(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    vm, _ = await once_taken(fresh, workshop, timetable)
    fresh.clock.passed += 600
    await look(timetable)

    set_clock(fresh, monkeypatch, -seconds)
    await look(timetable)
    found = []
    for _ in range(2 * 24 * 4 + 2):
        fresh.clock.passed += 900
        await look(timetable)
        found.append(len(taken(fresh, vm)))

    # In the two days and a half hour that pass it comes twice, and not within half a day of the time before.
    assert found[-1] == 3
    assert found[46] == 1


# --- What went wrong ---------------------------------------------------------------------------------


async def test_a_failure_is_told_and_the_next_time_is_tried_again(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    sr = await workshop.sr()
    bad, good = [await workshop.vm(name_label=name) for name in ("bad", "good")]
    await workshop.drive(bad, await workshop.disk(sr))
    vmss = await schedule(workshop, bad, good)
    await look(timetable)
    workshop.faults("storage:file").fail("snapshot", Failed("no room"))

    await look_when_due(fresh, timetable, vmss)
    first = [len(taken(fresh, vm)) for vm in (bad, good)]
    said = body(fresh)
    await look_when_due(fresh, timetable, vmss)

    assert first == [0, 1]
    assert "VM 'bad'" in said
    assert "no room" in said
    assert "VM 'good'" not in said
    assert sorted(told(fresh)) == ["VMSS_SNAPSHOT_FAILED", "VMSS_SNAPSHOT_SUCCEEDED"]
    assert [len(taken(fresh, vm)) for vm in (bad, good)] == [1, 2]
    assert workshop.idle()


async def test_quiesced_snapshots_fail_and_that_is_told(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm, type="snapshot_with_quiesce")
    await look(timetable)

    await look_when_due(fresh, timetable, vmss)

    assert taken(fresh, vm) == []
    assert told(fresh) == ["VMSS_SNAPSHOT_FAILED"]
    assert "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED" in body(fresh)


async def test_who_is_busy_with_the_time_before_says_so(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    vm, beside = await workshop.vm(), await workshop.vm()
    vmss = await schedule(workshop, vm, beside, frequency="hourly", schedule={})
    fresh.runtime.guard.mark(workshop.row(vm), "hard_shutdown", SOMEBODY)
    await timetable.look()
    for _ in range(2):
        fresh.clock.passed += due(fresh, vmss) - fresh.clock.now() + 1
        await timetable.look()
    await workshop.until(lambda: len(taken(fresh, beside)) == 1)
    while_busy = told(fresh)
    with pytest.raises(OTHER_OPERATION_IN_PROGRESS) as busy:
        await workshop.xapi.VMSS.snapshot_now(vmss)

    fresh.runtime.guard.leave(workshop.row(vm), SOMEBODY)
    await timetable.settled()

    assert while_busy == ["VMSS_SNAPSHOT_LOCK_FAILED"]
    assert busy.value.args[:3] == ("VMSS", vmss, "snapshot_now")
    assert [len(taken(fresh, each)) for each in (vm, beside)] == [1, 1]
    assert sorted(told(fresh)) == ["VMSS_SNAPSHOT_LOCK_FAILED", "VMSS_SNAPSHOT_SUCCEEDED"]


# --- Over a restart ----------------------------------------------------------------------------------


@pytest.mark.parametrize("days, said", [(1, "was due while the toolstack did not run: 2"), (3, "3 times")])
async def test_what_was_missed_while_nobody_was_there_is_told(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable, days: int, said: str
) -> None:
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm)
    await look(timetable)
    fresh.clock.passed += due(fresh, vmss) - fresh.clock.now() + (days - 1) * DAY + LATE + 1

    await look(restarted(fresh))

    assert taken(fresh, vm) == []
    assert told(fresh) == ["VMSS_SNAPSHOT_MISSED_EVENT"]
    assert said in body(fresh)


async def test_what_is_late_by_little_after_a_restart_is_done(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm)
    await look(timetable)
    fresh.clock.passed += due(fresh, vmss) - fresh.clock.now() + LATE - 30

    again = restarted(fresh)
    await look(again)
    await look(again)

    assert len(taken(fresh, vm)) == 1
    assert told(fresh) == ["VMSS_SNAPSHOT_SUCCEEDED"]


async def test_a_restart_takes_no_snapshot_twice_although_the_clock_is_set_back(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm, _ = await once_taken(fresh, workshop, timetable)
    await look(timetable)
    set_clock(fresh, monkeypatch, -1200)

    again = restarted(fresh)
    await look(again)
    fresh.clock.passed += HOUR
    await look(again)

    assert len(taken(fresh, vm)) == 1


async def test_a_start_goes_on_with_what_the_last_run_did_not_finish(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    done, half = await workshop.vm(), await workshop.vm()
    vmss = await schedule(workshop, done, half)
    await look(timetable)
    fresh.runtime.guard.mark(workshop.row(half), "hard_shutdown", SOMEBODY)
    fresh.clock.passed += due(fresh, vmss) - fresh.clock.now() + 1
    await timetable.look()
    await workshop.until(lambda: len(taken(fresh, done)) == 1)
    await timetable.close()
    fresh.runtime.guard.leave(workshop.row(half), SOMEBODY)

    await look(restarted(fresh))

    assert [len(taken(fresh, vm)) for vm in (done, half)] == [1, 1]


@pytest.mark.parametrize(
    "kept", ["no JSON", "[]", '{"UUID": 5}', '{"UUID": [NaN, "TIMING"]}', '{"UUID": [1e300, "TIMING"]}']
)
async def test_what_cannot_be_read_counts_for_nothing(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable, kept: str
) -> None:
    vm = await workshop.vm()
    vmss = await schedule(workshop, vm)
    row = fresh.store.get(VMSS, vmss)
    timing = str(Timing.of(row, ZoneInfo(fresh.store.one(Host).timezone)))
    settings: LocalSettings = fresh.runtime.services["local_settings"]
    await asyncio.to_thread(settings.put, SCHEDULES_DUE, kept.replace("UUID", row.uuid).replace("TIMING", timing))

    await look(timetable)
    await look_when_due(fresh, timetable, vmss)

    assert told(fresh) == ["VMSS_SNAPSHOT_SUCCEEDED"]


# --- What is kept, and of what kind ------------------------------------------------------------------


async def test_the_oldest_of_the_schedule_go_with_their_disks(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    sr, vm = await workshop.sr(), await workshop.vm()
    await workshop.drive(vm, await workshop.disk(sr))
    by_hand = await workshop.xapi.VM.snapshot(vm, "by hand", [])
    vmss = await schedule(workshop, vm, retained_snapshots=2)
    await look(timetable)
    disks = []
    for _ in range(4):
        await look_when_due(fresh, timetable, vmss)
        disks.append(len(fresh.store.tables["VDI"].rows))

    kept = taken(fresh, vm)

    assert len(kept) == 2
    assert kept[-1].ref == workshop.row(vm).parent
    assert workshop.is_there(by_hand)
    assert disks[1] == disks[2] == disks[3]
    assert workshop.idle()


async def test_an_old_snapshot_that_cannot_go_is_told_and_goes_the_next_time(
    fresh: FreshHost, workshop: Workshop, timetable: Timetable
) -> None:
    sr, vm = await workshop.sr(), await workshop.vm()
    await workshop.drive(vm, await workshop.disk(sr))
    vmss = await schedule(workshop, vm, retained_snapshots=1)
    await look(timetable)
    await look_when_due(fresh, timetable, vmss)
    workshop.faults("storage:file").fail("destroy", Failed("it is stuck"))

    await look_when_due(fresh, timetable, vmss)
    stuck = len(taken(fresh, vm))
    await look_when_due(fresh, timetable, vmss)

    assert (stuck, len(taken(fresh, vm))) == (2, 1)
    assert sorted(told(fresh)) == ["VMSS_SNAPSHOT_FAILED", *["VMSS_SNAPSHOT_SUCCEEDED"] * 2]


@pytest.mark.parametrize("state, kept", [("Running", "Suspended"), ("Halted", "Halted"), ("Suspended", "Suspended")])
async def test_checkpoints_keep_the_memory_of_what_has_any(
    fresh: FreshHost, workshop: Workshop, state: str, kept: str
) -> None:
    vm = await workshop.vm_in(state)
    if state == "Running":
        await workshop.xapi.VM.set_suspend_SR(vm, await workshop.sr())
    vmss = await schedule(workshop, vm, type="checkpoint", enabled=False)

    made = await workshop.xapi.VMSS.snapshot_now(vmss)

    assert [row.ref for row in taken(fresh, vm)] == [made]
    assert (workshop.row(made).power_state, workshop.row(vm).power_state) == (kept, state)


async def test_a_snapshot_can_be_had_now(fresh: FreshHost, workshop: Workshop) -> None:
    vms = [await workshop.vm() for _ in range(3)]
    vmss = await schedule(workshop, *vms, enabled=False, retained_snapshots=1)

    first = await workshop.xapi.VMSS.snapshot_now(vmss)
    second = await workshop.xapi.VMSS.snapshot_now(vmss)
    with fresh.store.write() as tx:
        tx.set(workshop.row(vms[0]), blocked_operations={"snapshot": "no"})
    with raises_api("OPERATION_PARTIALLY_FAILED", "VMSS.snapshot_now", vms[0]):
        await workshop.xapi.VMSS.snapshot_now(vmss)

    assert len(first.split(",")) == 3
    assert not any(workshop.is_there(ref) for ref in first.split(","))
    assert workshop.is_there(second.split(",")[0])
    assert str(fresh.store.get(VMSS, vmss).last_run_time) == "19700101T00:00:00Z"

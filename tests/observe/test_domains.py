"""What domains do by themselves is true of the records within a moment, and told by events."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from tests.machines import Workshop
from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.interface import Failed
from xapid.datamodel import VM, Console, Host, Message
from xapid.datamodel.errors import TASK_CANCELLED, VM_BAD_POWER_STATE

RUNNING, PAUSED, HALTED = "Running", "Paused", "Halted"
SECOND = 1.0


@pytest.fixture
async def vm(workshop: Workshop, sr: str) -> str:
    """A machine that runs, with a disk and an interface."""
    return await furnished(workshop, sr)


async def furnished(workshop: Workshop, sr: str, **fields: Any) -> str:
    vm = await workshop.vm(**fields)
    await workshop.drive(vm, await workshop.disk(sr))
    await workshop.nic(vm, await workshop.network())
    return await workshop.started(vm)


def state(workshop: Workshop, vm: str) -> str:
    return str(workshop.row(vm).power_state)


async def becomes(workshop: Workshop, vm: str, expected: str) -> None:
    """Within a second the records say so, and nothing goes on any more."""
    await workshop.until(lambda: state(workshop, vm) == expected and workshop.idle(), SECOND)


def does(workshop: Workshop, vm: str, kind: DomainEventKind) -> None:
    workshop.domains.happen(workshop.row(vm).uuid, kind)


def all_is_off(workshop: Workshop, sr: str, vm: str) -> bool:
    """Whether the record of a machine is that of one that is off, and nothing of it is left on the host."""
    row: VM = workshop.row(vm)
    store = workshop.fresh.store
    devices = [*store.rows_of(row, "VBDs"), *store.rows_of(row, "VIFs")]
    bridges = {workshop.row(vif.network).bridge for vif in store.rows_of(row, "VIFs")}  # type: ignore[attr-defined]  # a VIF
    return (
        (row.power_state, row.resident_on, row.domid) == (HALTED, "OpaqueRef:NULL", -1)
        and not any(device.__dict__["currently_attached"] for device in devices)
        and not store.where(Console, VM=vm)
        and workshop.leases(sr) == {}
        and not bridges & workshop.bridges()
    )


# --- Ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DomainEventKind.stopped, DomainEventKind.crashed])
async def test_a_machine_whose_guest_stops_is_off_and_all_it_had_is_free(
    workshop: Workshop, sr: str, vm: str, kind: DomainEventKind
) -> None:
    does(workshop, vm, kind)
    await becomes(workshop, vm, HALTED)

    assert all_is_off(workshop, sr, vm)


async def test_a_machine_that_is_destroyed_behind_our_back_is_off(workshop: Workshop, sr: str, vm: str) -> None:
    workshop.domains.destroy(workshop.row(vm).uuid)
    await becomes(workshop, vm, HALTED)

    assert all_is_off(workshop, sr, vm)


async def test_clients_hear_of_the_end_by_an_event(workshop: Workshop, vm: str) -> None:
    xapi = workshop.xapi
    token = (await xapi.event.from_(["VM", "VBD", "VIF"], "", 1.0))["token"]

    does(workshop, vm, DomainEventKind.stopped)
    await becomes(workshop, vm, HALTED)

    events = (await xapi.event.from_(["VM", "VBD", "VIF"], token, SECOND))["events"]
    told = {event["class"]: event["snapshot"] for event in events}
    assert told["vm"]["power_state"] == HALTED
    assert (told["vbd"]["currently_attached"], told["vif"]["currently_attached"]) == (False, False)


async def test_a_machine_that_ended_can_be_started_again_at_once(workshop: Workshop, vm: str) -> None:
    does(workshop, vm, DomainEventKind.stopped)
    await becomes(workshop, vm, HALTED)

    await workshop.xapi.VM.start(vm, False, False)

    assert state(workshop, vm) == RUNNING


async def test_a_disk_that_cannot_be_closed_keeps_no_machine_from_being_off(workshop: Workshop, vm: str) -> None:
    workshop.faults("storage:file").fail("detach", Failed("it will not"))

    does(workshop, vm, DomainEventKind.stopped)

    await becomes(workshop, vm, HALTED)


# --- What settings say of it -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting, kind, expected",
    [
        ({"actions_after_shutdown": "destroy"}, DomainEventKind.stopped, HALTED),
        ({"actions_after_shutdown": "restart"}, DomainEventKind.stopped, RUNNING),
        ({"actions_after_reboot": "destroy"}, DomainEventKind.rebooted, HALTED),
        ({"actions_after_reboot": "restart"}, DomainEventKind.rebooted, RUNNING),
        ({"actions_after_reboot": "destroy", "actions_after_shutdown": "restart"}, DomainEventKind.rebooted, HALTED),
        ({"actions_after_crash": "destroy"}, DomainEventKind.crashed, HALTED),
        ({"actions_after_crash": "restart"}, DomainEventKind.crashed, RUNNING),
        ({"actions_after_crash": "preserve"}, DomainEventKind.crashed, PAUSED),
        ({"actions_after_crash": "restart", "actions_after_shutdown": "destroy"}, DomainEventKind.stopped, HALTED),
        ({"actions_after_crash": "destroy", "actions_after_shutdown": "restart"}, DomainEventKind.crashed, HALTED),
    ],
)
async def test_what_follows_is_what_the_settings_say(
    workshop: Workshop, sr: str, setting: dict[str, str], kind: DomainEventKind, expected: str
) -> None:
    vm = await furnished(workshop, sr, **setting)
    looked = asyncio.Event()
    workshop.faults("domain").afterwards("find", looked.set)

    does(workshop, vm, kind)
    await asyncio.wait_for(looked.wait(), SECOND)
    await becomes(workshop, vm, expected)

    there = workshop.domains.find(workshop.row(vm).uuid)
    assert (there is not None) == (expected != HALTED)
    assert workshop.row(vm).domid == (-1 if there is None else there.id)


async def test_who_destroys_a_domain_by_hand_does_not_get_it_back(workshop: Workshop, sr: str) -> None:
    vm = await furnished(workshop, sr, actions_after_shutdown="restart", actions_after_crash="restart")

    workshop.domains.destroy(workshop.row(vm).uuid)
    await becomes(workshop, vm, HALTED)

    assert all_is_off(workshop, sr, vm)


async def test_a_restart_that_fails_leaves_the_machine_off(workshop: Workshop, sr: str) -> None:
    vm = await furnished(workshop, sr, actions_after_crash="restart")
    workshop.faults("domain").fail("start", Failed("it will not"))

    does(workshop, vm, DomainEventKind.crashed)
    await becomes(workshop, vm, HALTED)

    assert all_is_off(workshop, sr, vm)


async def test_a_crash_that_is_preserved_is_told_of_once(workshop: Workshop, sr: str) -> None:
    vm = await furnished(workshop, sr, actions_after_crash="preserve")

    does(workshop, vm, DomainEventKind.crashed)
    await becomes(workshop, vm, PAUSED)

    names = [message.name for message in workshop.fresh.store.all(Message)]
    assert names.count("VM_CRASHED") == 1


# --- Pauses ------------------------------------------------------------------------------------------


async def test_a_pause_behind_our_back_is_seen_and_its_end_too(workshop: Workshop, vm: str) -> None:
    uuid = workshop.row(vm).uuid

    workshop.domains.pause(uuid)
    await becomes(workshop, vm, PAUSED)
    workshop.domains.unpause(uuid)
    await becomes(workshop, vm, RUNNING)

    assert all(vbd.currently_attached for vbd in workshop.fresh.store.rows_of(workshop.row(vm), "VBDs"))  # type: ignore[attr-defined]  # a VBD


async def test_what_the_records_say_already_is_no_news(workshop: Workshop, vm: str) -> None:
    await workshop.xapi.VM.pause(vm)
    before = workshop.row(vm)

    await workshop.fresh.watch.reconcile()

    assert workshop.row(vm).domid == before.domid
    assert state(workshop, vm) == PAUSED


# --- Without a word ----------------------------------------------------------------------------------


async def test_lost_events_make_all_be_looked_at(workshop: Workshop, sr: str, vm: str) -> None:
    other = await furnished(workshop, sr)
    workshop.domains.vanish(workshop.row(vm).uuid)
    with workshop.domains.unheard():
        workshop.domains.pause(workshop.row(other).uuid)

    workshop.domains.lose()
    await becomes(workshop, vm, HALTED)
    await becomes(workshop, other, PAUSED)


async def test_a_machine_that_is_gone_without_a_word_is_off_once_an_operation_stumbles_over_it(
    workshop: Workshop, sr: str, vm: str
) -> None:
    workshop.domains.vanish(workshop.row(vm).uuid)

    with pytest.raises(VM_BAD_POWER_STATE):
        await workshop.xapi.VM.pause(vm)
    await becomes(workshop, vm, HALTED)

    assert all_is_off(workshop, sr, vm)


async def test_events_lost_while_a_machine_starts_take_nothing_from_it(workshop: Workshop, sr: str) -> None:
    vm, network = await workshop.vm(), await workshop.network()
    await workshop.nic(vm, network)
    await workshop.drive(vm, await workshop.disk(sr))
    workshop.faults("domain").delay("start", 0.05)
    starting = asyncio.ensure_future(workshop.started(vm))
    await workshop.until(lambda: workshop.row(network).bridge in workshop.bridges())

    workshop.domains.lose()
    await starting
    await becomes(workshop, vm, RUNNING)

    assert workshop.row(network).bridge in workshop.bridges()


async def test_while_the_hypervisor_does_not_answer_nothing_changes(workshop: Workshop, vm: str) -> None:
    workshop.domains.vanish(workshop.row(vm).uuid)
    workshop.faults("domain").fail("domains", Failed("it does not answer"))

    await workshop.fresh.watch.reconcile()
    unanswered = state(workshop, vm)
    workshop.domains.lose()
    await becomes(workshop, vm, HALTED)

    assert unanswered == RUNNING


async def test_events_that_come_all_at_once_end_in_what_is_true(workshop: Workshop, vm: str) -> None:
    uuid = workshop.row(vm).uuid

    for _ in range(20):
        workshop.domains.pause(uuid)
        workshop.domains.unpause(uuid)
        workshop.domains.lose()
    workshop.domains.destroy(uuid)

    await becomes(workshop, vm, HALTED)


async def test_an_event_at_the_very_end_of_a_comparison_is_heard(workshop: Workshop, vm: str) -> None:
    """A guest that resumes just as its pause is being written down is not left paused."""
    uuid = workshop.row(vm).uuid
    workshop.faults("domain").afterwards("find", lambda: workshop.domains.unpause(uuid))

    workshop.domains.pause(uuid)
    await workshop.until(lambda: state(workshop, vm) == PAUSED, SECOND)

    await becomes(workshop, vm, RUNNING)


# --- While the daemon was not there ------------------------------------------------------------------


async def test_what_ended_while_the_daemon_was_away_is_off(workshop: Workshop, sr: str, vm: str) -> None:
    with workshop.domains.unheard():
        does(workshop, vm, DomainEventKind.stopped)

    await workshop.fresh.watch.reconcile()

    assert all_is_off(workshop, sr, vm)
    assert workshop.idle()


@pytest.mark.parametrize("setting", ["actions_after_shutdown", "actions_after_crash"])
async def test_why_it_ended_then_is_not_known_and_nothing_is_started(workshop: Workshop, sr: str, setting: str) -> None:
    vm = await furnished(workshop, sr, **{setting: "restart"})
    with workshop.domains.unheard():
        does(workshop, vm, DomainEventKind.stopped)

    await workshop.fresh.watch.reconcile()

    assert state(workshop, vm) == HALTED


async def test_what_was_paused_while_the_daemon_was_away_is_paused(workshop: Workshop, vm: str) -> None:
    with workshop.domains.unheard():
        workshop.domains.pause(workshop.row(vm).uuid)

    await workshop.fresh.watch.reconcile()

    assert state(workshop, vm) == PAUSED


async def test_a_machine_that_runs_though_the_record_says_off_is_recorded(
    workshop: Workshop, vm: str, host: str
) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), power_state=HALTED, resident_on="OpaqueRef:NULL", domid=-1)

    await workshop.fresh.watch.reconcile()

    row = workshop.row(vm)
    assert (row.power_state, row.resident_on, row.domid) == (RUNNING, host, workshop.guest(vm).id)


async def test_a_domain_whose_machine_has_no_record_runs_on_and_the_log_says_so(
    workshop: Workshop, vm: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = workshop.row(vm)
    with workshop.fresh.store.write() as tx:
        tx.delete(row)

    await workshop.fresh.watch.reconcile()

    assert workshop.domains.find(row.uuid) is not None
    assert f"domain {row.uuid} belongs to no machine of this host and is left alone" in caplog.text
    assert not workshop.fresh.store.find_uuid(VM, row.uuid)


async def test_a_domain_whose_machine_runs_on_another_host_is_left_alone(workshop: Workshop, vm: str) -> None:
    with workshop.fresh.store.write() as tx:
        other = tx.create(Host, hostname="other")
        tx.set(workshop.row(vm), resident_on=other.ref)
    before = workshop.row(vm)

    await workshop.fresh.watch.reconcile()

    assert workshop.domains.find(before.uuid) is not None
    assert workshop.row(vm).resident_on == other.ref


async def test_attachments_of_machines_that_are_off_are_struck_out(workshop: Workshop, sr: str) -> None:
    vm = await workshop.vm()
    vbd = await workshop.drive(vm, await workshop.disk(sr))
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vbd), currently_attached=True, device="xvda")

    await workshop.fresh.watch.reconcile()

    assert (workshop.row(vbd).currently_attached, workshop.row(vbd).device) == (False, "")


async def test_a_disk_that_was_unplugged_while_the_daemon_died_is_closed(workshop: Workshop, sr: str, vm: str) -> None:
    disk = await workshop.disk(sr)
    vbd = await workshop.drive(vm, disk)
    await workshop.xapi.VBD.plug(vbd)
    held = workshop.leases(sr)
    del workshop.guest(vm).disks[workshop.row(vbd).uuid]

    await workshop.fresh.watch.reconcile()

    assert workshop.row(disk).uuid in held
    assert workshop.row(disk).uuid not in workshop.leases(sr)
    assert not workshop.row(vbd).currently_attached


async def test_a_suspension_whose_record_is_missing_is_made_up_for(workshop: Workshop, sr: str, vm: str) -> None:
    await workshop.xapi.VM.set_suspend_SR(vm, sr)
    await workshop.xapi.VM.suspend(vm)
    with workshop.fresh.store.write() as tx:
        # As it was when the image was written, and nobody had noted yet that the machine sleeps.
        tx.set(workshop.row(vm), power_state=RUNNING, resident_on=workshop.fresh.runtime.localhost, domid=1)

    await workshop.fresh.watch.reconcile()

    assert state(workshop, vm) == "Suspended"
    assert workshop.idle()


async def test_a_guest_that_shuts_down_beside_an_old_image_is_off_and_not_asleep(
    workshop: Workshop, sr: str, vm: str
) -> None:
    image = await workshop.disk(sr, type="suspend")
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), suspend_VDI=image)

    does(workshop, vm, DomainEventKind.stopped)
    await becomes(workshop, vm, HALTED)
    await workshop.until(lambda: not workshop.is_there(image), SECOND)


# --- Beside an operation -----------------------------------------------------------------------------


async def test_what_a_client_asked_for_is_not_undone_by_settings(workshop: Workshop, sr: str) -> None:
    vm = await furnished(workshop, sr, actions_after_shutdown="restart", actions_after_reboot="destroy")

    await workshop.xapi.VM.clean_shutdown(vm)
    await workshop.fresh.watch.reconcile()

    assert all_is_off(workshop, sr, vm)


@pytest.mark.parametrize("message", ["pause", "suspend", "clean_reboot", "clean_shutdown", "hard_reboot"])
async def test_a_machine_that_dies_while_an_operation_works_on_it_ends_in_what_is_true(
    workshop: Workshop, sr: str, vm: str, message: str
) -> None:
    await workshop.xapi.VM.set_suspend_SR(vm, sr)
    method = {
        "pause": "pause", "suspend": "suspend", "clean_reboot": "request_reboot",
        "clean_shutdown": "request_shutdown", "hard_reboot": "destroy",
    }[message]  # fmt: skip
    workshop.faults("domain").delay(method, 0.03)
    working = asyncio.ensure_future(workshop.xapi.call(f"VM.{message}", vm))
    await workshop.until(lambda: bool(workshop.row(vm).current_operations))

    does(workshop, vm, DomainEventKind.crashed)
    await asyncio.wait([working])
    await workshop.until(workshop.idle)

    expected = RUNNING if message == "hard_reboot" else HALTED
    assert (state(workshop, vm), workshop.row(vm).suspend_VDI) == (expected, "OpaqueRef:NULL")
    assert (workshop.domains.find(workshop.row(vm).uuid) is not None) == (expected == RUNNING)
    assert isinstance(working.exception(), VM_BAD_POWER_STATE | None)


async def test_an_operation_that_begins_while_the_end_is_looked_at_leaves_nothing_behind(
    workshop: Workshop, sr: str, vm: str
) -> None:
    workshop.faults("domain").delay("find", 0.03)
    does(workshop, vm, DomainEventKind.crashed)
    await asyncio.sleep(0)

    with pytest.raises(VM_BAD_POWER_STATE):
        await workshop.xapi.VM.pause(vm)
    await becomes(workshop, vm, HALTED)

    assert all_is_off(workshop, sr, vm)
    assert "VM_CRASHED" in [message.name for message in workshop.fresh.store.all(Message)]


async def test_a_cancelled_shutdown_of_a_deaf_guest_leaves_it_running(workshop: Workshop, sr: str) -> None:
    vm = await furnished(workshop, sr, platform={"sim-guest": "deaf"})
    task = await workshop.xapi.call("Async.VM.clean_shutdown", vm)
    await workshop.until(lambda: bool(workshop.row(task).allowed_operations))

    await workshop.xapi.task.cancel(task)
    await workshop.until(lambda: workshop.row(task).status == "cancelled")
    await becomes(workshop, vm, RUNNING)

    assert TASK_CANCELLED.__name__ not in workshop.row(task).error_info


async def test_a_machine_that_dies_under_a_plug_leaves_the_disk_free(workshop: Workshop, sr: str, vm: str) -> None:
    vbd = await workshop.drive(vm, await workshop.disk(sr))
    workshop.faults("domain").delay("attach_disk", 0.03)
    plugging = asyncio.ensure_future(workshop.xapi.VBD.plug(vbd))
    await workshop.until(lambda: bool(workshop.leases(sr).keys() - {workshop.row(vbd).uuid}))

    does(workshop, vm, DomainEventKind.crashed)
    await asyncio.wait([plugging])
    await becomes(workshop, vm, HALTED)

    assert all_is_off(workshop, sr, vm)


async def test_what_is_heard_while_the_daemon_stops_is_left_to_its_next_start(workshop: Workshop, vm: str) -> None:
    uuid = workshop.row(vm).uuid
    does(workshop, vm, DomainEventKind.crashed)
    await asyncio.sleep(0)

    await workshop.fresh.watch.close()
    workshop.fresh.watch.heard(DomainEvent(uuid, DomainEventKind.stopped))
    gc.collect()  # A comparison that never began would be told of now.

    assert state(workshop, vm) == RUNNING

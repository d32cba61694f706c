"""Machines start, pause, reboot and go off, in the states that allow it, one thing after the other."""

from __future__ import annotations

import asyncio

import pytest

from tests.machines import MIB, NULL, Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEventKind
from xapid.backends.domain.sim import DEAF
from xapid.backends.interface import Failed, NotFound
from xapid.datamodel import Console
from xapid.datamodel.errors import (
    CANNOT_RESET_CONTROL_DOMAIN,
    HANDLE_INVALID,
    HOST_DISABLED,
    HOST_NOT_ENOUGH_FREE_MEMORY,
    INTERNAL_ERROR,
    NO_HOSTS_AVAILABLE,
    OPERATION_BLOCKED,
    OPERATION_NOT_ALLOWED,
    OTHER_OPERATION_IN_PROGRESS,
    TASK_CANCELLED,
    VM_BAD_POWER_STATE,
    VM_LACKS_FEATURE,
    ApiError,
)

DEAF_GUEST = {"sim-guest": DEAF}
BARE_GUEST: dict[str, str] = {}


# --- Start -------------------------------------------------------------------------------------------


async def test_a_started_machine_runs_on_the_host(workshop: Workshop, xapi: Xapi, host: str) -> None:
    vm = await workshop.vm(xenstore_data={"vm-data/a": "b", "other": "c"})
    drive, nic = await workshop.drive(vm), await workshop.nic(vm, await workshop.network())

    await xapi.VM.start(vm, False, False)

    row = workshop.row(vm)
    assert (row.power_state, row.resident_on, row.domid) == ("Running", host, workshop.guest(vm).id)
    assert (row.scheduled_to_be_resident_on, row.current_operations) == (NULL, {})
    assert row.xenstore_data == {"vm-data/a": "b"}
    assert workshop.row(drive).currently_attached
    assert workshop.row(nic).currently_attached
    assert workshop.row(row.metrics).memory_actual == 256 * MIB
    assert {workshop.row(each).protocol for each in await xapi.VM.get_consoles(vm)} == {"rfb", "vt100"}
    assert vm in await xapi.host.get_resident_VMs(host)


async def test_a_machine_can_be_started_paused(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()

    await xapi.VM.start(vm, True, False)

    assert workshop.row(vm).power_state == "Paused"
    await xapi.VM.unpause(vm)
    assert workshop.row(vm).power_state == "Running"


async def test_a_machine_can_be_started_on_a_host(workshop: Workshop, xapi: Xapi, host: str) -> None:
    vm = await workshop.vm()

    await xapi.VM.start_on(vm, host, False, False)

    assert await xapi.VM.get_resident_on(vm) == host


async def test_a_start_on_no_host_is_refused(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()

    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.VM.start_on(vm, "OpaqueRef:ghost", False, False)

    assert error.value.args == ("host", "OpaqueRef:ghost")


async def test_a_host_that_is_disabled_takes_no_machine(workshop: Workshop, xapi: Xapi, host: str) -> None:
    vm = await workshop.vm()
    await xapi.host.disable(host)

    with pytest.raises(NO_HOSTS_AVAILABLE):
        await xapi.VM.start(vm, False, False)
    with pytest.raises(HOST_DISABLED) as error:
        await xapi.VM.start_on(vm, host, False, False)

    assert error.value.args == (host,)


async def test_a_machine_too_large_for_the_host_is_refused(workshop: Workshop, xapi: Xapi, host: str) -> None:
    huge = 1 << 40
    vm = await workshop.vm(memory_static_max=huge, memory_dynamic_max=huge, memory_dynamic_min=huge)

    with pytest.raises(NO_HOSTS_AVAILABLE):
        await xapi.VM.start(vm, False, False)
    with pytest.raises(HOST_NOT_ENOUGH_FREE_MEMORY) as error:
        await xapi.VM.start_on(vm, host, False, False)

    needed, free = map(int, error.value.args)
    assert needed == huge + workshop.row(vm).memory_overhead
    assert free == int(await xapi.host.compute_free_memory(host))


async def test_a_start_while_starting_waits_and_finds_it_running(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()

    async with workshop.waiting(vm, xapi.VM.start(vm, False, False)) as first:
        with pytest.raises(OTHER_OPERATION_IN_PROGRESS) as meanwhile:
            await xapi.VM.assert_operation_valid(vm, "start")
        marked = workshop.row(vm).current_operations
        second = asyncio.create_task(xapi.VM.start(vm, False, False))

    await first
    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await second
    ((task, operation),) = marked.items()
    assert meanwhile.value.args == ("VM", vm, operation, task)
    assert error.value.args == (vm, "halted", "running")


async def test_a_start_that_waits_can_be_cancelled(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()

    async with workshop.waiting(vm, xapi.VM.start(vm, False, False)):
        waiting = await xapi.call("Async.VM.hard_reboot", vm)
        task = await xapi.call("Async.VM.start", vm, False, False)
        work = workshop.fresh.runtime.tasks.active[task].work
        await workshop.until(lambda: "cancel" in workshop.row(task).allowed_operations)
        await xapi.task.cancel(task)
        await asyncio.wait({work})
        assert await xapi.task.get_status(task) == "cancelled"
        assert task not in workshop.row(vm).current_operations

    await workshop.until(lambda: workshop.row(waiting).status != "pending")
    assert workshop.row(vm).power_state == "Running"


async def test_a_kernel_that_is_not_there_is_named(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(HVM_boot_policy="", PV_kernel="/var/lib/xcp/guest/none")
    workshop.faults("domain").fail("start", NotFound("no such file", path="/var/lib/xcp/guest/none"))

    with raises_api("INVALID_VALUE", "kernel", "/var/lib/xcp/guest/none", "no such file"):
        await xapi.VM.start(vm, False, False)

    assert workshop.row(vm).power_state == "Halted"


async def test_a_machine_that_dies_at_once_is_off(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()
    workshop.faults("domain").fail("start", Failed("the process ended with status 1"))

    with pytest.raises(INTERNAL_ERROR):
        await xapi.VM.start(vm, False, False)

    assert workshop.row(vm).power_state == "Halted"
    await xapi.VM.start(vm, False, False)


async def test_templates_and_snapshots_are_not_started(workshop: Workshop, xapi: Xapi) -> None:
    template = await workshop.vm(is_a_template=True)
    snapshot = await xapi.VM.snapshot(await workshop.vm(), "s", [])

    with raises_api("VM_IS_TEMPLATE", template, "start"):
        await xapi.VM.start(template, False, False)
    with raises_api("VM_IS_SNAPSHOT", snapshot, "start"):
        await xapi.VM.start(snapshot, False, False)


async def test_what_is_blocked_is_refused_with_the_reason(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()
    await xapi.VM.add_to_blocked_operations(vm, "start", "being mended")
    allowed = await xapi.VM.get_allowed_operations(vm)

    with pytest.raises(OPERATION_BLOCKED) as error:
        await xapi.VM.start(vm, False, False)

    assert error.value.args == (vm, "being mended")
    assert "start" not in allowed
    await xapi.VM.remove_from_blocked_operations(vm, "start")
    await xapi.VM.start(vm, False, False)


# --- Pause -------------------------------------------------------------------------------------------


async def test_a_paused_machine_stands_still_until_it_goes_on(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")

    await xapi.VM.pause(vm)
    paused = (workshop.row(vm).power_state, workshop.guest(vm).state)
    await xapi.VM.unpause(vm)

    assert paused == ("Paused", "paused")
    assert (workshop.row(vm).power_state, workshop.guest(vm).state) == ("Running", "running")


# --- Off ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["clean_shutdown", "hard_shutdown", "shutdown"])
async def test_a_machine_that_is_off_is_nowhere(workshop: Workshop, message: str) -> None:
    vm = await workshop.vm()
    drive, nic = await workshop.drive(vm), await workshop.nic(vm, await workshop.network())
    await workshop.started(vm)

    await workshop.xapi.call(f"VM.{message}", vm)

    row = workshop.row(vm)
    assert (row.power_state, row.resident_on, row.domid) == ("Halted", NULL, -1)
    assert not workshop.row(drive).currently_attached
    assert not workshop.row(nic).currently_attached
    assert list(workshop.fresh.store.where(Console, VM=vm)) == []
    assert workshop.domains.find(row.uuid) is None
    assert workshop.bridges() == set()


@pytest.mark.parametrize("state", ["Paused", "Suspended"])
@pytest.mark.parametrize("message", ["hard_shutdown", "shutdown"])
async def test_a_machine_that_stands_still_is_switched_off(workshop: Workshop, message: str, state: str) -> None:
    vm = await workshop.vm_in(state)
    image = workshop.row(vm).suspend_VDI

    await workshop.xapi.call(f"VM.{message}", vm)

    assert (workshop.row(vm).power_state, workshop.row(vm).suspend_VDI) == ("Halted", NULL)
    assert image == NULL or not workshop.is_there(image)


@pytest.mark.parametrize("message", ["clean_shutdown", "clean_reboot"])
async def test_a_guest_without_drivers_is_not_asked(workshop: Workshop, message: str) -> None:
    vm = await workshop.vm_in("Running", platform=BARE_GUEST)

    with pytest.raises(VM_LACKS_FEATURE) as error:
        await workshop.xapi.call(f"VM.{message}", vm)

    assert error.value.args == (vm,)


async def test_a_guest_without_drivers_is_shut_down_the_hard_way(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running", platform=BARE_GUEST)

    await xapi.VM.shutdown(vm)

    assert workshop.row(vm).power_state == "Halted"


@pytest.mark.parametrize("message", ["clean_shutdown", "clean_reboot"])
async def test_a_guest_that_does_not_listen_can_be_left_alone_again(workshop: Workshop, message: str) -> None:
    vm = await workshop.vm_in("Running", platform=DEAF_GUEST)
    task = await workshop.xapi.call(f"Async.VM.{message}", vm)
    await workshop.until(lambda: workshop.row(task).allowed_operations == ("cancel",))

    await workshop.xapi.task.cancel(task)
    await workshop.until(lambda: workshop.row(task).status != "pending")

    assert (workshop.row(task).status, workshop.row(task).error_info) == ("cancelled", ())
    assert workshop.row(vm).power_state == "Running"
    assert workshop.idle()


async def test_a_hard_shutdown_cancels_the_clean_one(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running", platform=DEAF_GUEST)
    clean = asyncio.create_task(xapi.VM.clean_shutdown(vm))
    await workshop.until(lambda: "clean_shutdown" in workshop.row(vm).current_operations.values())

    await xapi.VM.hard_shutdown(vm)

    with pytest.raises(TASK_CANCELLED):
        await clean
    assert workshop.row(vm).power_state == "Halted"


@pytest.mark.parametrize("message", ["clean_shutdown", "clean_reboot"])
async def test_a_hard_reboot_cancels_what_the_guest_was_asked_for(workshop: Workshop, message: str) -> None:
    xapi, vm = workshop.xapi, await workshop.vm_in("Running", platform=DEAF_GUEST)
    before = workshop.row(vm).domid
    clean = asyncio.create_task(xapi.call(f"VM.{message}", vm))
    await workshop.until(lambda: message in workshop.row(vm).current_operations.values())

    await xapi.VM.hard_reboot(vm)

    with pytest.raises(TASK_CANCELLED):
        await clean
    assert workshop.row(vm).power_state == "Running"
    assert workshop.row(vm).domid == workshop.guest(vm).id != before
    assert workshop.idle()


async def test_a_clean_shutdown_meets_a_guest_that_goes_by_itself(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running", platform=DEAF_GUEST)
    clean = asyncio.create_task(xapi.VM.clean_shutdown(vm))
    await workshop.until(lambda: "clean_shutdown" in workshop.row(vm).current_operations.values())

    workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.stopped)
    await clean

    assert workshop.row(vm).power_state == "Halted"


@pytest.mark.parametrize("message", ["clean_shutdown", "hard_shutdown", "shutdown", "suspend"])
async def test_high_availability_wants_a_machine_until_a_client_does_not(workshop: Workshop, message: str) -> None:
    xapi, vm = workshop.xapi, await workshop.vm(ha_restart_priority="restart")
    await xapi.VM.set_suspend_SR(vm, await workshop.sr())
    before = workshop.row(vm).ha_always_run
    await workshop.started(vm)
    during = workshop.row(vm).ha_always_run

    await xapi.call(f"VM.{message}", vm)

    assert (before, during, workshop.row(vm).ha_always_run) == (False, True, False)


async def test_what_was_known_of_a_guest_stays_until_its_next_start(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")
    known = workshop.row(vm).guest_metrics

    await xapi.VM.hard_shutdown(vm)
    off = workshop.row(known)
    await xapi.VM.start(vm, False, False)

    assert (off.live, off.PV_drivers_detected) == (False, True)
    assert workshop.row(workshop.row(vm).guest_metrics).live


# --- Reboot ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["clean_reboot", "hard_reboot"])
async def test_a_rebooted_machine_runs(workshop: Workshop, message: str) -> None:
    vm = await workshop.vm_in("Running")

    await workshop.xapi.call(f"VM.{message}", vm)

    assert (workshop.row(vm).power_state, workshop.row(vm).domid) == ("Running", workshop.guest(vm).id)


async def test_a_hard_reboot_takes_the_settings_as_they_are_now(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Paused", VCPUs_max=2)
    before = workshop.row(vm).domid
    await xapi.VM.set_VCPUs_at_startup(vm, 2)

    await xapi.VM.hard_reboot(vm)

    assert workshop.row(vm).power_state == "Running"
    assert workshop.row(vm).domid == workshop.guest(vm).id != before
    assert workshop.guest(vm).vcpus == 2


async def test_a_machine_that_does_not_come_up_again_is_off(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")
    workshop.faults("domain").fail("start", Failed("not again"))

    with pytest.raises(ApiError):
        await xapi.VM.hard_reboot(vm)

    assert (workshop.row(vm).power_state, workshop.row(vm).resident_on) == ("Halted", NULL)


# --- Destroy and reset -------------------------------------------------------------------------------


async def test_a_destroyed_machine_leaves_only_its_disks(workshop: Workshop, xapi: Xapi) -> None:
    disk = await workshop.disk(await workshop.sr())
    vm = await workshop.vm()
    drive, nic = await workshop.drive(vm, disk), await workshop.nic(vm, await workshop.network())
    metrics = await xapi.VM.get_metrics(vm)
    blob = await xapi.VM.create_new_blob(vm, "notes", "text/plain", False)

    await xapi.VM.destroy(vm)

    assert [each for each in (vm, drive, nic, metrics, blob) if workshop.is_there(each)] == []
    assert await xapi.VDI.get_VBDs(disk) == []
    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.VM.destroy(vm)
    assert error.value.args == ("VM", vm)


async def test_a_machine_that_starts_is_not_destroyed(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()

    async with workshop.waiting(vm, xapi.VM.start(vm, False, False)):
        destroyed = asyncio.create_task(xapi.VM.destroy(vm))

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await destroyed
    assert error.value.args == (vm, "halted, suspended", "running")
    assert workshop.guest(vm)


async def test_the_control_domain_is_neither_stopped_nor_destroyed(workshop: Workshop, xapi: Xapi, host: str) -> None:
    zero = await xapi.host.get_control_domain(host)

    for message in ("hard_shutdown", "clean_reboot", "pause", "suspend"):
        with pytest.raises(OPERATION_NOT_ALLOWED):
            await xapi.call(f"VM.{message}", zero)
    with pytest.raises(VM_BAD_POWER_STATE):
        await xapi.VM.destroy(zero)
    with pytest.raises(CANNOT_RESET_CONTROL_DOMAIN) as error:
        await xapi.VM.power_state_reset(zero)

    assert error.value.args == (zero,)
    assert workshop.row(zero).power_state == "Running"


@pytest.mark.parametrize("state", ["Halted", "Paused", "Suspended"])
async def test_a_machine_that_does_not_run_can_be_recorded_as_off(workshop: Workshop, xapi: Xapi, state: str) -> None:
    vm = await workshop.vm_in(state)

    await xapi.VM.power_state_reset(vm)

    assert (workshop.row(vm).power_state, workshop.row(vm).resident_on) == ("Halted", NULL)
    assert workshop.domains.domains() == []
    await xapi.VM.start(vm, False, False)


async def test_a_machine_that_runs_is_not_recorded_as_off(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")

    with raises_api("DOMAIN_EXISTS", vm):
        await xapi.VM.power_state_reset(vm)

    assert workshop.row(vm).power_state == "Running"


async def test_a_machine_whose_process_is_gone_can_be_recorded_as_off(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")
    workshop.domains.vanish(workshop.row(vm).uuid)

    await xapi.VM.power_state_reset(vm)

    assert workshop.row(vm).power_state == "Halted"


@pytest.mark.parametrize("field, state, message", [
    ("start_delay", "Halted", "start"), ("shutdown_delay", "Running", "clean_shutdown"),
    ("shutdown_delay", "Running", "hard_shutdown"),
])  # fmt: skip
async def test_a_call_is_over_once_the_delay_of_its_machine_is(
    workshop: Workshop, xapi: Xapi, field: str, state: str, message: str
) -> None:
    vm = await workshop.vm_in(state, **{field: 100})
    task = await xapi.call(f"Async.VM.{message}", vm, *((False, False) if message == "start" else ()))
    await workshop.fresh.clock.asleep()
    meanwhile = workshop.row(task)

    workshop.fresh.clock.passed += 101
    await workshop.until(lambda: workshop.row(task).status != "pending")

    assert (meanwhile.status, meanwhile.allowed_operations) == ("pending", ())
    assert workshop.row(task).status == "success"

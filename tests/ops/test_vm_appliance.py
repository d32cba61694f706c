"""Machines that start and stop together, in their order; groups of machines that stand apart."""

from __future__ import annotations

import pytest

from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.interface import Failed
from xapid.datamodel import Task
from xapid.datamodel.errors import HANDLE_INVALID, OPERATION_NOT_ALLOWED, OTHER_OPERATION_IN_PROGRESS


@pytest.fixture
async def appliance(xapi: Xapi) -> str:
    return str(await xapi.VM_appliance.create({"name_label": "a", "name_description": "d"}))


async def member(workshop: Workshop, appliance: str, **fields: object) -> str:
    vm = await workshop.vm(**fields)
    await workshop.xapi.VM.set_appliance(vm, appliance)
    return vm


def states(workshop: Workshop, *vms: str) -> list[str]:
    return [workshop.row(vm).power_state for vm in vms]


class Heard(list[tuple[str, DomainEventKind]]):
    """What the hypervisor tells, in its order."""

    def __call__(self, event: DomainEvent) -> None:
        self.append((event.uuid, event.kind))

    def of(self, kind: DomainEventKind) -> list[str]:
        return [uuid for uuid, each in self if each is kind]


async def test_machines_start_in_their_order_and_stop_the_other_way(
    workshop: Workshop, xapi: Xapi, appliance: str
) -> None:
    vms = [await member(workshop, appliance, order=order) for order in (3, 1, 2)]
    uuids = {workshop.row(vm).order: workshop.row(vm).uuid for vm in vms}
    heard = Heard()
    workshop.domains.watch(heard)

    await xapi.VM_appliance.start(appliance, False)
    started = states(workshop, *vms)
    await xapi.VM_appliance.clean_shutdown(appliance)

    assert started == ["Running"] * 3
    assert states(workshop, *vms) == ["Halted"] * 3
    assert heard.of(DomainEventKind.started) == [uuids[order] for order in (1, 2, 3)]
    assert heard.of(DomainEventKind.stopped) == [uuids[order] for order in (3, 2, 1)]
    assert workshop.idle()


@pytest.mark.parametrize("message", ["hard_shutdown", "shutdown"])
async def test_machines_that_stand_still_are_switched_off_too(
    workshop: Workshop, xapi: Xapi, appliance: str, message: str
) -> None:
    running, paused, off = [await member(workshop, appliance) for _ in range(3)]
    await xapi.VM.start(running, False, False)
    await xapi.VM.start(paused, True, False)

    await xapi.call(f"VM_appliance.{message}", appliance)

    assert states(workshop, running, paused, off) == ["Halted"] * 3


async def test_an_appliance_can_be_started_paused(workshop: Workshop, xapi: Xapi, appliance: str) -> None:
    vm = await member(workshop, appliance)

    await xapi.VM_appliance.start(appliance, True)

    assert states(workshop, vm) == ["Paused"]


@pytest.mark.parametrize("message, arguments", [("start", (False,)), ("clean_shutdown", ()), ("hard_shutdown", ())])
async def test_an_appliance_without_machines_does_nothing(
    xapi: Xapi, appliance: str, message: str, arguments: tuple[bool, ...]
) -> None:
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.call(f"VM_appliance.{message}", appliance, *arguments)


async def test_what_all_machines_are_already_is_not_asked_of_them(
    workshop: Workshop, xapi: Xapi, appliance: str
) -> None:
    await member(workshop, appliance)

    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.VM_appliance.shutdown(appliance)
    await xapi.VM_appliance.start(appliance, False)

    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.VM_appliance.start(appliance, False)


async def test_the_machines_that_failed_are_named_and_the_others_go_on(
    workshop: Workshop, xapi: Xapi, appliance: str
) -> None:
    first, second = [await member(workshop, appliance, order=order) for order in (1, 2)]
    workshop.faults("domain").fail("start", Failed("no"))

    with raises_api("OPERATION_PARTIALLY_FAILED", "VM_appliance.start", first):
        await xapi.VM_appliance.start(appliance, False)

    assert states(workshop, first, second) == ["Halted", "Running"]
    assert workshop.idle()


async def pending(workshop: Workshop, message: str, *arguments: object) -> str:
    """A call of an appliance under way, which waits for seconds to pass."""
    task = str(await workshop.xapi.call(f"Async.VM_appliance.{message}", *arguments))
    await workshop.fresh.clock.asleep()
    return task


async def ended(workshop: Workshop, task: str) -> str:
    await workshop.until(lambda: workshop.row(task).status not in ("pending", "cancelling"))
    return str(workshop.row(task).status)


async def test_the_next_order_starts_once_the_delay_of_the_one_before_is_over(
    workshop: Workshop, xapi: Xapi, appliance: str
) -> None:
    first, beside = [await member(workshop, appliance, order=1, start_delay=delay) for delay in (100, 50)]
    then = await member(workshop, appliance, order=2)
    task = str(await xapi.call("Async.VM_appliance.start", appliance, False))
    await workshop.fresh.clock.asleep(2)
    began = states(workshop, first, beside, then)

    workshop.fresh.clock.passed += 60
    await workshop.until(lambda: workshop.row(task).progress > 0)
    meanwhile = states(workshop, then), workshop.row(task).progress
    workshop.fresh.clock.passed += 60

    assert await ended(workshop, task) == "success"
    assert began == ["Running", "Running", "Halted"]
    assert meanwhile == (["Halted"], pytest.approx(1 / 3))
    assert states(workshop, then) == ["Running"]
    assert workshop.row(task).progress == 1.0


@pytest.mark.parametrize("message", ["clean_shutdown", "hard_shutdown"])
async def test_the_order_before_is_shut_down_once_the_delay_of_the_one_after_is_over(
    workshop: Workshop, xapi: Xapi, appliance: str, message: str
) -> None:
    last, first = [await member(workshop, appliance, order=order, shutdown_delay=100) for order in (1, 2)]
    await xapi.VM_appliance.start(appliance, False)
    task = await pending(workshop, message, appliance)
    began = states(workshop, last, first)

    workshop.fresh.clock.passed += 101
    await workshop.until(lambda: states(workshop, last) == ["Halted"])
    workshop.fresh.clock.passed += 101

    assert began == ["Running", "Halted"]
    assert await ended(workshop, task) == "success"


async def test_an_appliance_that_is_cancelled_goes_no_further(workshop: Workshop, xapi: Xapi, appliance: str) -> None:
    first, then = [await member(workshop, appliance, order=order, start_delay=100) for order in (1, 2)]
    task = await pending(workshop, "start", appliance, False)
    allowed = workshop.row(task).allowed_operations

    await xapi.task.cancel(task)

    assert await ended(workshop, task) == "cancelled"
    assert allowed == ("cancel",)
    assert states(workshop, first, then) == ["Running", "Halted"]
    assert workshop.idle()
    assert [row.name_label for row in workshop.fresh.store.all(Task)] == ["Async.VM_appliance.start"]


async def test_what_an_appliance_waits_for_is_cancelled_with_it(workshop: Workshop, xapi: Xapi, appliance: str) -> None:
    vm = await member(workshop, appliance, platform={"sim-guest": "deaf"})
    await xapi.VM_appliance.start(appliance, False)
    task = await xapi.call("Async.VM_appliance.clean_shutdown", appliance)
    await workshop.until(lambda: bool(workshop.row(vm).current_operations))

    await xapi.task.cancel(task)

    assert await ended(workshop, task) == "cancelled"
    assert states(workshop, vm) == ["Running"]
    assert workshop.idle()


async def test_an_appliance_does_one_thing_at_a_time(workshop: Workshop, xapi: Xapi, appliance: str) -> None:
    vm = await member(workshop, appliance)

    async with workshop.waiting(vm, xapi.VM_appliance.start(appliance, False)) as starting:
        await workshop.until(lambda: bool(workshop.row(appliance).current_operations))
        ((task, operation),) = workshop.row(appliance).current_operations.items()
        during = workshop.row(appliance).allowed_operations
        with pytest.raises(OTHER_OPERATION_IN_PROGRESS) as error:
            workshop.fresh.runtime.guard.check(workshop.row(appliance), "shutdown")

    await starting
    assert (operation, during) == ("start", ())
    assert error.value.args == ("VM_appliance", appliance, "start", task)
    assert states(workshop, vm) == ["Running"]


async def test_an_appliance_goes_without_its_machines(workshop: Workshop, xapi: Xapi, appliance: str) -> None:
    vm = await member(workshop, appliance)

    await xapi.VM_appliance.destroy(appliance)

    assert workshop.is_there(vm)
    with pytest.raises(HANDLE_INVALID):
        await xapi.VM_appliance.start(appliance, False)


async def test_only_shared_disks_would_follow_an_appliance(workshop: Workshop, xapi: Xapi, appliance: str) -> None:
    await workshop.drive(await member(workshop, appliance), await workshop.disk(await workshop.sr()))

    assert await xapi.VM_appliance.get_SRs_required_for_recovery(appliance, xapi.session) == []
    assert await xapi.VM_appliance.assert_can_be_recovered(appliance, xapi.session) == ""


# --- Groups ------------------------------------------------------------------------------------------


async def test_a_group_goes_without_its_machines(workshop: Workshop, xapi: Xapi) -> None:
    group = await xapi.VM_group.create({"name_label": "g", "name_description": "", "placement": "anti_affinity"})
    vm = await workshop.vm()
    await xapi.VM.set_groups(vm, [group])
    together = await xapi.VM_group.get_VMs(group)

    await xapi.VM_group.destroy(group)

    assert together == [vm]
    assert workshop.row(vm).groups == ()

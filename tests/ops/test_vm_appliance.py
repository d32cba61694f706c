"""Machines that start and stop together, in their order; groups of machines that stand apart."""

from __future__ import annotations

import pytest

from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.interface import Failed
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

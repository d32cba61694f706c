"""How much memory, and how many processors, a machine has: off, and while it runs."""

from __future__ import annotations

import asyncio

import pytest

from tests.machines import MIB, Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.interface import BadConfig
from xapid.datamodel.errors import (
    HOST_NOT_ENOUGH_FREE_MEMORY,
    INTERNAL_ERROR,
    INVALID_VALUE,
    MEMORY_CONSTRAINT_VIOLATION_ORDER,
    VM_LACKS_FEATURE,
    ApiError,
)
from xapid.ops.vm.memory import LOOK_AGAIN

LIMITS = ("memory_static_min", "memory_dynamic_min", "memory_dynamic_max", "memory_static_max")


def limits(workshop: Workshop, vm: str) -> list[int]:
    """The four of them in MiB, from the lowest."""
    return [workshop.row(vm).__dict__[name] // MIB for name in LIMITS]


# --- Memory of a machine that is off -----------------------------------------------------------------


async def test_all_limits_are_set_at_once(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_memory_limits(vm, 64 * MIB, 512 * MIB, 128 * MIB, 256 * MIB)

    assert limits(workshop, vm) == [64, 128, 256, 512]
    assert workshop.row(vm).memory_target == 128 * MIB
    assert workshop.row(vm).memory_overhead == int(await xapi.VM.compute_memory_overhead(vm))


async def test_one_number_sets_all_but_the_lowest(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_memory(vm, 512 * MIB)

    assert limits(workshop, vm) == [128, 512, 512, 512]


async def test_a_range_leaves_the_other_one_alone(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_memory_static_range(vm, 64 * MIB, 1024 * MIB)
    await xapi.VM.set_memory_dynamic_range(vm, 96 * MIB, 512 * MIB)

    assert limits(workshop, vm) == [64, 96, 512, 1024]


async def test_each_limit_can_be_set_by_itself(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_memory_static_max(vm, 1024 * MIB)
    await xapi.VM.set_memory_dynamic_max(vm, 512 * MIB)
    await xapi.VM.set_memory_static_min(vm, 64 * MIB)
    await xapi.VM.set_memory_dynamic_min(vm, 96 * MIB)

    assert limits(workshop, vm) == [64, 96, 512, 1024]


@pytest.mark.parametrize(
    "message, arguments",
    [
        ("set_memory", (-5,)),
        ("set_memory", (64 * MIB,)),
        ("set_memory_limits", (4, 1, 2, 3)),
        ("set_memory_static_range", (512 * MIB, 128 * MIB)),
        ("set_memory_static_max", (1,)),
        ("set_memory_static_min", (512 * MIB,)),
        ("set_memory_dynamic_range", (512 * MIB, 256 * MIB)),
        ("set_memory_dynamic_min", (512 * MIB,)),
        ("set_memory_dynamic_max", (512 * MIB,)),
    ],
)
async def test_limits_out_of_order_are_refused(
    workshop: Workshop, xapi: Xapi, vm: str, message: str, arguments: tuple[int, ...]
) -> None:
    with pytest.raises(MEMORY_CONSTRAINT_VIOLATION_ORDER):
        await xapi.call(f"VM.{message}", vm, *arguments)

    assert limits(workshop, vm) == [128, 256, 256, 256]


async def test_the_shadow_of_memory_counts_as_overhead(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    before = workshop.row(vm).memory_overhead

    await xapi.VM.set_HVM_shadow_multiplier(vm, 8.0)

    assert workshop.row(vm).HVM_shadow_multiplier == 8.0
    assert workshop.row(vm).memory_overhead > before


@pytest.mark.parametrize("value, text", [(0.5, "0.5"), (0.0, "0."), (-1.0, "-1.")])
async def test_a_shadow_smaller_than_itself_is_refused(xapi: Xapi, vm: str, value: float, text: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.VM.set_HVM_shadow_multiplier(vm, value)

    assert error.value.args == ("multiplier", text)


async def test_the_most_that_fits_fits_with_its_overhead(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    size = int(await xapi.VM.maximise_memory(vm, 512 * MIB, False))

    await xapi.VM.set_memory(vm, size)

    assert size + int(await xapi.VM.compute_memory_overhead(vm)) <= 512 * MIB
    assert int(await xapi.VM.maximise_memory(vm, 512 * MIB, True)) < size


# --- Memory of a machine that runs -------------------------------------------------------------------


async def test_a_running_guest_is_given_what_its_range_says(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_memory_limits(vm, 64 * MIB, 512 * MIB, 256 * MIB, 256 * MIB)
    await workshop.started(vm)

    await xapi.VM.set_memory_dynamic_range(vm, 384 * MIB, 384 * MIB)

    assert workshop.guest(vm).memory == 384 * MIB
    assert limits(workshop, vm) == [64, 384, 384, 512]
    assert workshop.row(workshop.row(vm).metrics).memory_actual == 384 * MIB


async def test_a_running_guest_gets_no_more_than_the_host_has(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    huge = 1 << 40
    await xapi.VM.set_memory_limits(vm, 64 * MIB, huge, 256 * MIB, 256 * MIB)
    await workshop.started(vm)

    with pytest.raises(HOST_NOT_ENOUGH_FREE_MEMORY) as error:
        await xapi.VM.set_memory_dynamic_range(vm, huge, huge)

    assert error.value.args[0] == str((huge - 256 * MIB) // 1024)
    assert workshop.guest(vm).memory == 256 * MIB


async def test_a_range_that_the_hypervisor_refuses_is_not_recorded(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await workshop.started(vm)
    workshop.faults("domain").fail("set_memory", BadConfig("no", key="memory"))

    with pytest.raises(ApiError):
        await xapi.VM.set_memory_dynamic_range(vm, 128 * MIB, 256 * MIB)

    assert limits(workshop, vm) == [128, 256, 256, 256]


async def test_who_waits_for_the_memory_hears_when_the_guest_has_it(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await workshop.started(vm)
    await xapi.VM.set_memory_dynamic_range(vm, 128 * MIB, 256 * MIB)
    workshop.guest(vm).memory = 120 * MIB
    waiting = asyncio.create_task(xapi.VM.wait_memory_target_live(vm))
    await workshop.until(lambda: workshop.row(workshop.row(vm).metrics).memory_actual == 120 * MIB)
    early = waiting.done()

    workshop.guest(vm).memory = 128 * MIB - 1
    await workshop.fresh.clock.let_pass(LOOK_AGAIN)
    await waiting

    assert not early
    assert workshop.row(workshop.row(vm).metrics).memory_actual == 128 * MIB - 1


async def test_who_waits_for_the_memory_can_give_up(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await workshop.started(vm)
    workshop.guest(vm).memory = 300 * MIB
    task = await xapi.call("Async.VM.wait_memory_target_live", vm)
    await workshop.until(lambda: workshop.row(task).allowed_operations == ("cancel",))

    await xapi.task.cancel(task)
    await workshop.until(lambda: workshop.row(task).status == "cancelled")

    assert workshop.idle()


async def test_targets_and_shadows_of_a_running_machine_stay_as_they_are(
    workshop: Workshop, xapi: Xapi, vm: str
) -> None:
    await workshop.started(vm)

    await xapi.VM.set_memory_target_live(vm, 64 * MIB)
    await xapi.VM.set_shadow_multiplier_live(vm, 2.0)

    assert (workshop.guest(vm).memory, workshop.row(vm).HVM_shadow_multiplier) == (256 * MIB, 1.0)


# --- Processors --------------------------------------------------------------------------------------


async def test_processors_are_set_from_the_outside_in(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_VCPUs_max(vm, 4)
    await xapi.VM.set_VCPUs_at_startup(vm, 3)

    await workshop.started(vm)

    assert (workshop.guest(vm).vcpus, workshop.guest(vm).spec.vcpus_max) == (3, 4)


@pytest.mark.parametrize("message, value", [("max", 0), ("max", 1), ("at_startup", 0), ("at_startup", 3)])
async def test_numbers_of_processors_that_make_no_sense_are_refused(
    workshop: Workshop, xapi: Xapi, message: str, value: int
) -> None:
    vm = await workshop.vm(VCPUs_max=2, VCPUs_at_startup=2)

    with pytest.raises(INVALID_VALUE) as error:
        await xapi.call(f"VM.set_VCPUs_{message}", vm, value)

    assert error.value.args[1] == str(value)
    assert (workshop.row(vm).VCPUs_max, workshop.row(vm).VCPUs_at_startup) == (2, 2)


async def test_a_running_guest_gets_more_processors(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running", VCPUs_max=4)

    await xapi.VM.set_VCPUs_number_live(vm, 3)

    assert workshop.guest(vm).vcpus == 3
    assert workshop.row(vm).VCPUs_at_startup == 3
    assert workshop.row(workshop.row(vm).metrics).VCPUs_number == 3


@pytest.mark.parametrize("number", [0, 5])
async def test_a_running_guest_gets_no_more_than_it_can_have(workshop: Workshop, xapi: Xapi, number: int) -> None:
    vm = await workshop.vm_in("Running", VCPUs_max=4)

    with pytest.raises(INVALID_VALUE) as error:
        await xapi.VM.set_VCPUs_number_live(vm, number)

    assert error.value.args[1] == str(number)
    assert workshop.guest(vm).vcpus == 1


async def test_a_guest_that_cannot_take_processors_is_left_alone(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running", VCPUs_max=4, platform={})

    with pytest.raises(VM_LACKS_FEATURE) as error:
        await xapi.VM.set_VCPUs_number_live(vm, 2)

    assert error.value.args == (vm,)


async def test_a_hypervisor_that_fails_changes_no_number(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running", VCPUs_max=4)
    workshop.faults("domain").fail("set_vcpus", BadConfig("no", key="vcpus"))

    with pytest.raises(ApiError):
        await xapi.VM.set_VCPUs_number_live(vm, 2)

    assert (workshop.row(vm).VCPUs_at_startup, workshop.guest(vm).vcpus) == (1, 1)


async def test_scheduling_cannot_be_changed_while_a_guest_runs(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")

    with raises_api("NOT_IMPLEMENTED", "add_to_VCPUs_params_live"):
        await xapi.VM.add_to_VCPUs_params_live(vm, "weight", "512")


@pytest.mark.parametrize("value", ["many", [], {}])
async def test_what_is_no_number_is_refused_by_its_type(xapi: Xapi, vm: str, value: object) -> None:
    with pytest.raises(INTERNAL_ERROR):
        await xapi.VM.set_memory(vm, value)

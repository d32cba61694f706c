"""Messages about the memory of a VM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xapid.backends.domain.interface import DomainDriver
from xapid.datamodel import VM, VM_metrics
from xapid.datamodel.errors import OtherError
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops.vm.change import host_of
from xapid.rules import memory
from xapid.rules.memory import Limits
from xapid.runtime.context import Context

if TYPE_CHECKING:
    from xapid.ops.vm.balloons import Balloons

CLOSE_ENOUGH = 1 << 20
"""Bytes by which a guest's memory may differ from what it was told to have."""
TARGET_TIMEOUT = 256.0
LOOK_AGAIN = 0.5
"""Seconds: how long a guest may take to come close, and between two looks at it."""


def write_settings(ctx: Context, vm: VM, **changes: Any) -> None:
    """Change settings on which the overhead of a machine depends, and the overhead with them."""
    with ctx.write() as tx:
        changed = tx.set(ctx.now(vm), **changes)
        tx.set(changed, memory_overhead=memory.vm_overhead(changed))


def _write_limits(ctx: Context, vm: VM, limits: Limits) -> None:
    memory.check_limits(ctx.store, vm, limits)
    write_settings(
        ctx,
        vm,
        memory_static_min=limits.static_min,
        memory_dynamic_min=limits.dynamic_min,
        memory_dynamic_max=limits.dynamic_max,
        memory_static_max=limits.static_max,
        memory_target=limits.dynamic_min,
    )


async def set_memory_limits(
    ctx: Context, self: VM, static_min: int, static_max: int, dynamic_min: int, dynamic_max: int
) -> None:
    async with ctx.operation(self, VmOperations.changing_memory_limits):
        _write_limits(ctx, ctx.now(self), Limits(static_min, dynamic_min, dynamic_max, static_max))


async def set_memory(ctx: Context, self: VM, value: int) -> None:
    """Everything but the lower bound becomes this."""
    async with ctx.operation(self, VmOperations.changing_memory_limits):
        vm = ctx.now(self)
        _write_limits(ctx, vm, Limits(vm.memory_static_min, value, value, value))


async def set_memory_static_range(ctx: Context, self: VM, min: int, max: int) -> None:
    async with ctx.operation(self, VmOperations.changing_static_range):
        vm = ctx.now(self)
        _write_limits(ctx, vm, replace(Limits.of(vm), static_min=min, static_max=max))


async def set_memory_static_min(ctx: Context, self: VM, value: int) -> None:
    async with ctx.operation(self, VmOperations.changing_static_range):
        vm = ctx.now(self)
        _write_limits(ctx, vm, replace(Limits.of(vm), static_min=value))


async def set_memory_static_max(ctx: Context, self: VM, value: int) -> None:
    async with ctx.operation(self, VmOperations.changing_static_range):
        vm = ctx.now(self)
        _write_limits(ctx, vm, replace(Limits.of(vm), static_max=value))


async def set_memory_dynamic_range(ctx: Context, self: VM, min: int, max: int) -> None:
    async with ctx.operation(self, VmOperations.changing_dynamic_range):
        await _change_dynamic(ctx, self, dynamic_min=min, dynamic_max=max)


async def set_memory_dynamic_min(ctx: Context, self: VM, value: int) -> None:
    async with ctx.operation(self, VmOperations.changing_dynamic_range):
        await _change_dynamic(ctx, self, dynamic_min=value)


async def set_memory_dynamic_max(ctx: Context, self: VM, value: int) -> None:
    async with ctx.operation(self, VmOperations.changing_dynamic_range):
        await _change_dynamic(ctx, self, dynamic_max=value)


async def _change_dynamic(ctx: Context, vm: VM, **changes: int) -> None:
    """New bounds; a guest that runs is given, or asked back, what they say."""
    vm = ctx.now(vm)
    limits = replace(Limits.of(vm), **changes)
    memory.check_limits(ctx.store, vm, limits)
    if vm.power_state is VmPowerState.Running and not vm.is_control_domain:
        memory.check_can_grow(ctx.store, vm, limits.dynamic_min)
        balloons: Balloons = ctx.runtime.services["balloons"]
        await balloons.give(ctx, vm, host_of(ctx, vm), limits)
        _write_limits(ctx, vm, limits)
        # It may have to give way to others, or they to it.
        await balloons.look()
    else:
        _write_limits(ctx, vm, limits)


async def memory_now(ctx: Context, vm: VM) -> int:
    """How many bytes a guest that runs has now. Its metrics say so too from then on."""
    domain = await ctx.domains(host_of(ctx, vm)).call(DomainDriver.find, vm.uuid)
    metrics = ctx.store.find(VM_metrics, ctx.now(vm).metrics)
    if domain is None or metrics is None:
        return 0
    if metrics.memory_actual != domain.memory:
        with ctx.write() as tx:
            tx.set(metrics, memory_actual=domain.memory)
    return domain.memory


async def set_HVM_shadow_multiplier(ctx: Context, self: VM, value: float) -> None:
    async with ctx.operation(self, VmOperations.changing_shadow_memory):
        memory.check_shadow_multiplier(value)
        write_settings(ctx, self, HVM_shadow_multiplier=value)


async def set_shadow_multiplier_live(ctx: Context, self: VM, multiplier: float) -> None:
    """Only checks: no hypervisor here gives machines shadow memory, and what they start with stays."""
    async with ctx.operation(self, VmOperations.changing_shadow_memory_live):
        memory.check_shadow_multiplier(multiplier)


async def set_memory_target_live(ctx: Context, self: VM, target: int) -> None:
    """Does nothing, as ever since dynamic ranges came; only the state of the machine is checked."""
    async with ctx.operation(self, VmOperations.changing_memory_live):
        return


async def wait_memory_target_live(ctx: Context, self: VM) -> None:
    """Return once a guest has about the memory that it was told to have: something within its dynamic range."""
    async with ctx.operation(self, VmOperations.awaiting_memory_live):
        deadline = ctx.clock.monotonic() + TARGET_TIMEOUT
        while True:
            vm, has = ctx.now(self), await memory_now(ctx, self)
            if vm.memory_dynamic_min - CLOSE_ENOUGH <= has <= vm.memory_dynamic_max + CLOSE_ENOUGH:
                return
            if ctx.clock.monotonic() >= deadline:
                raise OtherError("VM_MEMORY_TARGET_WAIT_TIMEOUT", ctx.task.ref)
            # No hypervisor tells how far a balloon is.
            with ctx.task.cancellable():
                await ctx.clock.sleep(LOOK_AGAIN)


def compute_memory_overhead(ctx: Context, vm: VM) -> int:
    return memory.vm_overhead(vm)


def maximise_memory(ctx: Context, self: VM, total: int, approximate: bool) -> int:
    """The largest static_max with which the machine fits into so many bytes."""
    return memory.maximise_memory(self, total, approximate=approximate)

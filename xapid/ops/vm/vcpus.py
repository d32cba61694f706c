"""Messages about the virtual CPUs of a VM."""

from __future__ import annotations

from typing import NoReturn

from xapid.backends.domain.interface import DomainDriver
from xapid.datamodel import VM, VM_metrics
from xapid.datamodel.errors import NOT_IMPLEMENTED
from xapid.datamodel.vm import VmOperations
from xapid.ops.vm.change import host_of
from xapid.ops.vm.memory import write_settings
from xapid.rules import vcpus
from xapid.runtime.context import Context


async def set_VCPUs_max(ctx: Context, self: VM, value: int) -> None:
    async with ctx.operation(self, VmOperations.changing_VCPUs):
        vcpus.check_max(ctx.now(self), value)
        write_settings(ctx, self, VCPUs_max=value)


def set_VCPUs_at_startup(ctx: Context, self: VM, value: int) -> None:
    vcpus.check_at_startup(self, value)
    write_settings(ctx, self, VCPUs_at_startup=value)


async def set_VCPUs_number_live(ctx: Context, self: VM, nvcpu: int) -> None:
    """How many CPUs a guest has now, and at its next start."""
    async with ctx.operation(self, VmOperations.changing_VCPUs_live):
        vm = ctx.now(self)
        vcpus.check_live(vm, nvcpu)
        await ctx.domains(host_of(ctx, vm)).call(DomainDriver.set_vcpus, vm.uuid, nvcpu)
        with ctx.write() as tx:
            tx.set(vm, VCPUs_at_startup=nvcpu)
            metrics = ctx.store.find(VM_metrics, vm.metrics)
            if metrics is not None:
                tx.set(metrics, VCPUs_number=nvcpu)


async def add_to_VCPUs_params_live(ctx: Context, self: VM, key: str, value: str) -> NoReturn:
    """The original has it no longer either."""
    async with ctx.operation(self, VmOperations.changing_VCPUs_live):
        raise NOT_IMPLEMENTED("add_to_VCPUs_params_live")

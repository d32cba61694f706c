"""Messages of class VM_appliance: machines that start and stop together, in order."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import SR, VBD, VDI, VM, VM_appliance
from xapid.datamodel.errors import OPERATION_NOT_ALLOWED, OPERATION_PARTIALLY_FAILED
from xapid.datamodel.vm import VmPowerState
from xapid.datamodel.vm_appliance import VmApplianceOperation
from xapid.ops.vm import life
from xapid.ops.vm.in_order import Step, in_order
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> str:
    with ctx.write() as tx:
        return str(tx.create(VM_appliance, **args).ref)


def destroy(ctx: Context, self: VM_appliance) -> None:
    """Its machines still name it, as clients know it."""
    with ctx.write() as tx:
        tx.delete(self)


async def start(ctx: Context, self: VM_appliance, paused: bool) -> None:
    """Start the machines that are off, those of the lowest order first."""

    async def step(own: Context, vm: VM) -> int:
        return await life.started(own, vm, paused, False)

    await _run(ctx, self, VmApplianceOperation.start, {VmPowerState.Halted}, step)


async def clean_shutdown(ctx: Context, self: VM_appliance) -> None:
    """Ask the running guests to shut down, those of the highest order first."""
    await _run(ctx, self, VmApplianceOperation.clean_shutdown, {VmPowerState.Running}, life.shut_down_cleanly)


async def hard_shutdown(ctx: Context, self: VM_appliance) -> None:
    await _run(ctx, self, VmApplianceOperation.hard_shutdown, NOT_OFF, life.shut_down_hard)


async def shutdown(ctx: Context, self: VM_appliance) -> None:
    """Shut each down cleanly if its guest can and does, else switch it off."""
    await _run(ctx, self, VmApplianceOperation.shutdown, NOT_OFF, life.shut_down)


NOT_OFF = {VmPowerState.Running, VmPowerState.Paused, VmPowerState.Suspended}


async def _run(
    ctx: Context, appliance: VM_appliance, operation: VmApplianceOperation, states: set[VmPowerState], step: Step
) -> None:
    """Do one thing to every machine in these states, in their order.

    All are gone through; at the end OPERATION_PARTIALLY_FAILED names the machines that failed.
    """
    async with ctx.operation(appliance, operation):
        vms = [ctx.store.get(VM, ref) for ref in ctx.store.members(appliance, "VMs")]
        concerned = [vm for vm in vms if vm.power_state in states]
        if not concerned:
            raise OPERATION_NOT_ALLOWED("No machine of the appliance is in a state that calls for this")
        backwards = operation is not VmApplianceOperation.start
        failed = await in_order(ctx, f"VM.{operation}", concerned, step, backwards=backwards)
        if failed:
            raise OPERATION_PARTIALLY_FAILED(f"VM_appliance.{operation}", *failed)


def get_SRs_required_for_recovery(ctx: Context, self: VM_appliance, session_to: str) -> list[str]:
    """The shared repositories in which its machines' disks are."""
    drives = [vbd for ref in ctx.store.members(self, "VMs") for vbd in ctx.store.where(VBD, VM=ref)]
    disks = [ctx.store.find(VDI, vbd.VDI) for vbd in drives]
    srs = {vdi.SR: ctx.store.find(SR, vdi.SR) for vdi in disks if vdi is not None}
    return [ref for ref, sr in srs.items() if sr is not None and sr.shared]


def assert_can_be_recovered(ctx: Context, self: VM_appliance, session_to: str) -> None:
    """Whether another pool could take it over: nothing here keeps it from that."""

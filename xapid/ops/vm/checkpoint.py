"""The message VM.checkpoint: a snapshot that keeps the memory too."""

from __future__ import annotations

from collections.abc import Mapping

from xapid.datamodel import SR, VDI, VM, Host
from xapid.datamodel.errors import (
    NO_HOSTS_AVAILABLE,
    OTHER_OPERATION_IN_PROGRESS,
    SR_OPERATION_NOT_SUPPORTED,
    TASK_CANCELLED,
    VM_CHECKPOINT_RESUME_FAILED,
    VM_CHECKPOINT_SUSPEND_FAILED,
    VM_NO_SUSPEND_SR,
    ApiError,
)
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import Object
from xapid.datamodel.vdi import VdiOperations
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops import alerts, branches, repositories
from xapid.ops.alerts import VmAlert
from xapid.ops.vm import images
from xapid.ops.vm.change import News, changing, host_of
from xapid.ops.vm.copies import Copier, disks_of, image_of
from xapid.ops.vm.create import remove
from xapid.ops.vm.keeping import keep_what_is_there
from xapid.ops.vm.suspend import save, wake
from xapid.runtime.context import Context
from xapid.store.transaction import Transaction


async def checkpoint(ctx: Context, vm: VM, new_name: str) -> str:
    """A snapshot of disks and memory. A running machine sleeps meanwhile; a paused one is kept as if it were off."""
    return await checkpointed(ctx, vm, Copier(ctx, new_name))


async def checkpointed(ctx: Context, vm: VM, copier: Copier) -> str:
    """The same, its rows made by a copier of the caller's."""
    async with changing(ctx, vm, VmOperations.checkpoint) as change:
        # Before the photograph, which says that the machine runs.
        await keep_what_is_there(ctx, ctx.now(vm))
        made = await _made(ctx, change.news, ctx.now(vm), copier)
    alerts.of_vm(ctx, vm, VmAlert.VM_CHECKPOINTED, f"has a new checkpoint, '{copier.name}'")
    return made.ref


async def _made(ctx: Context, news: News, latest: VM, copier: Copier) -> VM:
    if latest.power_state is VmPowerState.Suspended and not image_of(ctx.store, latest):
        raise NO_HOSTS_AVAILABLE()
    if latest.power_state is not VmPowerState.Running:
        return await _keep(ctx, latest, copier, image_of(ctx.store, latest), None)
    _assert_can_snapshot(ctx, latest)
    host = host_of(ctx, latest)
    image = await _asleep(ctx, news, latest)
    try:
        # The image becomes the snapshot's too, so that it is there once the machine is awake.
        return await _keep(ctx, latest, copier, [], image)
    finally:
        await _awake(ctx, latest, host)


def _assert_can_snapshot(ctx: Context, vm: VM) -> None:
    """Before the machine is put to sleep for nothing. Raises SR_OPERATION_NOT_SUPPORTED."""
    for vdi in disks_of(ctx.store, vm):
        try:
            ctx.check(ctx.store.get(SR, vdi.SR), StorageOperations.vdi_snapshot)
        except SR_OPERATION_NOT_SUPPORTED as error:
            raise SR_OPERATION_NOT_SUPPORTED(vm.ref) from error
        except OTHER_OPERATION_IN_PROGRESS:
            continue  # It is waited for.


async def _asleep(ctx: Context, news: News, vm: VM) -> VDI:
    try:
        return await save(ctx, news, vm)
    except (VM_NO_SUSPEND_SR, TASK_CANCELLED):
        raise
    except ApiError as error:
        raise VM_CHECKPOINT_SUSPEND_FAILED(vm.ref) from error


async def _awake(ctx: Context, vm: VM, host: Host) -> None:
    try:
        await wake(ctx, vm, lambda latest: host, paused=False)
    except ApiError as error:
        raise VM_CHECKPOINT_RESUME_FAILED(vm.ref) from error


async def _keep(ctx: Context, vm: VM, copier: Copier, copied: list[VDI], image: VDI | None) -> VM:
    """The snapshot of a machine as it was photographed, with its image, or with a copy of the one it sleeps in."""
    sources = disks_of(ctx.store, vm)
    marks: list[tuple[Object, str]] = [(ctx.store.get(SR, vdi.SR), StorageOperations.vdi_snapshot) for vdi in sources]
    marks += [(vdi, VdiOperations.snapshot) for vdi in sources]
    marks += [(vdi, VdiOperations.copy) for vdi in copied]

    def write(tx: Transaction, made: Mapping[str, VDI]) -> VM:
        return copier.snapshot(tx, vm, made, next(iter(images.recorded(tx, copies).values()), image))

    def unwrite(tx: Transaction, made: VM) -> None:
        remove(tx, ctx.store, made)
        images.take_back(tx, undo, copies)

    async with repositories.marked(ctx, marks) as undo:
        copies = await images.copies_of(ctx, undo, copied)
        twigs = await branches.grow(ctx, undo, sources, snapshot=True)
        return await branches.finish(ctx, undo, twigs, write, unwrite)

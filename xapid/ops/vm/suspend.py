"""Messages that put a VM to sleep on a disk and wake it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.interface import BackendError, NoSpace
from xapid.backends.storage.interface import Disk, NewVolume, StorageDriver, VolumeFormat
from xapid.datamodel import SR, VDI, VM, Host, Pool
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    HOST_NOT_LIVE,
    SR_SUSPEND_SPACE_INSUFFICIENT,
    VM_HAS_NO_SUSPEND_VDI,
    VM_NO_SUSPEND_SR,
    OtherError,
)
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import NULL
from xapid.datamodel.vdi import VdiType
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops import alerts, repositories, vdi
from xapid.ops.alerts import VmAlert
from xapid.ops.drives import close_volumes
from xapid.ops.repositories import Repository
from xapid.ops.vm import record
from xapid.ops.vm.bring_up import attached_drives, bring_back, release_networks
from xapid.ops.vm.change import changing, host_of
from xapid.rules import memory, placement, volume_spec
from xapid.rules.vm import check_power_state
from xapid.runtime.context import Context
from xapid.store.rows import new_uuid

IMAGE_NAME = "Suspend image"


# --- To sleep ----------------------------------------------------------------------------------------


async def suspend(ctx: Context, vm: VM) -> None:
    """Save memory and state into a disk, and stop."""
    async with changing(ctx, vm, VmOperations.suspend):
        await save(ctx, ctx.now(vm))
    alerts.of_vm(ctx, vm, VmAlert.VM_SUSPENDED, "was suspended")


async def save(ctx: Context, vm: VM) -> VDI:
    """The same within an operation of the caller's. Returns the disk with the image.

    That the machine has an image is recorded before the image is made: if the daemon dies in between, a machine
    without a domain but with an image was suspended, one with a domain was not.
    """
    host = host_of(ctx, vm)
    repository = _place_for_image(ctx, vm, host)
    image = await _create_image(ctx, vm, repository)
    try:
        with ctx.task.cancellable():
            async with _opened(ctx, repository, image, vm, write=True) as disk:
                await ctx.domains(host).call(DomainDriver.suspend, vm.uuid, disk)
    except BaseException:
        await _discard(ctx, vm, image)
        raise
    await close_volumes(ctx, host, attached_drives(ctx, vm))
    with ctx.write() as tx:
        record.suspended(tx, ctx.store, ctx.now(vm))
    await release_networks(ctx, vm, host)
    return image


def _place_for_image(ctx: Context, vm: VM, host: Host) -> Repository:
    """Where the image goes: the machine's own choice, the pool's, the host's. Raises VM_NO_SUSPEND_SR."""
    for ref in (vm.suspend_SR, ctx.store.one(Pool).suspend_image_SR, host.suspend_image_sr):
        sr = ctx.store.find(SR, ref)
        if sr is not None and volume_spec.plugged(ctx.store, sr, host) is not None:
            return repositories.on(ctx, sr, host)
    raise VM_NO_SUSPEND_SR(vm.ref)


async def _create_image(ctx: Context, vm: VM, repository: Repository) -> VDI:
    new = NewVolume(new_uuid(), memory.suspend_image_size(ctx.store, vm), IMAGE_NAME, VolumeFormat.raw, VdiType.suspend)
    async with repositories.marked(ctx, [(repository.row, StorageOperations.vdi_create)]) as undo:
        undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
        try:
            made = await repository.channel.attempt(StorageDriver.create, repository.spec, new)
        except NoSpace as error:
            raise SR_SUSPEND_SPACE_INSUFFICIENT(repository.row.ref) from error
        except BackendError as error:
            raise repository.channel.translated(error) from error
        with ctx.write() as tx:
            image = vdi.record(
                tx,
                ctx.store,
                repository.row,
                made,
                name_label=IMAGE_NAME,
                name_description=IMAGE_NAME,
                type=VdiType.suspend,
            )
            tx.set(vm, suspend_VDI=image.ref)
    return image


@asynccontextmanager
async def _opened(ctx: Context, repository: Repository, image: VDI, vm: VM, *, write: bool) -> AsyncIterator[Disk]:
    """Within the block the image is open for the machine."""
    volume, owner = repository.volume(image), vm.uuid
    disk = await repository.channel.call(StorageDriver.attach, volume, owner, write)
    try:
        yield disk
    finally:
        await repository.channel.call(StorageDriver.detach, volume, owner)


async def _discard(ctx: Context, vm: VM, image: VDI) -> None:
    """The image is of no use: the machine does not sleep, or no longer."""
    if ctx.store.find(VDI, image.ref) is not None:
        await vdi.destroy_disk(ctx, image)
    latest = ctx.store.find(VM, vm.ref)
    if latest is not None:
        with ctx.write() as tx:
            tx.set(latest, suspend_VDI=NULL)


# --- Awake again -------------------------------------------------------------------------------------


async def resume(ctx: Context, vm: VM, start_paused: bool, force: bool) -> None:
    """Let a suspended machine go on, on whichever host suits it best."""
    async with changing(ctx, vm, VmOperations.resume):
        host = placement.choose_host(ctx.store, ctx.now(vm), force=force)
        await wake(ctx, ctx.now(vm), host, paused=start_paused)
    alerts.of_vm(ctx, vm, VmAlert.VM_RESUMED, "was resumed", on=host.ref)


async def resume_on(ctx: Context, vm: VM, host: str, start_paused: bool, force: bool) -> None:
    """Let a suspended machine go on, on one host."""
    async with changing(ctx, vm, VmOperations.resume_on):
        _image_of(ctx, ctx.now(vm))
        chosen = ctx.store.find(Host, host)
        if chosen is None:
            raise HOST_NOT_LIVE()
        placement.assert_can_start_on(ctx.store, ctx.now(vm), chosen)
        await wake(ctx, ctx.now(vm), chosen, paused=start_paused)
    alerts.of_vm(ctx, vm, VmAlert.VM_RESUMED, "was resumed", on=chosen.ref)


async def wake(ctx: Context, vm: VM, host: Host, *, paused: bool, keep_image: bool = False) -> None:
    """The same within an operation of the caller's."""
    image = _image_of(ctx, vm)
    repository = repositories.on(ctx, ctx.store.get(SR, image.SR), host)
    async with _opened(ctx, repository, image, vm, write=False) as disk:
        await bring_back(ctx, vm, host, disk)
    if not paused:
        await ctx.domains(host).call(DomainDriver.unpause, vm.uuid)
        with ctx.write() as tx:
            tx.set(ctx.now(vm), power_state=VmPowerState.Running)
    if keep_image:
        with ctx.write() as tx:
            tx.set(ctx.now(vm), suspend_VDI=NULL)
    else:
        await _discard(ctx, vm, image)


def _image_of(ctx: Context, vm: VM) -> VDI:
    """The image of a suspended machine. One that has none is off in truth. Raises VM_HAS_NO_SUSPEND_VDI."""
    if vm.suspend_VDI == NULL:
        with ctx.write() as tx:
            record.halted(tx, ctx.store, vm)
        raise VM_HAS_NO_SUSPEND_VDI("VM", vm.ref)
    return ctx.store.get(VDI, vm.suspend_VDI)


def set_suspend_VDI(ctx: Context, self: VM, value: str) -> None:
    """Another disk with the same image takes the place of the present one."""
    check_power_state(self, VmPowerState.Suspended)
    image = ctx.store.find(VDI, value)
    if image is None:
        raise HANDLE_INVALID("VDI", value)
    if value != self.suspend_VDI:
        # Nobody can compare their contents yet.
        raise OtherError("SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", self.suspend_VDI, value)

"""Messages that put a VM to sleep on a disk and wake it again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from xapid.backends.domain.interface import DomainDriver, DomainState
from xapid.backends.interface import NoSpace
from xapid.backends.storage.interface import Disk, NewVolume, StorageDriver, Volume, VolumeFormat
from xapid.datamodel import SR, VDI, VM, Host, Pool
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    HOST_NOT_LIVE,
    SR_SUSPEND_SPACE_INSUFFICIENT,
    VM_HAS_NO_SUSPEND_VDI,
    VM_NO_SUSPEND_SR,
    ApiError,
    OtherError,
)
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import NULL
from xapid.datamodel.vdi import VdiType
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops import alerts, repositories
from xapid.ops.alerts import VmAlert
from xapid.ops.repositories import Repository
from xapid.ops.vdi import contents, disks
from xapid.ops.vm import record
from xapid.ops.vm.bring_up import Choice, bring_back, disks_closed, release_networks, reserved
from xapid.ops.vm.change import GONE, News, assert_same_domain, changing, host_of, stay_off
from xapid.ops.vm.keeping import keep_what_was_left
from xapid.rules import memory, placement, volume_spec
from xapid.rules.vm import check_power_state
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.rows import new_uuid

log = logging.getLogger(__name__)

IMAGE_NAME = "Suspend image"
SAVED = "saved"
"""The hypervisor's word for a domain that went to sleep."""
TELLING = 5.0
"""Seconds within which a hypervisor tells how a domain ended that is gone."""


# --- To sleep ----------------------------------------------------------------------------------------


async def suspend(ctx: Context, vm: VM) -> None:
    """Save memory and state into a disk, and stop."""
    async with changing(ctx, vm, VmOperations.suspend) as change:
        stay_off(ctx, vm)
        await save(ctx, change.news, ctx.now(vm))
    alerts.of_vm(ctx, vm, VmAlert.VM_SUSPENDED, "was suspended")


async def save(ctx: Context, news: News, vm: VM) -> VDI:
    """The same within an operation of the caller's. Returns the disk with the image.

    That the machine has an image is recorded before the image is made: if the daemon dies in between, a machine
    without a domain but with an image was suspended, one with a domain was not.
    """
    host = host_of(ctx, vm)
    repository = _place_for_image(ctx, vm, host)
    image = await _create_image(ctx, vm, repository)
    try:
        async with ctx.undoing() as undo:
            await _fill(ctx, undo, news, vm, host, repository, image)
    except ApiError:
        if await _is_told(ctx, vm, host):
            _forget_image(ctx, vm)
            await discard_image(ctx, image)
        # Else the image stays with the machine: by it what became of it is seen once the hypervisor answers.
        raise
    await release_networks(ctx, vm, host)
    return image


async def _fill(ctx: Context, undo: Undo, news: News, vm: VM, host: Host, repository: Repository, image: VDI) -> None:
    """Have the image written, and record that the machine sleeps in it."""
    volume = repository.volume(image)
    undo.push(repository.channel, StorageDriver.detach, volume, vm.uuid)
    disk = await repository.channel.call(StorageDriver.attach, volume, vm.uuid, True)
    channel = ctx.domains(host)
    try:
        with ctx.task.cancellable():
            await channel.call(DomainDriver.suspend, vm.uuid, disk)
    except ApiError as error:
        if await channel.call(DomainDriver.find, vm.uuid) is not None or not await _was_saved(news):
            raise
        log.info("VM %s was suspended although: %s", vm.uuid, error)
    await _close(repository, volume, vm)
    await fall_asleep(ctx, vm, host)


async def fall_asleep(ctx: Context, vm: VM, host: Host) -> None:
    """After a domain was saved: close its disks, and record that the machine is suspended.

    Raises VM_BAD_POWER_STATE if its record was reset meanwhile.
    """
    await keep_what_was_left(ctx, vm, host)
    async with disks_closed(ctx, vm, host):
        assert_same_domain(ctx, vm)
        with ctx.write() as tx:
            record.suspended(tx, ctx.store, ctx.now(vm))


async def _was_saved(news: News) -> bool:
    event = await news.until(GONE, TELLING)
    return event is not None and event.reason == SAVED


async def _is_told(ctx: Context, vm: VM, host: Host) -> bool:
    """Whether the hypervisor tells what became of a machine."""
    try:
        await ctx.domains(host).call(DomainDriver.find, vm.uuid)
    except ApiError:
        return False
    return True


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
        channel = repository.channel.saying(NoSpace, lambda _: SR_SUSPEND_SPACE_INSUFFICIENT(repository.row.ref))
        made = await channel.call(StorageDriver.create, repository.spec, new)
        with ctx.write() as tx:
            image = disks.record(
                tx,
                repository,
                made,
                name_label=IMAGE_NAME,
                name_description=IMAGE_NAME,
                type=VdiType.suspend,
            )
            tx.set(vm, suspend_VDI=image.ref)
    return image


@asynccontextmanager
async def _opened(repository: Repository, image: VDI, vm: VM) -> AsyncIterator[Disk]:
    """Within the block the image is open for the machine, to be read."""
    volume = repository.volume(image)
    try:
        yield await repository.channel.call(StorageDriver.attach, volume, vm.uuid, False)
    finally:
        await _close(repository, volume, vm)


async def _close(repository: Repository, volume: Volume, vm: VM) -> None:
    """Close an image. If that fails nothing but the image is the worse for it."""
    try:
        await repository.channel.call(StorageDriver.detach, volume, vm.uuid)
    except ApiError as error:
        log.error("the image %s of VM %s cannot be closed: %s", volume.uuid, vm.uuid, error)


def _forget_image(ctx: Context, vm: VM) -> None:
    latest = ctx.store.find(VM, vm.ref)
    if latest is not None:
        with ctx.write() as tx:
            tx.set(latest, suspend_VDI=NULL)


async def discard_image(ctx: Context, image: VDI) -> None:
    """Destroy an image once nobody sleeps in it: a machine may share it with its checkpoint.

    If it cannot be destroyed it stays, for somebody to look at; the machine runs, or is off, all the same.
    """
    if ctx.store.find(VDI, image.ref) is None or any(vm.suspend_VDI == image.ref for vm in ctx.store.all(VM)):
        return
    try:
        await disks.destroy_disk(ctx, image)
    except ApiError as error:
        log.error("the image %s is of no use any more, but cannot be destroyed: %s", image.uuid, error)


# --- Awake again -------------------------------------------------------------------------------------


async def resume(ctx: Context, vm: VM, start_paused: bool, force: bool) -> None:
    """Let a suspended machine go on, on whichever host suits it best."""
    async with changing(ctx, vm, VmOperations.resume):
        choose = partial(placement.choose_host, ctx.store, force=force)
        host = await wake(ctx, vm, choose, paused=start_paused)
    alerts.of_vm(ctx, vm, VmAlert.VM_RESUMED, "was resumed", on=host.ref)


async def resume_on(ctx: Context, vm: VM, host: str, start_paused: bool, force: bool) -> None:
    """Let a suspended machine go on, on one host."""
    async with changing(ctx, vm, VmOperations.resume_on):
        _image_of(ctx, ctx.now(vm))
        chosen = ctx.store.find(Host, host)
        if chosen is None:
            raise HOST_NOT_LIVE()
        await wake(ctx, vm, partial(placement.host_named, ctx.store, chosen), paused=start_paused)
    alerts.of_vm(ctx, vm, VmAlert.VM_RESUMED, "was resumed", on=chosen.ref)


async def wake(ctx: Context, vm: VM, choose: Choice, *, paused: bool) -> Host:
    """The same within an operation of the caller's. Returns the host."""
    async with reserved(ctx, vm, choose) as place:
        vm = ctx.now(vm)
        image = _image_of(ctx, vm)
        repository = repositories.on(ctx, ctx.store.get(SR, image.SR), place.host)
        async with _opened(repository, image, vm) as disk:
            await bring_back(ctx, vm, place, disk)
        if not paused:
            await _set_going(ctx, vm, place.host)
        with ctx.write() as tx:
            # In one: from its first moment on it is another one than the image remembers.
            tx.set(
                vm,
                power_state=VmPowerState.Paused if paused else VmPowerState.Running,
                suspend_VDI=NULL,
                ha_always_run=record.always_runs(ctx.now(vm)),
            )
    await discard_image(ctx, image)
    return place.host


async def _set_going(ctx: Context, vm: VM, host: Host) -> None:
    """Unpause a machine that came back from its image. If it does not go on, it sleeps again."""
    channel = ctx.domains(host)
    try:
        await channel.call(DomainDriver.unpause, vm.uuid)
    except ApiError:
        domain = await channel.call(DomainDriver.find, vm.uuid)
        if domain is not None and domain.state is DomainState.running:
            return
        await channel.call(DomainDriver.destroy, vm.uuid)
        await fall_asleep(ctx, ctx.now(vm), host)
        raise


def _image_of(ctx: Context, vm: VM) -> VDI:
    """The image of a suspended machine. One that has none is off in truth. Raises VM_HAS_NO_SUSPEND_VDI."""
    if vm.suspend_VDI == NULL:
        with ctx.write() as tx:
            record.halted(tx, ctx.store, vm)
        raise VM_HAS_NO_SUSPEND_VDI("VM", vm.ref)
    return ctx.store.get(VDI, vm.suspend_VDI)


async def set_suspend_VDI(ctx: Context, self: VM, value: str) -> None:
    """Another disk with the same image takes the place of the present one."""
    check_power_state(self, VmPowerState.Suspended)
    image = ctx.store.find(VDI, value)
    if image is None:
        raise HANDLE_INVALID("VDI", value)
    if value == self.suspend_VDI:
        return
    present = ctx.store.find(VDI, self.suspend_VDI)
    if present is None or not await contents.same(ctx, present, image):
        raise OtherError("SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", self.suspend_VDI, value)
    with ctx.write() as tx:
        vm = ctx.now(self)
        check_power_state(vm, VmPowerState.Suspended)
        if vm.suspend_VDI == present.ref:
            tx.set(vm, suspend_VDI=image.ref)

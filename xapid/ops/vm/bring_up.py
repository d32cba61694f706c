"""How a machine comes up and goes down: its disks, bridges and domain, and the record of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

from xapid.backends.domain.interface import Domain, DomainDriver, DomainSpec
from xapid.backends.interface import BackendError, NotFound
from xapid.backends.storage.interface import Disk
from xapid.datamodel import VBD, VIF, VM, Host
from xapid.datamodel.errors import HANDLE_INVALID, INVALID_VALUE, OTHER_OPERATION_IN_PROGRESS
from xapid.datamodel.types import NULL, Object
from xapid.datamodel.vbd import VbdOperations
from xapid.ops import drives, wires
from xapid.ops.vm import record
from xapid.ops.vm.change import domain_events
from xapid.rules import memory
from xapid.rules.domain_spec import BootSettings, boot_settings, domain_spec, drives_at_start
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.guard import QUICK
from xapid.runtime.undo import Undo
from xapid.store.rows import new_uuid

UNSET_GENERATION = "0:0"
"""A generation_id that asks for a real one at the next start."""


async def bring_up(ctx: Context, vm: VM, host: Host, *, paused: bool) -> None:
    """Start a machine on a host that was chosen for it, and record that it runs."""
    async with reserved(ctx, vm, host), ctx.undoing() as undo:
        vm = ctx.now(vm)
        boot = boot_settings(vm, kernel_folders(ctx))
        spec = await _prepared(ctx, undo, vm, host, boot)
        channel = ctx.domains(host)
        undo.push(channel, DomainDriver.destroy, vm.uuid)
        domain = await _started(channel, spec, paused)
        record_running(ctx, vm, host, domain, spec, boot)


async def bring_back(ctx: Context, vm: VM, host: Host, image: Disk) -> None:
    """Let a suspended machine go on from its image, and record it as paused.

    Paused, so that it has written nothing if all this has to be taken back.
    """
    async with reserved(ctx, vm, host), ctx.undoing() as undo:
        vm = ctx.now(vm)
        spec = await _prepared(ctx, undo, vm, host, boot_settings(vm, kernel_folders(ctx)))
        channel = ctx.domains(host)
        undo.push(channel, DomainDriver.destroy, vm.uuid)
        domain = await channel.call(DomainDriver.resume, spec, image, True)
        record_running(ctx, vm, host, domain, spec)


def kernel_folders(ctx: Context) -> tuple[PurePosixPath, ...]:
    """Where kernels for direct boot may come from, beside the usual folder."""
    return (PurePosixPath(ctx.config.demo_cache),)


async def _prepared(ctx: Context, undo: Undo, vm: VM, host: Host, boot: BootSettings) -> DomainSpec:
    """Open the disks, make the bridges; returns the machine as the driver starts it."""
    disks = await drives.open_volumes(ctx, undo, host, drives_at_start(ctx.store, vm))
    await wires.ensure_bridges(ctx, host, ctx.store.where(VIF, VM=vm.ref))
    return domain_spec(ctx.store, vm, boot, disks)


async def _started(channel: Channel, spec: DomainSpec, paused: bool) -> Domain:
    try:
        return await channel.attempt(DomainDriver.start, spec, paused)
    except NotFound as error:
        path = error.facts.get("path", "")
        if not path or path not in (spec.kernel, spec.ramdisk):
            raise channel.translated(error) from error
        raise INVALID_VALUE("kernel" if path == spec.kernel else "ramdisk", path, error.message) from error
    except BackendError as error:
        raise channel.translated(error) from error


def record_running(
    ctx: Context, vm: VM, host: Host, domain: Domain, spec: DomainSpec, boot: BootSettings | None = None
) -> None:
    """Write down that a machine runs with what ``spec`` gave it; ``boot`` are the settings of a fresh start."""
    drives_of = frozenset(disk.vbd for disk in spec.disks)
    started = record.Started(host, domain, drives_of, frozenset(nic.vif for nic in spec.nics))
    with ctx.write() as tx:
        if boot is not None:
            generation = new_generation() if vm.generation_id == UNSET_GENERATION else vm.generation_id
            tx.set(vm, generation_id=generation, memory_overhead=memory.vm_overhead(vm), **boot.changes())
        endpoints = record.running(tx, ctx.store, ctx.now(vm), started, ctx.clock.date())
    domain_events(ctx).know_consoles(endpoints)


def record_found(ctx: Context, vm: VM, host: Host, domain: Domain) -> None:
    """Write down that a machine runs with what its hypervisor says it has."""
    started = record.Started(host, domain, frozenset(domain.disks), frozenset(domain.nics))
    with ctx.write() as tx:
        endpoints = record.running(tx, ctx.store, vm, started, ctx.clock.date())
    domain_events(ctx).know_consoles(endpoints)


def new_generation() -> str:
    """A fresh generation_id: two signed numbers of 64 bits."""
    digits = new_uuid().replace("-", "")
    return ":".join(str(int(half, 16) - 2**63) for half in (digits[:16], digits[16:]))


async def take_down(ctx: Context, vm: VM, host: Host) -> None:
    """After a domain is gone: close its disks, record that the machine is off, remove bridges that nobody needs."""
    await drives.close_volumes(ctx, host, attached_drives(ctx, vm))
    with ctx.write() as tx:
        record.halted(tx, ctx.store, ctx.now(vm))
    await release_networks(ctx, vm, host)


def attached_drives(ctx: Context, vm: VM) -> list[VBD]:
    return [vbd for vbd in ctx.store.where(VBD, VM=vm.ref) if vbd.currently_attached]


async def release_networks(ctx: Context, vm: VM, host: Host) -> None:
    """Remove the bridges that nobody needs once this machine is off."""
    networks = [vif.network for vif in ctx.store.where(VIF, VM=vm.ref)]
    if networks:
        await wires.release_bridges(ctx, host, networks)


@asynccontextmanager
async def reserved(ctx: Context, vm: VM, host: Host) -> AsyncIterator[None]:
    """Within the block the machine's memory on the host is taken, and its drives and interfaces are its own.

    Raises what forbids it: a disk that another machine writes, an operation on a drive that does not end soon. If the
    block fails the memory is given back, and bridges that were made for the machine go.
    """
    devices = await _reserve(ctx, vm, host)
    try:
        yield
    except BaseException:
        _give_back(ctx, vm, devices)
        await release_networks(ctx, vm, host)
        raise
    _give_back(ctx, vm, devices)


async def _reserve(ctx: Context, vm: VM, host: Host) -> list[Object]:
    guard, task = ctx.runtime.guard, ctx.task.ref
    while True:
        devices: list[Object] = [*ctx.store.where(VBD, VM=vm.ref), *ctx.store.where(VIF, VM=vm.ref)]
        blocked: Object = vm
        try:
            with ctx.store.write() as tx:
                for blocked in devices:
                    guard.check(blocked, VbdOperations.attach)
                    guard.mark(blocked, VbdOperations.attach, task)
                tx.set(ctx.now(vm), scheduled_to_be_resident_on=host.ref)
        except OTHER_OPERATION_IN_PROGRESS:
            # Nothing is marked now. Wait for the turn on this one, then try all of them again.
            await _wait_for(ctx, blocked)
        else:
            return devices


async def _wait_for(ctx: Context, device: Object) -> None:
    try:
        async with ctx.operation(device, VbdOperations.attach, patience=QUICK):
            pass
    except HANDLE_INVALID:
        return


def _give_back(ctx: Context, vm: VM, devices: list[Object]) -> None:
    task, latest = ctx.task.ref, ctx.store.find(VM, vm.ref)
    with ctx.store.write() as tx:
        for device in devices:
            row = ctx.store.find(type(device), device.ref)
            if row is not None:
                current = row.__dict__["current_operations"]
                tx.set(row, current_operations={key: value for key, value in current.items() if key != task})
        if latest is not None:
            tx.set(latest, scheduled_to_be_resident_on=NULL)
    for device in devices:
        ctx.runtime.guard.released(device)

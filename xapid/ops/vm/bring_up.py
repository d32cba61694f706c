"""How a machine comes up and goes down: its disks, bridges and domain, and the record of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from xapid.backends.domain.interface import Domain, DomainDriver, DomainSpec, DomainState, PciSpec, UsbSpec
from xapid.backends.interface import NotFound
from xapid.backends.storage.interface import Disk
from xapid.datamodel import VBD, VGPU, VIF, VM, VUSB, Host
from xapid.datamodel.errors import (
    BOOTLOADER_FAILED,
    HANDLE_INVALID,
    INVALID_VALUE,
    OTHER_OPERATION_IN_PROGRESS,
    ApiError,
)
from xapid.datamodel.map_keys import LAST_SHUTDOWN_TIME
from xapid.datamodel.types import Object
from xapid.datamodel.vbd import VbdOperations
from xapid.ops import drives, guest_ports, secure_boot, vtpm, wires
from xapid.ops.vm import record
from xapid.ops.vm.balloons import Balloons
from xapid.ops.vm.change import domain_events
from xapid.ops.vm.keeping import keep_what_was_left
from xapid.rules import gpu, memory, pci, usb
from xapid.rules.domain_spec import (
    BootSettings,
    boot_settings,
    disk_spec,
    domain_spec,
    drives_at_start,
    is_hvm,
    nic_spec,
    usb_spec,
)
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.guard import QUICK
from xapid.runtime.undo import Undo
from xapid.store.rows import new_uuid

Choice = Callable[[VM], Host]
"""Says where a machine is to run. Raises what forbids it."""


@dataclass(frozen=True)
class Place:
    """Where a machine comes up, and with what: what is added to it meanwhile has to wait."""

    host: Host
    drives: list[VBD]
    nics: list[VIF]
    usbs: list[VUSB]

    @property
    def devices(self) -> list[Object]:
        """All that it is to come up with."""
        return [*self.drives, *self.nics, *self.usbs]


async def bring_up(ctx: Context, vm: VM, choose: Choice, *, paused: bool) -> Host:
    """Start a machine on a host, and record that it runs. Returns the host."""
    async with reserved(ctx, vm, choose) as place, ctx.undoing() as undo:
        vm = ctx.now(vm)
        boot = _boot(ctx, vm)
        await drives.rewind_volumes(ctx, place.host, place.drives)
        spec, bounded = await _prepared(ctx, undo, vm, place, boot)
        spec = replace(spec, usbs=tuple(_usb_specs(ctx, place)), pcis=tuple(_pci_specs(ctx, vm, place.host)))
        channel = ctx.domains(place.host)
        undo.push(channel, DomainDriver.destroy, vm.uuid)
        domain = await _started(ctx, channel, vm, spec, place.host, paused or bounded)
        await guest_ports.follow(ctx, place.host, domain.links)
        if bounded and not paused:
            await channel.call(DomainDriver.unpause, vm.uuid)
            domain = replace(domain, state=DomainState.running)
        record_started(ctx, vm, place.host, domain, boot)
    return place.host


async def bring_back(ctx: Context, vm: VM, place: Place, image: Disk) -> None:
    """Let a suspended machine go on from its image, and record it as paused.

    Paused, so that it has written nothing if all this has to be taken back.
    """
    async with ctx.undoing() as undo:
        vm = ctx.now(vm)
        spec, _ = await _prepared(ctx, undo, vm, place, _boot(ctx, vm))
        channel = ctx.domains(place.host)
        undo.push(channel, DomainDriver.destroy, vm.uuid)
        domain = await channel.call(DomainDriver.resume, spec, image, True)
        await guest_ports.follow(ctx, place.host, domain.links)
        record_found(ctx, vm, place.host, domain, booted=False)
    # A drive that came while the machine slept is not in what was saved.
    await drives.close_volumes(ctx, place.host, [vbd for vbd in place.drives if vbd.uuid not in domain.disks])


def kernel_folders(ctx: Context) -> tuple[PurePosixPath, ...]:
    """Where kernels for direct boot may come from, beside the usual folder."""
    return (PurePosixPath(ctx.config.demo_cache),)


def _boot(ctx: Context, vm: VM) -> BootSettings:
    return boot_settings(vm, kernel_folders(ctx), secure_boot.certificates(ctx), new_generation())


async def _prepared(ctx: Context, undo: Undo, vm: VM, place: Place, boot: BootSettings) -> tuple[DomainSpec, bool]:
    """Open the disks, make the bridges; returns the machine as the driver starts it, and whether what it may send is
    bounded: then it is to do nothing before that is so by the names that a hypervisor gives.
    """
    present = drives_at_start(vm, place.drives)
    disks = await drives.open_volumes(ctx, undo, place.host, present)
    await wires.ensure_bridges(ctx, place.host, place.nics)
    bounded = await guest_ports.guard(ctx, undo, place.host, place.nics)
    nics = [nic_spec(ctx.store, vif) for vif in place.nics]
    specs = [disk_spec(vbd, disks.get(vbd.ref), hvm=is_hvm(vm)) for vbd in present]
    balloons: Balloons = ctx.runtime.services["balloons"]
    size = await balloons.make_room(ctx, vm, place.host)
    return domain_spec(vm, boot, size, specs, nics, vtpm.tpm_of(ctx.store, vm)), bounded


def _usb_specs(ctx: Context, place: Place) -> Iterator[UsbSpec]:
    """Devices of the host that it gets. Raises OPERATION_NOT_ALLOWED for one that is not free."""
    for vusb in place.usbs:
        latest = ctx.store.find(VUSB, vusb.ref)
        if latest is not None:  # Else its device was pulled out just now.
            yield usb_spec(latest, usb.device_for(ctx.store, latest, place.host))


def _pci_specs(ctx: Context, vm: VM, host: Host) -> Iterator[PciSpec]:
    latest = ctx.now(vm)
    pci.check_free(ctx.store, latest, host)
    return (PciSpec(address) for address in pci.wanted(ctx.store, latest))


async def _started(ctx: Context, channel: Channel, vm: VM, spec: DomainSpec, host: Host, paused: bool) -> Domain:
    saying = channel.saying(NotFound, partial(_not_there, ctx, vm, spec, host))
    return await saying.call(DomainDriver.start, spec, paused)


def _not_there(ctx: Context, vm: VM, spec: DomainSpec, host: Host, error: NotFound) -> ApiError | None:
    vusb = ctx.store.find_uuid(VUSB, error.facts.get("vusb", ""))
    if vusb is not None:
        return usb.not_available(vusb, host)
    if "pci" in error.facts:
        return pci.not_available(error.facts["pci"], host)
    if "bootloader" in error.facts:
        return BOOTLOADER_FAILED(vm.ref, error.message)
    path = error.facts.get("path", "")
    if not path or path not in (spec.kernel, spec.ramdisk):
        return None
    return INVALID_VALUE("kernel" if path == spec.kernel else "ramdisk", path, error.message)


def record_started(ctx: Context, vm: VM, host: Host, domain: Domain, boot: BootSettings) -> None:
    """Write down that a machine runs that was off, and what the start made of its settings."""
    with ctx.write() as tx:
        # What clients changed meanwhile stays.
        latest = ctx.now(vm)
        overhead = memory.vm_overhead(latest)
        tx.set(
            latest,
            memory_overhead=overhead,
            ha_always_run=record.always_runs(latest),
            **boot.changes(latest),
        )
        record_found(ctx, vm, host, domain, booted=True)


def record_found(ctx: Context, vm: VM, host: Host, domain: Domain, *, booted: bool) -> None:
    """Write down that a machine runs with what its hypervisor says it has. ``booted``: its guest began anew."""
    started = record.Started(host, domain, booted)
    with ctx.write() as tx:
        endpoints = record.running(tx, ctx.store, ctx.now(vm), started, ctx.clock.date())
    domain_events(ctx).know_consoles(endpoints)


def new_generation() -> str:
    """A fresh generation_id: two signed numbers of 64 bits."""
    digits = new_uuid().replace("-", "")
    return ":".join(str(int(half, 16) - 2**63) for half in (digits[:16], digits[16:]))


async def take_down(ctx: Context, vm: VM, host: Host) -> None:
    """After a domain is gone: close its disks, record that the machine is off, remove bridges that nobody needs."""
    await keep_what_was_left(ctx, vm, host)
    async with disks_closed(ctx, vm, host):
        with ctx.write() as tx:
            record.halted(tx, ctx.store, ctx.now(vm))
            note_shutdown(ctx, vm)
    await release_networks(ctx, vm, host)


def note_shutdown(ctx: Context, vm: VM) -> None:
    """Write down for clients that a machine was shut down, or rebooted, just now."""
    if ctx.config.notes_shutdowns:
        with ctx.write() as tx:
            latest = ctx.now(vm)
            tx.set(latest, other_config={**latest.other_config, LAST_SHUTDOWN_TIME.name: str(ctx.clock.date())})


@asynccontextmanager
async def disks_closed(ctx: Context, vm: VM, host: Host) -> AsyncIterator[None]:
    """After a domain is gone: within the block all its disks are closed, and nobody opens them anew for a guest.

    What comes of its drives is to be recorded there, without waiting for anything. A disk that was about to be plugged
    when the domain ended is closed by who plugs it, if that is not recorded yet, or else here.
    """
    closed: set[str] = set()
    while vbds := [vbd for vbd in attached_drives(ctx, vm) if vbd.ref not in closed]:
        async with drives.held(ctx, vbds):
            await drives.close_volumes(ctx, host, vbds)
            closed |= {vbd.ref for vbd in vbds}
            if closed.issuperset(vbd.ref for vbd in attached_drives(ctx, vm)):
                yield
                return
    yield


def attached_drives(ctx: Context, vm: VM) -> list[VBD]:
    return [vbd for vbd in ctx.store.where(VBD, VM=vm.ref) if vbd.currently_attached]


async def release_networks(ctx: Context, vm: VM, host: Host) -> None:
    """Remove the bridges that nobody needs once this machine is off, and forget what it was not to send."""
    vifs = list(ctx.store.where(VIF, VM=vm.ref))
    if vifs:
        await guest_ports.release(ctx, host, vifs)
        await wires.release_bridges(ctx, host, [vif.network for vif in vifs])


@asynccontextmanager
async def reserved(ctx: Context, vm: VM, choose: Choice) -> AsyncIterator[Place]:
    """Within the block the machine's memory on a host is taken, and its drives and interfaces are its own.

    Raises what forbids it: that no host will do, a disk that another machine writes, an operation on a drive that does
    not end soon. If the block fails the memory is given back, and bridges that were made for the machine go.
    """
    place = await _reserve(ctx, vm, choose)
    try:
        yield place
    except BaseException:
        _give_back(ctx, vm, place)
        await release_networks(ctx, vm, place.host)
        raise
    _give_back(ctx, vm, place)


async def _reserve(ctx: Context, vm: VM, choose: Choice) -> Place:
    guard, task = ctx.runtime.guard, ctx.task.ref
    while True:
        drives_, nics = list(ctx.store.where(VBD, VM=vm.ref)), list(ctx.store.where(VIF, VM=vm.ref))
        usbs = list(ctx.store.where(VUSB, VM=vm.ref))
        blocked: Object = vm
        try:
            with ctx.store.write() as tx:
                # At each try anew: while this one waited others took the memory that it was to have.
                host = choose(ctx.now(vm))
                for blocked in (*drives_, *nics, *usbs):
                    guard.check(blocked, VbdOperations.attach)
                    guard.mark(blocked, VbdOperations.attach, task)
                tx.set(ctx.now(vm), scheduled_to_be_resident_on=host.ref)
                for vgpu in ctx.store.where(VGPU, VM=vm.ref):
                    tx.set(vgpu, scheduled_to_be_resident_on=gpu.card_for(ctx.store, vgpu, host).ref)
        except OTHER_OPERATION_IN_PROGRESS:
            # Nothing is marked now. Wait for the turn on this one, then try all of them again.
            await _wait_for(ctx, blocked)
        else:
            return Place(host, drives_, nics, usbs)


async def _wait_for(ctx: Context, device: Object) -> None:
    try:
        async with ctx.operation(device, VbdOperations.attach, patience=QUICK):
            pass
    except HANDLE_INVALID:
        return


def _give_back(ctx: Context, vm: VM, place: Place) -> None:
    task, latest = ctx.task.ref, ctx.store.find(VM, vm.ref)
    with ctx.store.write() as tx:
        for device in place.devices:
            row = ctx.store.find(type(device), device.ref)
            if row is not None:
                current = row.__dict__["current_operations"]
                tx.set(row, current_operations={key: value for key, value in current.items() if key != task})
        if latest is not None:
            record.unscheduled(tx, ctx.store, latest)
    for device in place.devices:
        ctx.runtime.guard.released(device)

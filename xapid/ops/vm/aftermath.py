"""What follows when a hypervisor tells news of a machine that no operation of ours was about."""

from __future__ import annotations

import logging
from functools import partial

from xapid.backends.domain.interface import Domain, DomainEvent, DomainEventKind
from xapid.datamodel import VBD, VDI, VM, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import OnCrashBehaviour, OnNormalExit, VmOperations, VmPowerState
from xapid.ops import alerts, drives, guest_ports, wires
from xapid.ops.alerts import VmAlert
from xapid.ops.vm import record
from xapid.ops.vm.bring_up import attached_drives, bring_up, note_shutdown, record_found, release_networks, take_down
from xapid.ops.vm.change import changing
from xapid.ops.vm.keeping import keep_all
from xapid.ops.vm.life import hard_reboot
from xapid.ops.vm.suspend import SAVED, discard_image, fall_asleep
from xapid.rules import placement
from xapid.runtime.context import Context
from xapid.store.store import Store

log = logging.getLogger(__name__)

LIVE = (VmPowerState.Running, VmPowerState.Paused)
RESTARTING = frozenset(
    {OnCrashBehaviour.restart, OnCrashBehaviour.coredump_and_restart, OnCrashBehaviour.rename_restart}
)
BY_THE_GUEST = "shutdown"
"""The hypervisor's word for a guest that shut down by itself."""
PANICKED = "panicked"
"""Its word for a guest that crashed and is kept, paused."""


async def settle(ctx: Context, host: Host, uuid: str, domain: Domain | None, event: DomainEvent | None = None) -> None:
    """Make the records of a machine agree with its domain, None if there is none, then do what its settings say.

    ``event`` is what was told of it, if that is why. To be called for machines that no operation works on. A guest
    whose machine is not one of this host runs on: who restored an old database must not lose it.
    """
    vm = ctx.store.find_uuid(VM, uuid)
    if vm is None or lives_elsewhere(ctx.store, vm, host):
        if domain is not None and event is None:
            log.warning("domain %s belongs to no machine of this host and is left alone: see `xapid doctor`", uuid)
        return
    if domain is not None:
        await _is_there(ctx, vm, host, domain, event)
    elif vm.power_state in LIVE and vm.resident_on == host.ref:
        await _is_gone(ctx, vm, host, event)


def lives_elsewhere(store: Store, vm: VM, host: Host) -> bool:
    """Whether a machine is recorded as running on another host that there is."""
    return vm.resident_on != host.ref and store.find(Host, vm.resident_on) is not None


async def _is_there(ctx: Context, vm: VM, host: Host, domain: Domain, event: DomainEvent | None) -> None:
    if vm.power_state not in LIVE:
        log.info("VM %s runs although it was recorded as %s", vm.uuid, vm.power_state.lower())
    image = ctx.store.find(VDI, vm.suspend_VDI)
    rebooted = event is not None and event.kind is DomainEventKind.rebooted
    another = vm.domid != domain.id and vm.power_state is not VmPowerState.Suspended
    attached = attached_drives(ctx, vm)
    record_found(ctx, vm, host, domain, booted=rebooted or another)
    await guest_ports.follow(ctx, host, domain.links)
    await _close_unplugged(ctx, host, [vbd for vbd in attached if vbd.uuid not in domain.disks])
    if rebooted:
        note_shutdown(ctx, vm)
    if event is not None and event.reason == PANICKED and vm.actions_after_crash is OnCrashBehaviour.preserve:
        alerts.of_vm(ctx, vm, VmAlert.VM_CRASHED, "crashed, and is kept as it was", on=host.ref)
    if image is not None and not vm.is_a_snapshot:
        # It was on its way to sleep or awake; it is awake.
        with ctx.write() as tx:
            tx.set(vm, suspend_VDI=NULL)
        await discard_image(ctx, image)
    if rebooted and drives.forgetful(ctx, attached_drives(ctx, vm)):
        await _begin_anew(ctx, vm)


async def _begin_anew(ctx: Context, vm: VM) -> None:
    """A guest that rebooted by itself has disks that are to begin anew: it gets another domain, and boots once more."""
    try:
        await hard_reboot(ctx, vm)
    except ApiError as error:
        log.error("VM %s has rebooted, and its disks cannot begin anew: %s", vm.uuid, error)


async def _close_unplugged(ctx: Context, host: Host, vbds: list[VBD]) -> None:
    """The disks of drives that were unplugged when the daemon, or its agent, died. Who unplugs one now closes it."""
    left = [vbd for vbd in vbds if not vbd.current_operations]
    async with drives.held(ctx, left):
        found = [ctx.store.find(VBD, vbd.ref) for vbd in left]
        await drives.close_volumes(ctx, host, [vbd for vbd in found if vbd is not None and not vbd.currently_attached])


async def _is_gone(ctx: Context, vm: VM, host: Host, event: DomainEvent | None) -> None:
    log.info("VM %s is off: %s", vm.uuid, event.reason if event is not None else "it has no domain")
    guard, task, image = ctx.runtime.guard, ctx.task.ref, ctx.store.find(VDI, vm.suspend_VDI)
    # Without asking the rules: that it is off is a fact. The mark keeps others from it until all is closed.
    guard.mark(vm, VmOperations.hard_shutdown, task)
    try:
        if image is not None and (event is None or event.reason == SAVED):
            await _is_asleep(ctx, vm, host)
            return
        await take_down(ctx, vm, host)
    finally:
        guard.leave(vm, task)
    if image is not None:
        await discard_image(ctx, image)  # It is older than what the guest wrote since.
    if event is not None and event.kind is DomainEventKind.crashed:
        alerts.of_vm(ctx, vm, VmAlert.VM_CRASHED, "crashed", on=host.ref)
    if event is not None and wants_restart(vm, event):
        await _start_again(ctx, vm)


async def _is_asleep(ctx: Context, vm: VM, host: Host) -> None:
    """It was suspended when the daemon died, and only the record of that is missing."""
    await fall_asleep(ctx, vm, host)
    await release_networks(ctx, vm, host)


def wants_restart(vm: VM, event: DomainEvent) -> bool:
    """Whether a machine that stopped by itself is to be started again."""
    if event.kind is DomainEventKind.crashed:
        return vm.actions_after_crash in RESTARTING
    return event.reason == BY_THE_GUEST and vm.actions_after_shutdown is OnNormalExit.restart


async def _start_again(ctx: Context, vm: VM) -> None:
    try:
        async with changing(ctx, vm, VmOperations.start):
            await bring_up(ctx, vm, partial(placement.choose_host, ctx.store, force=True), paused=False)
    except ApiError as error:
        log.error("VM %s cannot be started again: %s", vm.uuid, error)


# --- At the start of a host, and when events were lost -----------------------------------------------


async def tidy(ctx: Context, host: Host) -> None:
    """Put right what a crash may have left in the records of machines that do not run, bridges nobody needs, and what
    guests left that is not recorded yet.

    What an operation works on is left to it.
    """
    with ctx.write() as tx:
        for vm in [vm for vm in ctx.store.all(VM) if not vm.current_operations]:
            if vm.scheduled_to_be_resident_on != NULL:
                record.unscheduled(tx, ctx.store, vm)
            if _is_wrong(ctx, vm):
                record.halted(tx, ctx.store, vm)
    await guest_ports.restore(ctx, host)
    await wires.remove_unused(ctx, host)
    await keep_all(ctx, host)


def _is_wrong(ctx: Context, vm: VM) -> bool:
    """Whether a machine is recorded as running nowhere, or as off with something attached."""
    if vm.is_control_domain or vm.power_state is VmPowerState.Suspended:
        return False
    if vm.power_state in LIVE:
        return ctx.store.find(Host, vm.resident_on) is None
    return any(
        row.currently_attached for field in ("VBDs", "VIFs", "VUSBs", "VGPUs") for row in ctx.store.rows_of(vm, field)
    )

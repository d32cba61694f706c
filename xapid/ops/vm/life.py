"""Messages that move a VM through its life: start, pause, shut down, reboot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from xapid.backends.domain.interface import DomainDriver, DomainEvent, DomainEventKind
from xapid.datamodel import VDI, VM, Host
from xapid.datamodel.errors import (
    CANNOT_RESET_CONTROL_DOMAIN,
    DOMAIN_EXISTS,
    OTHER_OPERATION_IN_PROGRESS,
    VM_BAD_POWER_STATE,
    VM_SHUTDOWN_TIMEOUT,
    ApiError,
)
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops import alerts, guest_ports
from xapid.ops.alerts import VmAlert
from xapid.ops.drives import forgetful
from xapid.ops.vm import record
from xapid.ops.vm.bring_up import attached_drives, bring_up, disks_closed, note_shutdown, record_found, take_down
from xapid.ops.vm.change import GONE, Change, changing, host_of, stay_off
from xapid.ops.vm.keeping import keep_what_was_left
from xapid.ops.vm.suspend import discard_image
from xapid.rules import placement
from xapid.runtime.context import Context
from xapid.runtime.guard import STANDARD

ANSWERING = 5.0
"""Seconds within which a hypervisor tells how a guest ended that could not be asked again."""

DISPLACED_BY_SHUTDOWN = frozenset(
    {
        VmOperations.clean_shutdown,
        VmOperations.clean_reboot,
        VmOperations.hard_reboot,
        VmOperations.pool_migrate,
        VmOperations.call_plugin,
        VmOperations.shutdown,
        VmOperations.suspend,
    }
)
"""What a hard shutdown cancels."""
DISPLACED_BY_REBOOT = frozenset(
    {
        VmOperations.clean_shutdown,
        VmOperations.clean_reboot,
        VmOperations.pool_migrate,
        VmOperations.call_plugin,
        VmOperations.suspend,
    }
)
"""What a hard reboot cancels."""


# --- Start -------------------------------------------------------------------------------------------


async def start(ctx: Context, vm: VM, start_paused: bool, force: bool) -> None:
    """Start a machine on whichever host suits it best."""
    await _delay(ctx, await started(ctx, vm, start_paused, force))


async def started(ctx: Context, vm: VM, start_paused: bool, force: bool) -> int:
    """The same, but returns at once. How many seconds are to pass then is the answer, as of those below."""
    async with changing(ctx, vm, VmOperations.start):
        host = await bring_up(ctx, vm, partial(placement.choose_host, ctx.store, force=force), paused=start_paused)
    alerts.of_vm(ctx, vm, VmAlert.VM_STARTED, "was started", on=host.ref)
    return vm.start_delay


async def start_on(ctx: Context, vm: VM, host: Host, start_paused: bool, force: bool) -> None:
    """Start a machine on one host, or say what keeps it from there."""
    async with changing(ctx, vm, VmOperations.start_on):
        await bring_up(ctx, vm, partial(placement.host_named, ctx.store, host), paused=start_paused)
    alerts.of_vm(ctx, vm, VmAlert.VM_STARTED, "was started", on=host.ref)
    await _delay(ctx, vm.start_delay)


async def _delay(ctx: Context, seconds: int) -> None:
    """Clients of the API know that a task cannot be cancelled meanwhile."""
    if seconds > 0:
        await ctx.clock.sleep(seconds)


# --- Pause -------------------------------------------------------------------------------------------


async def pause(ctx: Context, vm: VM) -> None:
    async with changing(ctx, vm, VmOperations.pause):
        await ctx.domains(host_of(ctx, ctx.now(vm))).call(DomainDriver.pause, vm.uuid)
        with ctx.write() as tx:
            tx.set(vm, power_state=VmPowerState.Paused)
    alerts.of_vm(ctx, vm, VmAlert.VM_PAUSED, "was paused")


async def unpause(ctx: Context, vm: VM) -> None:
    async with changing(ctx, vm, VmOperations.unpause):
        await ctx.domains(host_of(ctx, ctx.now(vm))).call(DomainDriver.unpause, vm.uuid)
        with ctx.write() as tx:
            tx.set(vm, power_state=VmPowerState.Running)
    alerts.of_vm(ctx, vm, VmAlert.VM_UNPAUSED, "was unpaused")


# --- Shutdown ----------------------------------------------------------------------------------------


async def clean_shutdown(ctx: Context, vm: VM) -> None:
    """Ask the guest to shut down, and wait until it has."""
    await _delay(ctx, await shut_down_cleanly(ctx, vm))


async def shut_down_cleanly(ctx: Context, vm: VM) -> int:
    async with changing(ctx, vm, VmOperations.clean_shutdown) as change:
        stay_off(ctx, vm)
        await _asked_to_shut_down(ctx, change, vm, ctx.config.guests.answer)
    alerts.of_vm(ctx, vm, VmAlert.VM_SHUTDOWN, "was shut down")
    return vm.shutdown_delay


async def hard_shutdown(ctx: Context, vm: VM) -> None:
    """Switch a machine off. What it was doing in between is cancelled."""
    await _delay(ctx, await shut_down_hard(ctx, vm))


async def shut_down_hard(ctx: Context, vm: VM) -> int:
    await _end_by_force(ctx, vm, stays_off=True)
    return vm.shutdown_delay


async def _end_by_force(ctx: Context, vm: VM, *, stays_off: bool) -> None:
    async with changing(ctx, vm, VmOperations.hard_shutdown, displacing=DISPLACED_BY_SHUTDOWN):
        if stays_off:
            stay_off(ctx, vm)
        latest = ctx.now(vm)
        if latest.power_state is not VmPowerState.Halted:
            await switch_off(ctx, latest)
    alerts.of_vm(ctx, vm, VmAlert.VM_SHUTDOWN, "was shut down forcibly")


async def shutdown(ctx: Context, vm: VM) -> None:
    """Shut down cleanly if the guest can and does, else switch off."""
    await _delay(ctx, await shut_down(ctx, vm))


async def shut_down(ctx: Context, vm: VM) -> int:
    clean = await _end(ctx, vm, vm.shutdown_delay or ctx.config.guests.answer, stays_off=True)
    return 0 if clean else vm.shutdown_delay


async def shut_down_with_host(ctx: Context, vm: VM, seconds: float) -> int:
    """The same because the host goes down: within so many seconds, and high availability may start it elsewhere."""
    try:
        await _end(ctx, vm, seconds, patience=seconds, stays_off=False)
    except OTHER_OPERATION_IN_PROGRESS:
        await _end_by_force(ctx, vm, stays_off=False)
    return vm.shutdown_delay


async def _end(ctx: Context, vm: VM, seconds: float, *, stays_off: bool, patience: float = STANDARD) -> bool:
    """Returns whether the guest shut down by itself. ``patience``: seconds that it waits for its turn."""
    can = _may(ctx, vm, VmOperations.clean_shutdown)
    async with changing(ctx, vm, VmOperations.shutdown, patience=patience) as change:
        if stays_off:
            stay_off(ctx, vm)
        latest, how = ctx.now(vm), "was shut down"
        if can and latest.power_state is VmPowerState.Running:
            try:
                await _asked_to_shut_down(ctx, change, vm, seconds)
                alerts.of_vm(ctx, vm, VmAlert.VM_SHUTDOWN, how)
                return True
            except VM_SHUTDOWN_TIMEOUT:
                latest, how = ctx.now(vm), "did not shut down in time, and was switched off"
        if latest.power_state is not VmPowerState.Halted:
            await switch_off(ctx, latest)
    alerts.of_vm(ctx, vm, VmAlert.VM_SHUTDOWN, how)
    return False


def _may(ctx: Context, vm: VM, operation: VmOperations) -> bool:
    try:
        ctx.check(vm, operation)
    except ApiError as error:
        return isinstance(error, OTHER_OPERATION_IN_PROGRESS)
    return True


async def _asked_to_shut_down(ctx: Context, change: Change, vm: VM, seconds: float) -> None:
    host = host_of(ctx, ctx.now(vm))
    ask = partial(ctx.domains(host).call, DomainDriver.request_shutdown, vm.uuid)
    if await _answer(ctx, change, ask, GONE, seconds) is None:
        raise VM_SHUTDOWN_TIMEOUT(vm.ref, seconds_text(seconds))
    await take_down(ctx, vm, host)


async def _answer(
    ctx: Context, change: Change, ask: Callable[[], Awaitable[None]], kinds: frozenset[DomainEventKind], seconds: float
) -> DomainEvent | None:
    """What the guest did that was asked; None if nothing. It is asked again and again, for at first it may be booting.

    Meanwhile the task can be cancelled.
    """
    deadline = ctx.clock.monotonic() + seconds
    with ctx.task.cancellable():
        await ask()
        while True:
            left = max(deadline - ctx.clock.monotonic(), 0.0)
            event = await change.news.until(kinds, min(left, ctx.config.guests.ask_again))
            if event is not None or not left:
                return event
            try:
                await ask()
            except ApiError:
                # It may have ended just now.
                event = await change.news.until(kinds, ANSWERING)
                if event is None:
                    raise
                return event


async def switch_off(ctx: Context, vm: VM) -> None:
    """Destroy the domain, or the image of a suspended machine, and record that it is off."""
    if vm.power_state is VmPowerState.Suspended:
        await _discard_image(ctx, vm)
        return
    host = host_of(ctx, vm)
    await ctx.domains(host).call(DomainDriver.destroy, vm.uuid)
    await take_down(ctx, ctx.now(vm), host)


async def _discard_image(ctx: Context, vm: VM) -> None:
    image = ctx.store.find(VDI, vm.suspend_VDI)
    with ctx.write() as tx:
        record.halted(tx, ctx.store, vm)
        note_shutdown(ctx, vm)
    if image is not None:
        await discard_image(ctx, image)


def seconds_text(seconds: float) -> str:
    """A time as errors spell it: ``1200.``"""
    text = f"{seconds:.12g}"
    return text if "." in text or "e" in text else f"{text}."


# --- Reboot ------------------------------------------------------------------------------------------


async def clean_reboot(ctx: Context, vm: VM) -> None:
    """Ask the guest to reboot, and wait until it has."""
    async with changing(ctx, vm, VmOperations.clean_reboot) as change:
        host, seconds = host_of(ctx, ctx.now(vm)), ctx.config.guests.answer
        ask = partial(ctx.domains(host).call, DomainDriver.request_reboot, vm.uuid)
        if await _answer(ctx, change, ask, GONE | {DomainEventKind.rebooted}, seconds) is None:
            raise VM_SHUTDOWN_TIMEOUT(vm.ref, seconds_text(seconds))
        domain = await ctx.domains(host).call(DomainDriver.find, vm.uuid)
        if domain is not None and forgetful(ctx, attached_drives(ctx, vm)):
            # A guest that boots anew in its domain would find what it wrote.
            await ctx.domains(host).call(DomainDriver.destroy, vm.uuid)
            domain = None
        if domain is not None:
            record_found(ctx, ctx.now(vm), host, domain, booted=True)
            await guest_ports.follow(ctx, host, domain.links)
        else:
            await _start_again(ctx, vm, host)
        note_shutdown(ctx, vm)
    alerts.of_vm(ctx, vm, VmAlert.VM_REBOOTED, "was rebooted")


async def hard_reboot(ctx: Context, vm: VM) -> None:
    """Switch a machine off and on again, with the settings it has now."""
    async with changing(ctx, vm, VmOperations.hard_reboot, displacing=DISPLACED_BY_REBOOT):
        latest = ctx.now(vm)
        if latest.power_state is VmPowerState.Suspended:
            raise VM_BAD_POWER_STATE(vm.ref, VmPowerState.Running.lower(), latest.power_state.lower())
        if latest.power_state is VmPowerState.Halted:
            await bring_up(ctx, vm, partial(placement.choose_host, ctx.store), paused=False)
        else:
            host = host_of(ctx, latest)
            await ctx.domains(host).call(DomainDriver.destroy, vm.uuid)
            await _start_again(ctx, vm, host)
        note_shutdown(ctx, vm)
    alerts.of_vm(ctx, vm, VmAlert.VM_REBOOTED, "was rebooted forcibly")


async def _start_again(ctx: Context, vm: VM, host: Host) -> None:
    """The domain is gone, and a new one comes in its place. If that fails the machine is off."""
    await keep_what_was_left(ctx, vm, host)
    async with disks_closed(ctx, vm, host):
        pass
    try:
        await bring_up(ctx, vm, lambda latest: host, paused=False)
    except BaseException:
        await take_down(ctx, ctx.now(vm), host)
        raise


# --- Reset -------------------------------------------------------------------------------------------


async def power_state_reset(ctx: Context, vm: VM) -> None:
    """Record that a machine is off, after making sure that it does not run."""
    if vm.is_control_domain:
        raise CANNOT_RESET_CONTROL_DOMAIN(vm.ref)
    if vm.is_a_template:
        return  # It is off: templates never run.
    async with changing(ctx, vm, VmOperations.power_state_reset):
        latest = ctx.now(vm)
        host = ctx.store.find(Host, latest.resident_on)
        if host is not None:
            await _assert_not_running(ctx, latest, host)
            await take_down(ctx, latest, host)
            return
        with ctx.write() as tx:
            record.halted(tx, ctx.store, latest)


async def record_lost(ctx: Context, vm: VM) -> None:
    """Record that a machine is off whose host is dead: nobody there can be asked."""
    async with changing(ctx, vm, VmOperations.power_state_reset):
        with ctx.write() as tx:
            record.halted(tx, ctx.store, ctx.now(vm))


async def _assert_not_running(ctx: Context, vm: VM, host: Host) -> None:
    """A paused domain does nothing and is destroyed; one that runs is a reason to refuse."""
    channel = ctx.domains(host)
    if vm.power_state is VmPowerState.Running and await channel.call(DomainDriver.find, vm.uuid) is not None:
        raise DOMAIN_EXISTS(vm.ref)
    await channel.call(DomainDriver.destroy, vm.uuid)

"""The snapshots of a schedule: one of each of its machines, and the oldest that are too many removed."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from xapid.datamodel import VBD, VDI, VM, VMSS
from xapid.datamodel.errors import (
    OPERATION_PARTIALLY_FAILED,
    OTHER_OPERATION_IN_PROGRESS,
    VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED,
    ApiError,
)
from xapid.datamodel.message import Cls
from xapid.datamodel.vm import VmPowerState
from xapid.datamodel.vmss import VmssType
from xapid.ops import alerts
from xapid.ops.vdi import disks
from xapid.ops.vm.checkpoint import checkpointed
from xapid.ops.vm.copies import SCHEDULE, Copier, disks_of, image_of, snapshotted
from xapid.ops.vm.create import destroy
from xapid.runtime.context import Context
from xapid.store.store import Store

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Machines of a schedule of which snapshots are taken at the same time."""


class ScheduleAlert(enum.StrEnum):
    """What is told of a schedule once it happened."""

    VMSS_SNAPSHOT_SUCCEEDED = "VMSS_SNAPSHOT_SUCCEEDED"
    VMSS_SNAPSHOT_FAILED = "VMSS_SNAPSHOT_FAILED"
    VMSS_SNAPSHOT_LOCK_FAILED = "VMSS_SNAPSHOT_LOCK_FAILED"
    """It is still busy with the time before."""
    VMSS_SNAPSHOT_MISSED_EVENT = "VMSS_SNAPSHOT_MISSED_EVENT"
    """It was due while nobody was there."""


def tell(ctx: Context, vmss: VMSS, alert: ScheduleAlert, what: str) -> None:
    """Tell the administrator what became of a schedule."""
    succeeded = alert is ScheduleAlert.VMSS_SNAPSHOT_SUCCEEDED
    body = f"Schedule '{vmss.name_label}' (uuid: {vmss.uuid}) {what}"
    alerts.leave(ctx, alert, alerts.INFORMATION if succeeded else alerts.NOTICE, Cls.VMSS, vmss.uuid, body)


async def snapshot_now(ctx: Context, vmss: VMSS) -> str:
    """Take snapshots of all its machines at once. What is due is another matter: it comes when it comes."""
    if is_busy(ctx, vmss):
        raise OTHER_OPERATION_IN_PROGRESS("VMSS", vmss.ref, "snapshot_now", ctx.task.ref)
    found = await take_all(ctx, vmss)
    if found.failed:
        raise OPERATION_PARTIALLY_FAILED("VMSS.snapshot_now", *found.failed)
    return ",".join(found.made)


def is_busy(ctx: Context, vmss: VMSS) -> bool:
    """Whether its snapshots are being taken now."""
    return ctx.runtime.locks.taken(vmss.ref)


@dataclass
class Taken:
    """What came of a schedule."""

    made: list[str] = field(default_factory=list)
    """References of the snapshots."""
    failed: dict[str, str] = field(default_factory=dict)
    """Of the machines for which something went wrong, and what that was."""

    def __str__(self) -> str:
        made = f"took {len(self.made)} snapshots"
        return f"{made}, and failed for {'; '.join(self.failed.values())}" if self.failed else made


async def take_all(ctx: Context, vmss: VMSS, since: float | None = None) -> Taken:
    """Take a snapshot of each of its machines; what fails keeps no other machine from its own. It is told at the end.

    ``since``: machines of which it took one after that moment, by the clock of the host, are left out.
    """
    taken, few = Taken(), asyncio.Semaphore(AT_ONCE)

    async def one(vm: VM) -> None:
        async with few:
            if since is None or not any(_is_after(each, since, ctx.clock.now()) for each in _of(ctx.store, vmss, vm)):
                await _one(ctx, vmss, vm, taken)

    async with ctx.lock(vmss), asyncio.TaskGroup() as machines:
        for vm in ctx.store.rows_of(vmss, "VMs"):
            machines.create_task(one(vm))
    if taken.made or taken.failed:
        _tell_all(ctx, vmss, taken)
    return taken


def _tell_all(ctx: Context, vmss: VMSS, taken: Taken) -> None:
    alert = ScheduleAlert.VMSS_SNAPSHOT_FAILED if taken.failed else ScheduleAlert.VMSS_SNAPSHOT_SUCCEEDED
    log.info("schedule %s %s", vmss.uuid, taken)
    tell(ctx, vmss, alert, str(taken))


async def _one(ctx: Context, vmss: VMSS, vm: VM, taken: Taken) -> None:
    with ctx.part("VMSS.snapshot_now") as part:
        try:
            taken.made.append(await _take(part, vmss, vm))
            for old in _surplus(ctx.store, vmss, vm):
                await _remove(part, old)
        except ApiError as error:
            why = " ".join(error.description)
            log.warning("schedule %s failed for VM %s: %s", vmss.uuid, vm.uuid, why)
            taken.failed[vm.ref] = f"VM '{vm.name_label}' (uuid: {vm.uuid}): {why}"


async def _take(ctx: Context, vmss: VMSS, vm: VM) -> str:
    copier = Copier(ctx, f"{vm.name_label} ({vmss.name_label}, {ctx.clock.date()})", vmss)
    match ctx.now(vmss).type:
        case VmssType.snapshot_with_quiesce:
            raise VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED(vm.ref)
        case VmssType.checkpoint if ctx.now(vm).power_state is not VmPowerState.Halted:
            return await checkpointed(ctx, vm, copier)
        case _:
            return await snapshotted(ctx, vm, copier)


# --- What is kept ------------------------------------------------------------------------------------


def _of(store: Store, vmss: VMSS, vm: VM) -> list[VM]:
    """The snapshots of a machine that a schedule took, the oldest first, whatever the clock said then."""
    found = [each for each in store.where(VM, snapshot_of=vm.ref) if each.snapshot_info.get(SCHEDULE) == vmss.uuid]
    return sorted(found, key=lambda snapshot: snapshot._created)


def _is_after(snapshot: VM, since: float, now: float) -> bool:
    """Whether it was taken after a moment. What says that it is of a time to come was taken before clocks were set."""
    return since <= snapshot.snapshot_time.seconds() <= now


def _surplus(store: Store, vmss: VMSS, vm: VM) -> list[VM]:
    latest = store.find(VMSS, vmss.ref)
    return _of(store, vmss, vm)[: -latest.retained_snapshots] if latest is not None else []


async def _remove(ctx: Context, snapshot: VM) -> None:
    """Destroy a snapshot with its disks. If that ends halfway, the next time goes on with it."""
    for disk in list(_own_disks(ctx.store, snapshot)):
        await disks.destroy(ctx, disk)
    await destroy(ctx, ctx.now(snapshot))


def _own_disks(store: Store, snapshot: VM) -> Iterator[VDI]:
    """Those that no other machine has in a drive."""
    for disk in (*disks_of(store, snapshot), *image_of(store, snapshot)):
        if {vbd.VM for vbd in store.where(VBD, VDI=disk.ref)} <= {snapshot.ref}:
            yield disk

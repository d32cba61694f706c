"""The message VM.revert: a machine goes back to what a snapshot of it kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from xapid.datamodel import SR, VDI, VM, VTPM, VM_metrics
from xapid.datamodel.errors import VM_REVERT_FAILED, ApiError
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import NULL, Object
from xapid.datamodel.vdi import VdiOperations
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops import alerts, branches, repositories, vtpm
from xapid.ops.alerts import VmAlert
from xapid.ops.vdi import disks
from xapid.ops.vm import images
from xapid.ops.vm.bring_up import new_generation
from xapid.ops.vm.change import changing
from xapid.ops.vm.copies import Copier, disks_of, fields_in, image_of
from xapid.ops.vm.create import remove_devices
from xapid.ops.vm.life import switch_off
from xapid.runtime.context import Context
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)

KEPT = frozenset(
    {
        "uuid", "allowed_operations", "current_operations", "suspend_VDI", "power_state", "parent", "metrics",
        "guest_metrics", "resident_on", "scheduled_to_be_resident_on", "domid", "protection_policy",
        "snapshot_schedule", "tags", "affinity", "groups", "attached_PCIs", "blobs",
    }
)  # fmt: skip
"""Fields in which a machine stays as it is."""


async def revert(ctx: Context, snapshot: VM) -> None:
    """Make a machine what it was when the snapshot was taken. One that runs is switched off first."""
    if not snapshot.is_a_snapshot:
        raise VM_REVERT_FAILED(snapshot.ref, snapshot.snapshot_of)
    async with ctx.operation(snapshot, VmOperations.revert):
        vm = ctx.store.find(VM, snapshot.snapshot_of) or _made_anew(ctx, snapshot)
        async with changing(ctx, vm, VmOperations.reverting):
            latest = ctx.now(vm)
            if latest.power_state is not VmPowerState.Halted:
                await switch_off(ctx, latest)
            await _go_back(ctx, ctx.now(vm), ctx.now(snapshot))
    what = f"is again what its snapshot '{snapshot.name_label}' (uuid: {snapshot.uuid}) kept"
    alerts.of_vm(ctx, vm, VmAlert.VM_SNAPSHOT_REVERTED, what)


def _made_anew(ctx: Context, snapshot: VM) -> VM:
    """The machine of a snapshot that is all that is left of it: with its old uuid, and all its snapshots again."""
    fields = fields_in(snapshot.snapshot_metadata)
    with ctx.write() as tx:
        vm = tx.create(VM, **fields | {name: VM.spec.fields[name].empty for name in KEPT & fields.keys() - {"uuid"}})
        tx.set(vm, domid=-1)
        for other in ctx.store.where(VM, snapshot_of=snapshot.snapshot_of):
            tx.set(other, snapshot_of=vm.ref)
    return vm


async def _go_back(ctx: Context, vm: VM, snapshot: VM) -> None:
    """New disks come from the snapshot's; the ones that the machine had before are destroyed."""
    sources, asleep_in = disks_of(ctx.store, snapshot), image_of(ctx.store, snapshot)
    replaced = [row for source in sources if (row := ctx.store.find(VDI, source.snapshot_of)) is not None]
    marks: list[tuple[Object, str]] = [(ctx.store.get(SR, vdi.SR), StorageOperations.vdi_clone) for vdi in sources]
    marks += [(vdi, VdiOperations.clone) for vdi in sources]
    marks += [(vdi, VdiOperations.copy) for vdi in asleep_in]
    async with repositories.marked(ctx, marks) as undo:
        copies = await images.copies_of(ctx, undo, asleep_in)
        twigs = await branches.grow(ctx, undo, sources, snapshot=False)

        def write(tx: Transaction, made: Mapping[str, VDI]) -> None:
            _write(ctx, tx, vm, snapshot, {**made, **images.recorded(tx, copies)})

        await branches.finish(ctx, undo, twigs, write)
    for vdi in replaced:
        await _destroy(ctx, vdi)


def _write(ctx: Context, tx: Transaction, vm: VM, snapshot: VM, made: Mapping[str, VDI]) -> None:
    store, copier = ctx.store, Copier(ctx, "")
    remove_devices(tx, store, vm)
    metrics = store.find(VM_metrics, vm.metrics)
    if metrics is not None:
        tx.delete(metrics)
    fields = fields_in(snapshot.snapshot_metadata)
    generation = new_generation() if fields.get("generation_id") else ""
    image = made.get(snapshot.suspend_VDI)
    values = {name: value for name, value in fields.items() if name not in KEPT} | {
        "ha_always_run": False,
        "generation_id": generation,
        "parent": snapshot.ref,
        "metrics": copier.metrics(tx, snapshot).ref,
        "power_state": VmPowerState.Halted if image is None else VmPowerState.Suspended,
        "suspend_VDI": NULL if image is None else image.ref,
    }
    vm = tx.set(vm, **values)
    copier.drives(tx, snapshot, vm, made, leave_out=())
    copier.nics(tx, snapshot, vm)
    copier.graphics(tx, snapshot, vm)
    for tpm in store.where(VTPM, VM=vm.ref):
        vtpm.remove(tx, store, tpm)
    vtpm.copy_all(tx, store, snapshot.ref, vm.ref)
    for ref, disk in made.items():
        _repoint(ctx, tx, store.get(VDI, ref), disk)


def _repoint(ctx: Context, tx: Transaction, source: VDI, disk: VDI) -> None:
    """The snapshots of the disk that the machine had are snapshots of the one that it has now."""
    if source.snapshot_of == NULL:
        return
    for other in ctx.store.where(VDI, snapshot_of=source.snapshot_of):
        tx.set(other, snapshot_of=disk.ref)


async def _destroy(ctx: Context, vdi: VDI) -> None:
    """Destroy a disk that was replaced. If that fails it stays, for somebody to look at."""
    try:
        await disks.destroy(ctx, ctx.now(vdi))
    except ApiError as error:
        log.warning("VDI %s was replaced, but cannot be destroyed: %s", vdi.uuid, error)

"""Messages that copy a VM: clone, copy, snapshot, checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from xapid.datamodel import (
    SR,
    VBD,
    VDI,
    VGPU,
    VIF,
    VM,
    VMSS,
    VBD_metrics,
    VIF_metrics,
    VM_guest_metrics,
    VM_metrics,
)
from xapid.datamodel.errors import NO_HOSTS_AVAILABLE, OPERATION_NOT_ALLOWED
from xapid.datamodel.map_keys import (
    BASE_TEMPLATE,
    DEFAULT_TEMPLATE,
    INTERNAL_TEMPLATE,
    LAST_SHUTDOWN_TIME,
    MAC_SEED,
    OWNER,
)
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import EPOCH, NULL, Object
from xapid.datamodel.vbd import VbdType
from xapid.datamodel.vdi import VdiOperations
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops import alerts, branches, full_copies, repositories, vtpm
from xapid.ops.alerts import VmAlert
from xapid.ops.vm import images
from xapid.ops.vm.bring_up import new_generation
from xapid.ops.vm.create import remove
from xapid.ops.vm.keeping import keep_what_is_there
from xapid.rules.addresses import seeded_mac
from xapid.runtime.context import Context
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction
from xapid.wire.decode import decoder

SCHEDULE = "snapshot-schedule"
"""In the snapshot_info of a snapshot that a schedule took: the schedule's uuid."""
NOT_COPIED = frozenset({"uuid", "allowed_operations", "current_operations"})
"""Fields that each object has for itself."""


# --- Messages ----------------------------------------------------------------------------------------


async def clone(ctx: Context, vm: VM, new_name: str) -> str:
    """A VM like this one; its disks share what is the same."""
    async with ctx.operation(vm, VmOperations.clone):
        return await _cloned(ctx, ctx.now(vm), new_name)


async def csvm(ctx: Context, vm: str) -> str:
    """A clone of a suspended VM, which is suspended too."""
    row = ctx.store.get(VM, vm)
    async with ctx.operation(row, VmOperations.csvm):
        return await _cloned(ctx, ctx.now(row), f"{row.name_label}-cloned-suspended")


async def _cloned(ctx: Context, vm: VM, new_name: str) -> str:
    disks, asleep_in = disks_of(ctx.store, vm), image_of(ctx.store, vm)
    return await _branched(ctx, vm, disks, asleep_in, VdiOperations.clone, Copier(ctx, new_name).clone)


async def copy(ctx: Context, vm: VM, new_name: str, sr: str) -> str:
    """A VM like this one with full copies of its disks, in one repository if one is named."""
    target = ctx.store.find(SR, sr)
    if target is not None and target.type == "iso":
        raise OPERATION_NOT_ALLOWED("Cannot copy a VM's disks to an ISO SR")
    async with ctx.operation(vm, VmOperations.copy):
        vm = ctx.now(vm)
        disks = [*disks_of(ctx.store, vm), *image_of(ctx.store, vm)]
        marks: list[tuple[Object, str]] = [(vdi, VdiOperations.copy) for vdi in disks]
        async with repositories.marked(ctx, marks) as undo:
            made: list[full_copies.Copy] = []
            for vdi in disks:
                made.append(await full_copies.copied(ctx, undo, vdi, target or ctx.store.get(SR, vdi.SR)))
                ctx.progress(len(made) / len(disks))
            with ctx.write() as tx:
                return str(Copier(ctx, new_name).clone(tx, ctx.now(vm), images.recorded(tx, made)).ref)


async def snapshot(ctx: Context, vm: VM, new_name: str, ignore_vdis: tuple[str, ...]) -> str:
    """A frozen likeness of a VM as of now; the machine may run meanwhile."""
    return await snapshotted(ctx, vm, Copier(ctx, new_name), ignore_vdis)


async def snapshotted(ctx: Context, vm: VM, copier: Copier, ignore_vdis: Collection[str] = ()) -> str:
    """The same, its rows made by a copier of the caller's."""
    async with ctx.operation(vm, VmOperations.snapshot):
        vm = ctx.now(vm)
        if vm.power_state is VmPowerState.Suspended and not image_of(ctx.store, vm):
            raise NO_HOSTS_AVAILABLE()
        await keep_what_is_there(ctx, vm)
        disks = [vdi for vdi in disks_of(ctx.store, vm) if vdi.ref not in ignore_vdis]
        made = await _branched(ctx, vm, disks, [], VdiOperations.snapshot, copier.snapshot)
    alerts.of_vm(ctx, vm, VmAlert.VM_SNAPSHOTTED, f"has a new snapshot, '{copier.name}'")
    return made


async def _branched(
    ctx: Context,
    vm: VM,
    disks: Sequence[VDI],
    asleep_in: Sequence[VDI],
    operation: VdiOperations,
    write: Callable[[Transaction, VM, Mapping[str, VDI]], VM],
) -> str:
    """Branch the disks, all at one moment, copy the image, and make the new VM of them."""
    if not disks and not asleep_in:
        with ctx.write() as tx:
            return str(write(tx, ctx.now(vm), {}).ref)
    is_snapshot = operation is VdiOperations.snapshot
    on_sr = StorageOperations.vdi_snapshot if is_snapshot else StorageOperations.vdi_clone
    marks: list[tuple[Object, str]] = [(ctx.store.get(SR, vdi.SR), on_sr) for vdi in disks]
    marks += [(vdi, operation) for vdi in disks]
    marks += [(vdi, VdiOperations.copy) for vdi in asleep_in]
    async with repositories.marked(ctx, marks) as undo:
        copies = await images.copies_of(ctx, undo, asleep_in)
        twigs = await branches.grow(ctx, undo, disks, snapshot=is_snapshot)

        def record(tx: Transaction, branched: Mapping[str, VDI]) -> VM:
            return write(tx, ctx.now(vm), {**branched, **images.recorded(tx, copies)})

        def unwrite(tx: Transaction, made: VM) -> None:
            remove(tx, ctx.store, made)
            images.take_back(tx, undo, copies)

        made = await branches.finish(ctx, undo, twigs, record, unwrite)
        return str(made.ref)


def disks_of(store: Store, vm: VM) -> list[VDI]:
    """The disks of a VM, each once; what is in a CD drive is none of its own."""
    drives = [vbd for vbd in store.where(VBD, VM=vm.ref) if vbd.type is not VbdType.CD and not vbd.empty]
    return list({vbd.VDI: store.get(VDI, vbd.VDI) for vbd in drives}.values())


def image_of(store: Store, vm: VM) -> list[VDI]:
    """The disk in which a suspended VM sleeps, if there is one."""
    image = store.find(VDI, vm.suspend_VDI) if vm.power_state is VmPowerState.Suspended else None
    return [] if image is None else [image]


# --- Rows --------------------------------------------------------------------------------------------


class Copier:
    """Makes the rows of a copy of a VM, in one transaction."""

    def __init__(self, ctx: Context, name: str, schedule: VMSS | None = None) -> None:
        """``schedule``: by which a snapshot is taken, if it is."""
        self._ctx = ctx
        self._store = ctx.store
        self.name = name
        self._schedule = schedule

    def clone(self, tx: Transaction, vm: VM, disks: Mapping[str, VDI]) -> VM:
        """A VM of its own, with addresses of its own."""
        seed = new_uuid()
        image = next((disks[image.ref].ref for image in image_of(self._store, vm)), NULL)
        made = self._vm(
            tx,
            vm,
            other_config=_config_of_its_own(vm, seed),
            power_state=VmPowerState.Suspended if image != NULL else VmPowerState.Halted,
            suspend_VDI=image,
            is_a_snapshot=False,
            snapshot_of=NULL,
            snapshot_time=EPOCH,
            snapshot_info={},
            snapshot_metadata="",
            parent=NULL,
        )
        self.drives(tx, vm, made, disks, leave_out=())
        for vif in self._store.where(VIF, VM=vm.ref):
            self._nic(tx, vif, made, MAC=seeded_mac(seed, int(vif.device)), MAC_autogenerated=True)
        self.graphics(tx, vm, made)
        vtpm.copy_all(tx, self._store, vm.ref, made.ref)
        return made

    def snapshot(self, tx: Transaction, vm: VM, disks: Mapping[str, VDI], image: VDI | None = None) -> VM:
        """A likeness that is never started, and to which the VM can go back: to its sleep too, if there is an image."""
        made = self._vm(
            tx,
            vm,
            other_config=_kept_config(vm),
            power_state=VmPowerState.Halted if image is None else VmPowerState.Suspended,
            suspend_VDI=NULL if image is None else image.ref,
            is_a_template=True,
            is_a_snapshot=True,
            snapshot_of=vm.ref,
            snapshot_time=self._ctx.clock.date(),
            snapshot_info=self._info(vm),
            is_vmss_snapshot=self._schedule is not None,
            snapshot_metadata=metadata_of(vm),
            parent=vm.parent,
        )
        left_out = {vdi.ref for vdi in disks_of(self._store, vm)} - disks.keys()
        self.drives(tx, vm, made, disks, leave_out=left_out)
        self.nics(tx, vm, made)
        self.graphics(tx, vm, made)
        vtpm.copy_all(tx, self._store, vm.ref, made.ref)
        tx.set(vm, parent=made.ref)
        return made

    def _info(self, vm: VM) -> dict[str, str]:
        info = {"power-state-at-snapshot": str(vm.power_state), "disk-snapshot-type": "crash_consistent"}
        return info if self._schedule is None else {**info, SCHEDULE: self._schedule.uuid}

    def nics(self, tx: Transaction, vm: VM, made: VM) -> None:
        """Interfaces with the same addresses."""
        for vif in self._store.where(VIF, VM=vm.ref):
            self._nic(tx, vif, made, MAC_autogenerated=False)

    def _vm(self, tx: Transaction, vm: VM, **changes: Any) -> VM:
        """What is alike in every copy; its own are its identity, its metrics, and what it belongs to."""
        metrics = self.metrics(tx, vm)
        guest_metrics = self._store.find(VM_guest_metrics, vm.guest_metrics)
        copied = NULL if guest_metrics is None else tx.create(VM_guest_metrics, **_fields(guest_metrics)).ref
        values = _fields(vm) | {
            "name_label": self.name,
            "is_default_template": False,
            "generation_id": new_generation() if vm.generation_id else "",
            "metrics": metrics.ref,
            "guest_metrics": copied,
            "blocked_operations": {},
            "appliance": NULL,
            "protection_policy": NULL,
            "snapshot_schedule": NULL,
            "is_vmss_snapshot": False,
            "suspend_SR": NULL,
            "start_delay": 0,
            "shutdown_delay": 0,
            "order": 0,
            "version": 0,
            "ha_always_run": False,
            "blobs": {},
            "resident_on": NULL,
            "scheduled_to_be_resident_on": NULL,
            "domid": -1,
            "attached_PCIs": (),
            "groups": (),
        }
        return tx.create(VM, **(values | changes))

    def metrics(self, tx: Transaction, vm: VM) -> VM_metrics:
        metrics = self._store.find(VM_metrics, vm.metrics)
        # A copy does nothing yet, and nobody looks whether it does as long as it does not run.
        idle = {"VCPUs_utilisation": {0: 0.0}}
        return tx.create(VM_metrics, **(idle if metrics is None else _fields(metrics) | idle))

    def drives(
        self, tx: Transaction, vm: VM, made: VM, disks: Mapping[str, VDI], *, leave_out: Collection[str]
    ) -> None:
        for vbd in self._store.where(VBD, VM=vm.ref):
            if vbd.VDI in leave_out:
                continue
            copied = disks.get(vbd.VDI)
            owned = {} if vbd.type is VbdType.CD else {OWNER.name: ""}
            tx.create(
                VBD,
                **_fields(vbd)
                | {
                    "VM": made.ref,
                    "VDI": copied.ref if copied is not None else vbd.VDI,
                    "other_config": {**vbd.other_config, **owned},
                    "currently_attached": False,
                    "device": "",
                    "metrics": tx.create(VBD_metrics).ref,
                },
            )

    def graphics(self, tx: Transaction, vm: VM, made: VM) -> None:
        """Virtual GPUs, which nothing serves yet."""
        nowhere = dict.fromkeys(("resident_on", "scheduled_to_be_resident_on", "PCI"), NULL)
        for vgpu in self._store.where(VGPU, VM=vm.ref):
            tx.create(VGPU, **_fields(vgpu) | nowhere | {"VM": made.ref, "currently_attached": False})

    def _nic(self, tx: Transaction, vif: VIF, made: VM, **changes: Any) -> None:
        metrics = tx.create(VIF_metrics)
        values = _fields(vif) | {"VM": made.ref, "currently_attached": False, "metrics": metrics.ref}
        tx.create(VIF, **(values | changes))


def _fields(row: Object) -> dict[str, Any]:
    """The fields of a row that a copy of it has too."""
    wanted = _COPIED.get(row.spec.name)
    if wanted is None:
        fields = row.spec.fields.values()
        wanted = tuple(each.name for each in fields if not each.inverse_of and each.name not in NOT_COPIED)
        _COPIED[row.spec.name] = wanted
    return {name: row.__dict__[name] for name in wanted}


_COPIED: dict[str, tuple[str, ...]] = {}
"""Names of those fields by class, worked out once."""


def _config_of_its_own(vm: VM, seed: str) -> dict[str, str]:
    """For a machine that never ran."""
    kept = {**_kept_config(vm), MAC_SEED.name: seed}
    kept.pop(LAST_SHUTDOWN_TIME.name, None)
    return kept


def _kept_config(vm: VM) -> dict[str, str]:
    left = (DEFAULT_TEMPLATE.name, INTERNAL_TEMPLATE.name)
    kept = {key: value for key, value in vm.other_config.items() if key not in left}
    return {**kept, BASE_TEMPLATE.name: vm.name_label} if vm.is_a_template else kept


# --- What a snapshot remembers -----------------------------------------------------------------------


def metadata_of(vm: VM) -> str:
    """The fields of a VM as text, for going back to them."""
    return json.dumps({"uuid": vm.uuid, **_fields(vm)}, separators=(",", ":"))


def fields_in(metadata: str) -> dict[str, Any]:
    """The fields of a VM as ``metadata_of`` wrote them. Fields that there are no longer are left out."""
    known = VM.spec.fields
    return {name: decoder(known[name].type)(raw) for name, raw in json.loads(metadata).items() if name in known}

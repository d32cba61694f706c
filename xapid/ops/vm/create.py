"""Messages by which VMs come and go, and by which a VM is a template."""

from __future__ import annotations

from typing import Any

from xapid.auth.permissions import assert_may_change
from xapid.datamodel import (
    VBD,
    VGPU,
    VIF,
    VM,
    VTPM,
    VUSB,
    Blob,
    Console,
    Pool,
    VIF_metrics,
    VM_guest_metrics,
    VM_metrics,
)
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    VM_BAD_POWER_STATE,
    VM_IS_PROTECTED,
)
from xapid.datamodel.map_keys import DEFAULT_TEMPLATE, MAC_SEED
from xapid.datamodel.types import NULL, Object
from xapid.datamodel.vm import DomainType, VmOperations, VmPowerState
from xapid.ops import vtpm
from xapid.ops.vdi.disks import remove_drive
from xapid.ops.vm.record import PROTECTED
from xapid.rules import memory
from xapid.runtime.context import Context
from xapid.store.rows import new_ref, new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

PLATFORM_VERSION_FOR_VENDOR_DEVICE = 2

NOT_ASKED = ("blocked_operations", "protection_policy", "snapshot_schedule", "is_snapshot_from_vmpp")
"""What a client may say of a new VM, and nobody heeds."""


def create(ctx: Context, args: dict[str, Any]) -> str:
    """A VM without disks and interfaces. Nearly nothing is checked before it starts."""
    values = {name: value for name, value in args.items() if name not in NOT_ASKED}
    ref = new_ref()
    values["power_state"] = _initial_power_state(ref, values)
    values["domain_type"] = _domain_type(values)
    for each in ("platform", "other_config"):
        assert_may_change(ctx.session, VM, each, {}, values.get(each, {}))
    values["other_config"] = {MAC_SEED.name: new_uuid(), **values["other_config"]}
    if values.get("has_vendor_device", True):
        least = PLATFORM_VERSION_FOR_VENDOR_DEVICE
        values["hardware_platform_version"] = max(values.get("hardware_platform_version", 0), least)
    with ctx.write() as tx:
        metrics = new_metrics(tx)
        vm = tx.create(VM, ref=ref, domid=-1, metrics=metrics.ref, **values)
        tx.set(vm, memory_overhead=memory.vm_overhead(vm))
    return ref


def new_metrics(tx: Transaction) -> VM_metrics:
    return tx.create(VM_metrics, VCPUs_utilisation={0: 0.0})


def _initial_power_state(ref: str, values: dict[str, Any]) -> VmPowerState:
    """Halted, or Suspended where the caller brings along everything that a resume needs."""
    asked = values.get("power_state", VmPowerState.Halted)
    if asked is not VmPowerState.Suspended:
        return VmPowerState.Halted
    complete = values["last_boot_CPU_flags"] and values["last_booted_record"] and values["suspend_VDI"] != NULL
    if not complete:
        raise VM_BAD_POWER_STATE(ref, VmPowerState.Halted.lower(), asked.lower())
    return VmPowerState.Suspended


def _domain_type(values: dict[str, Any]) -> DomainType:
    given: DomainType = values.get("domain_type", DomainType.unspecified)
    if given is not DomainType.unspecified:
        return given
    return DomainType.hvm if values["HVM_boot_policy"] else DomainType.pv


async def destroy(ctx: Context, self: VM) -> None:
    """Destroy a VM with its drives and interfaces. Its disks stay."""
    async with ctx.operation(self, VmOperations.destroy):
        with ctx.write() as tx:
            remove(tx, ctx.store, ctx.now(self))


def remove(tx: Transaction, store: Store, vm: VM) -> None:
    """Forget a VM and all that is a part of it; its snapshots' line of descent closes over it."""
    for child in store.where(VM, parent=vm.ref):
        tx.set(child, parent=vm.parent)
    remove_devices(tx, store, vm)
    for tpm in store.where(VTPM, VM=vm.ref):
        vtpm.remove(tx, store, tpm)
    for console in store.where(Console, VM=vm.ref):
        tx.delete(console)
    for blob in vm.blobs.values():
        _delete_if_there(tx, store.find(Blob, blob))
    _delete_if_there(tx, store.find(VM_metrics, vm.metrics))
    _delete_if_there(tx, store.find(VM_guest_metrics, vm.guest_metrics))
    tx.delete(vm)


def remove_devices(tx: Transaction, store: Store, vm: VM) -> None:
    """Those that a snapshot keeps a copy of: drives, interfaces, virtual GPUs; and places for USB devices."""
    for vbd in store.where(VBD, VM=vm.ref):
        remove_drive(tx, store, vbd)
    for vif in store.where(VIF, VM=vm.ref):
        remove_nic(tx, store, vif)
    for vgpu in store.where(VGPU, VM=vm.ref):
        tx.delete(vgpu)
    for vusb in store.where(VUSB, VM=vm.ref):
        tx.delete(vusb)


def remove_nic(tx: Transaction, store: Store, vif: VIF) -> None:
    """Forget a VIF and its metrics."""
    _delete_if_there(tx, store.find(VIF_metrics, vif.metrics))
    tx.delete(vif)


def _delete_if_there(tx: Transaction, row: Object | None) -> None:
    if row is not None:
        tx.delete(row)


# --- Templates ---------------------------------------------------------------------------------------


async def set_is_a_template(ctx: Context, self: VM, value: bool) -> None:
    """Make a VM of a template, or a template of a VM that nothing depends on."""
    if not value:
        make_into_machine(ctx, self)
        return
    async with ctx.operation(self, VmOperations.make_into_template):
        vm = ctx.now(self)
        if vm.ha_restart_priority == PROTECTED and ctx.store.one(Pool).ha_enabled:
            raise VM_IS_PROTECTED(vm.ref)
        metrics = ctx.store.find(VM_metrics, vm.metrics)
        if metrics is None:
            raise HANDLE_INVALID("VM_metrics", vm.metrics)
        with ctx.write() as tx:
            for vusb in ctx.store.where(VUSB, VM=vm.ref):
                tx.delete(vusb)
            tx.delete(metrics)
            tx.set(vm, is_a_template=True, ha_always_run=False, groups=(), metrics=NULL)


def make_into_machine(ctx: Context, vm: VM) -> None:
    """From a template; it counts as installed now."""
    with ctx.write() as tx:
        metrics = ctx.store.find(VM_metrics, vm.metrics)
        if metrics is not None:
            tx.set(metrics, install_time=ctx.clock.date())
        tx.set(vm, is_a_template=False)


def set_is_default_template(ctx: Context, vm: VM, value: bool) -> None:
    """Whether a template counts as one that came with the product."""
    with ctx.write() as tx:
        marked = {**vm.other_config, DEFAULT_TEMPLATE.name: "true" if value else "false"}
        tx.set(vm, is_default_template=value, other_config=marked)

"""Messages of class VGPU: virtual graphics processors of machines, each of which is a whole physical one here."""

from __future__ import annotations

import re

from xapid.datamodel import VGPU, VM, GPU_group, VGPU_type
from xapid.datamodel.errors import (
    DEVICE_ALREADY_EXISTS,
    FEATURE_RESTRICTED,
    INVALID_DEVICE,
    INVALID_VALUE,
    OPERATION_NOT_ALLOWED,
    VGPU_TYPE_NOT_COMPATIBLE,
    VM_PCI_BUS_FULL,
)
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmPowerState
from xapid.ops.pgpu import whole_kind
from xapid.rules.features import restricted
from xapid.rules.vm import check_power_state
from xapid.runtime.context import Context
from xapid.store.store import Store

PLACES = range(21)
ANY = "0"


def create(ctx: Context, vm: VM, group: GPU_group, device: str, other_config: dict[str, str], kind: str) -> str:
    """One for a machine that is off; which processor serves it is chosen when the machine starts."""
    if restricted(ctx.store, "gpu"):
        raise FEATURE_RESTRICTED()
    if not vm.is_a_snapshot:
        check_power_state(vm, VmPowerState.Halted)
    with ctx.write() as tx:
        wanted = whole_kind(ctx.store, tx) if kind == NULL else ctx.store.find(VGPU_type, kind)
        if wanted is None:
            raise INVALID_VALUE("type", kind)
        for other in ctx.store.where(VGPU, VM=vm.ref):
            present = ctx.store.find(VGPU_type, other.type)
            if present is not None and wanted.ref not in present.compatible_types_in_vm:
                raise VGPU_TYPE_NOT_COMPATIBLE(wanted.ref)
        place = _place(ctx.store, vm, device)
        vgpu = tx.create(VGPU, VM=vm.ref, GPU_group=group.ref, device=place, other_config=other_config, type=wanted.ref)
    return str(vgpu.ref)


def _place(store: Store, vm: VM, device: str) -> str:
    """Its number in the machine, as text."""
    if not re.fullmatch(r"[0-9]{1,2}", device, re.ASCII) or int(device) not in PLACES:
        raise INVALID_DEVICE(device)
    used = {int(vgpu.device) for vgpu in store.where(VGPU, VM=vm.ref)}
    if device != ANY:
        if int(device) in used:
            raise DEVICE_ALREADY_EXISTS(device)
        return str(int(device))
    free = next((place for place in PLACES if place not in used), None)
    if free is None:
        raise VM_PCI_BUS_FULL(vm.ref)
    return str(free)


def destroy(ctx: Context, self: VGPU) -> None:
    vm = ctx.store.find(VM, self.VM)
    runs = vm is not None and vm.power_state in (VmPowerState.Running, VmPowerState.Paused)
    if runs or self.currently_attached or self.scheduled_to_be_resident_on != NULL:
        raise OPERATION_NOT_ALLOWED("vGPU currently attached to a running VM")
    with ctx.write() as tx:
        tx.delete(self)

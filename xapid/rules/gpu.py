"""Graphics processors: which hosts have one that is free."""

from __future__ import annotations

from xapid.datamodel import PCI, PGPU, VGPU, VM, GPU_group, Host, VGPU_type
from xapid.datamodel.errors import (
    OPERATION_NOT_ALLOWED,
    VGPU_TYPE_NO_LONGER_SUPPORTED,
    VM_REQUIRES_GPU,
    VM_REQUIRES_VGPU,
)
from xapid.datamodel.gpu_group import AllocationAlgorithm
from xapid.datamodel.host import HostDisplay
from xapid.datamodel.pci import PciDom0Access
from xapid.datamodel.types import Ref
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.rules import pci
from xapid.store.store import Store


def check_supported(store: Store, vm: VM) -> None:
    """Whether virtual GPUs of a VM are of kinds that can still be made. Raises VGPU_TYPE_NO_LONGER_SUPPORTED."""
    for vgpu in store.where(VGPU, VM=vm.ref):
        kind = store.find(VGPU_type, vgpu.type)
        if kind is not None and kind.implementation == VgpuTypeImplementation.gvt_g:
            raise VGPU_TYPE_NO_LONGER_SUPPORTED(f"{kind.vendor_name}: {kind.model_name}")


def check_iommu(store: Store, vm: VM, host: Host) -> None:
    """Whether a host can give devices to a VM, GPUs or others, if that gets any whole. Raises VM_REQUIRES_IOMMU."""
    kinds = (store.find(VGPU_type, vgpu.type) for vgpu in store.where(VGPU, VM=vm.ref))
    whole = any(kind is not None and kind.implementation == VgpuTypeImplementation.passthrough for kind in kinds)
    if whole or pci.wanted(store, vm):
        pci.check_iommu(host)


def can_be_given_whole(display: HostDisplay, access: PciDom0Access, *, shows_console: bool) -> bool:
    """Whether a guest could have a card: the one that shows the host's own screen only if the host does without."""
    if not shows_console:
        return True
    hidden = access in (PciDom0Access.disabled, PciDom0Access.enable_on_reboot)
    return hidden and display in (HostDisplay.disabled, HostDisplay.enable_on_reboot)


def remaining_capacity(store: Store, pgpu: PGPU, kind: Ref[VGPU_type]) -> int:
    """How many more virtual GPUs of a type, by its reference, a processor can serve. One serves one type at a time."""
    if kind not in pgpu.enabled_VGPU_types:
        return 0
    coming = [vgpu for vgpu in store.all(VGPU) if vgpu.scheduled_to_be_resident_on == pgpu.ref]
    served = {vgpu.ref: vgpu for vgpu in (*store.where(VGPU, resident_on=pgpu.ref), *coming)}.values()
    if any(vgpu.type != kind for vgpu in served):
        return 0
    return max(0, pgpu.supported_VGPU_max_capacities.get(kind, 0) - len(served))


def card_for(store: Store, vgpu: VGPU, host: Host) -> PGPU:
    """The processor that serves a virtual GPU on a host, out of those with room as its group chooses.

    Raises OPERATION_NOT_ALLOWED for a type that is not served here, VM_REQUIRES_VGPU.
    """
    kind = store.find(VGPU_type, vgpu.type)
    if kind is None or kind.implementation != VgpuTypeImplementation.passthrough:
        name = vgpu.type if kind is None else f"{kind.vendor_name} {kind.model_name}".strip()
        raise OPERATION_NOT_ALLOWED(f"Virtual GPUs of type {name} need a driver that hosts do not have here")
    now = store.find(PGPU, vgpu.resident_on)
    if now is not None and now.host == host.ref:
        return now
    others = pci.taken(store, host, but_by=store.get(VM, vgpu.VM))
    free = [
        (remaining_capacity(store, card, vgpu.type), store.get(PCI, card.PCI).pci_id, card)
        for card in store.where(PGPU, host=host.ref, GPU_group=vgpu.GPU_group)
    ]
    free = [each for each in free if each[0] > 0 and each[1] not in others]
    if not free:
        raise VM_REQUIRES_VGPU(vgpu.VM, vgpu.GPU_group, vgpu.type)
    spread = store.get(GPU_group, vgpu.GPU_group).allocation_algorithm is AllocationAlgorithm.breadth_first
    return min(free, key=lambda each: (-each[0] if spread else each[0], each[1]))[2]


def group_capacity(store: Store, vgpu: VGPU, host: Host) -> int:
    """How many virtual GPUs like this one a host could still serve, with processors of its group."""
    pgpus = store.where(PGPU, host=host.ref, GPU_group=vgpu.GPU_group)
    return sum(remaining_capacity(store, pgpu, vgpu.type) for pgpu in pgpus)


def check_available(store: Store, vm: VM, host: Host) -> None:
    """Whether a host has room for the GPUs of a VM. Raises VM_REQUIRES_GPU, VM_REQUIRES_VGPU."""
    asked: dict[tuple[str, str], int] = {}
    for vgpu in store.where(VGPU, VM=vm.ref):
        if store.find(PGPU, vgpu.resident_on) is not None or store.find(PGPU, vgpu.scheduled_to_be_resident_on):
            continue
        if not store.where(PGPU, host=host.ref, GPU_group=vgpu.GPU_group):
            raise VM_REQUIRES_GPU(vm.ref, vgpu.GPU_group)
        key = (vgpu.GPU_group, vgpu.type)
        asked[key] = asked.get(key, 0) + 1
        if group_capacity(store, vgpu, host) < asked[key]:
            raise VM_REQUIRES_VGPU(vm.ref, vgpu.GPU_group, vgpu.type)

"""PCI devices of hosts that machines have for themselves."""

from __future__ import annotations

from collections.abc import Iterator

from xapid.datamodel import PCI, PGPU, VGPU, VM, Host
from xapid.datamodel.errors import INVALID_VALUE, OPERATION_NOT_ALLOWED, VM_REQUIRES_IOMMU, ApiError
from xapid.datamodel.map_keys import PASSED_THROUGH
from xapid.store.store import Store


def wanted(store: Store, vm: VM) -> tuple[str, ...]:
    """Addresses of those that a machine is to start with: what its settings name, and graphics cards that were chosen
    for it, each with what sits on it. Raises INVALID_VALUE.
    """
    return tuple(dict.fromkeys((*PASSED_THROUGH.of(vm), *_cards(store, vm))))


def _cards(store: Store, vm: VM) -> Iterator[str]:
    for vgpu in store.where(VGPU, VM=vm.ref):
        card = store.find(PGPU, vgpu.scheduled_to_be_resident_on)
        device = None if card is None else store.find(PCI, card.PCI)
        if device is not None:
            yield device.pci_id
            yield from (other.pci_id for ref in device.dependencies if (other := store.find(PCI, ref)) is not None)


def taken(store: Store, host: Host, but_by: VM) -> set[str]:
    """Addresses of those that other machines have on a host, or are about to get."""
    found: set[str] = set()
    for vm in store.all(VM):
        if vm.ref == but_by.ref:
            continue
        if vm.attached_PCIs and vm.resident_on == host.ref:
            found |= {pci.pci_id for ref in vm.attached_PCIs if (pci := store.find(PCI, ref)) is not None}
        if vm.scheduled_to_be_resident_on == host.ref:
            found |= _coming(store, vm)
    return found


def _coming(store: Store, vm: VM) -> set[str]:
    try:
        return set(wanted(store, vm))
    except INVALID_VALUE:
        return set()  # It was changed since the start began, which will not come far.


def check_iommu(host: Host) -> None:
    """Whether the memory of the host is safe from devices that guests command. Raises VM_REQUIRES_IOMMU."""
    if host.chipset_info.get("iommu") != "true":
        raise VM_REQUIRES_IOMMU(host.ref)


def check_free(store: Store, vm: VM, host: Host) -> None:
    """Raises OPERATION_NOT_ALLOWED for a device that another machine has."""
    addresses = wanted(store, vm)
    if not addresses:
        return
    others = taken(store, host, but_by=vm)
    for address in addresses:
        if address in others:
            raise not_available(address, host)


def not_available(address: str, host: Host) -> ApiError:
    return OPERATION_NOT_ALLOWED(f"PCI device {address} is not available on Host {host.ref}")

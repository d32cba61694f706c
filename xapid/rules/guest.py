"""What is known of the guest in a VM: as what it runs, and what it says it can."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from xapid.backends.domain.interface import Feature, GuestReport, with_first
from xapid.datamodel import VIF, VM, VM_guest_metrics, VM_metrics
from xapid.datamodel.map_keys import VIRIDIAN
from xapid.datamodel.vm import DomainType, VmPowerState
from xapid.datamodel.vm_guest_metrics import TristateType
from xapid.store.store import Store

PARAVIRTUAL = frozenset({DomainType.pv, DomainType.pvh, DomainType.pv_in_pvh})

CANNOT_SUSPEND = "data-cant-suspend-reason"
"""The key of VM_guest_metrics.other under which a guest says why it cannot be suspended now."""

STAND_IN = {"major": "9", "minor": "4", "micro": "0", "build": "1"}
"""The version of drivers that a guest is said to have where the hypervisor serves instead (ACPI, virtio)."""

SERVED = {
    Feature.clean_shutdown: ("feature-shutdown", "feature-poweroff", "feature-reboot"),
    Feature.suspend: ("feature-suspend",),
}
"""Keys of VM_guest_metrics.other by what the hypervisor can do with a guest, whatever that says."""

DEVICE_ID = "device_id"
_DEVICE_ID = re.compile("[0-9a-fA-F]{4}")
WINDOWS = "windows"


def has_domain(vm: VM) -> bool:
    """Whether there is a domain whose guest runs, or could."""
    return vm.power_state == VmPowerState.Running or vm.power_state == VmPowerState.Paused


def runs_as(store: Store, vm: VM) -> DomainType:
    """As what kind of machine the VM was started."""
    metrics = store.find(VM_metrics, vm.metrics)
    return DomainType.unspecified if metrics is None else metrics.current_domain_type


def metrics_of(store: Store, vm: VM) -> VM_guest_metrics | None:
    """What the guest told of itself, if it did."""
    return store.find(VM_guest_metrics, vm.guest_metrics)


def says(store: Store, vm: VM) -> Mapping[str, str]:
    """The features that the guest claims."""
    guest = metrics_of(store, vm)
    return {} if guest is None else guest.other


def has_pv_drivers(guest: VM_guest_metrics | None) -> bool:
    """Whether the guest told which version of paravirtual drivers it has."""
    if guest is None:
        return False
    return all(_is_number(guest.PV_drivers_version.get(part, "")) for part in ("major", "minor"))


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def must_claim_features(store: Store, vm: VM) -> bool:
    """Whether the guest has to say what it can. Paravirtual guests, and drivers, are taken to be able to do all."""
    if not has_domain(vm) or runs_as(store, vm) in PARAVIRTUAL:
        return False
    return not has_pv_drivers(metrics_of(store, vm))


def is_running_hvm(store: Store, vm: VM) -> bool:
    """Whether devices can be plugged only with the help of drivers in the guest."""
    return vm.power_state == VmPowerState.Running and runs_as(store, vm) == DomainType.hvm


def hotplug_claim(guest: VM_guest_metrics, cls: str) -> TristateType:
    """What the guest says of plugging a VBD or VIF while it runs."""
    return guest.can_use_hotplug_vbd if cls == "VBD" else guest.can_use_hotplug_vif


def refuses_hotplug(store: Store, vm: VM, cls: str) -> bool:
    """Whether a running HVM guest says that it cannot take a VBD or VIF, or give it away."""
    guest = metrics_of(store, vm)
    return guest is not None and is_running_hvm(store, vm) and hotplug_claim(guest, cls) == TristateType.no


def lacks_hotplug(store: Store, vm: VM, cls: str) -> bool:
    """Whether nothing tells that a running HVM guest could take a VBD or VIF: no claim, no drivers."""
    if not is_running_hvm(store, vm):
        return False
    guest = metrics_of(store, vm)
    if guest is None:
        return True
    unclaimed = hotplug_claim(guest, cls) == TristateType.unspecified and not guest.PV_drivers_detected
    return unclaimed and not has_pv_drivers(guest)


# --- What is recorded of a guest ---------------------------------------------------------------------


def known_of(features: frozenset[str], report: GuestReport | None, vifs: Iterable[VIF] = ()) -> dict[str, Any] | None:
    """Fields of VM_guest_metrics: what the hypervisor can do with the guest, and what that says itself.

    None: nothing is known. What the hypervisor does needs no claim of the guest, and cannot be denied by it.
    """
    if report is None and not features & SERVED.keys():
        return None
    said = report or GuestReport()
    served = {key: "1" for feature, keys in SERVED.items() if feature in features for key in keys}
    detected = bool(served) or said.drivers_detected
    return {
        "os_version": said.os_version,
        "netbios_name": said.netbios_name,
        "PV_drivers_version": said.drivers_version or (STAND_IN if served else {}),
        "PV_drivers_detected": detected,
        "PV_drivers_up_to_date": detected,
        "networks": said.networks | _by_position(said.addresses, vifs),
        "other": said.other | served,
        "services": said.services,
        "can_use_hotplug_vbd": _can_plug(features, Feature.hotplug_disk, said.can_use_hotplug_vbd),
        "can_use_hotplug_vif": _can_plug(features, Feature.hotplug_nic, said.can_use_hotplug_vif),
    }


def _by_position(addresses: Mapping[str, str], vifs: Iterable[VIF]) -> dict[str, str]:
    """Addresses that are known by MACs, as far as these are of the machine's interfaces."""
    positions = {vif.MAC.lower(): vif.device for vif in vifs}
    found: dict[str, str] = {}
    for key, address in addresses.items():
        mac, _, rest = key.partition("/")
        if mac in positions:
            found[f"{positions[mac]}/{rest}"] = address
    return with_first(found)


def _can_plug(features: frozenset[str], feature: Feature, claimed: bool | None) -> TristateType:
    if features & SERVED.keys():
        claimed = feature in features
    return {None: TristateType.unspecified, True: TristateType.yes, False: TristateType.no}[claimed]


def platform_for(vm: VM, report: GuestReport) -> dict[str, str]:
    """VM.platform as the drivers of the guest need it at the next start."""
    platform = dict(vm.platform)
    if _DEVICE_ID.fullmatch(report.device_id):
        platform[DEVICE_ID] = report.device_id
    if report.drivers_version and report.os_version.get("distro", "").lower() == WINDOWS:
        platform.setdefault(VIRIDIAN.name, "true")
    return platform

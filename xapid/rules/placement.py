"""Where a VM may run, and which of these hosts it is started on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xapid.datamodel import VBD, VDI, VGPU, VIF, VM, VUSB, Host, Network, VM_group
from xapid.datamodel.errors import (
    HOST_DISABLED,
    HOST_EVACUATE_IN_PROGRESS,
    HOST_NOT_ENOUGH_PCPUS,
    HOST_NOT_LIVE,
    NO_HOSTS_AVAILABLE,
    OPERATION_NOT_ALLOWED,
    VALUE_NOT_SUPPORTED,
    VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION,
    VM_HVM_REQUIRED,
    VM_INCOMPATIBLE_WITH_THIS_HOST,
    VM_REQUIRES_NETWORK,
    VM_REQUIRES_SR,
    ApiError,
)
from xapid.datamodel.host import HostAllowedOperations
from xapid.datamodel.map_keys import VCPU_UNRESTRICTED
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import DomainType, OnCrashBehaviour
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vm_group import PlacementPolicy
from xapid.rules import gpu, memory, pci, usb, vcpus
from xapid.rules.features import the_pool
from xapid.rules.host import is_live
from xapid.rules.memory import MIB
from xapid.rules.network import reaches
from xapid.rules.sr import is_attached_to
from xapid.store.store import Store

COREDUMPS = (OnCrashBehaviour.coredump_and_destroy, OnCrashBehaviour.coredump_and_restart)

COORDINATOR_SHARE = 0.5
"""A coordinator gets guests as if it had this part of the memory that it has: it has other work to do."""


@dataclass(frozen=True)
class Candidacy:
    """One VM on one host, and how strictly to look."""

    store: Store
    vm: VM
    host: Host
    check_cpu: bool = True
    """Whether a guest that was started before has to find the CPU features it knows."""

    @property
    def stays(self) -> bool:
        """Whether the VM runs on this host already."""
        return self.vm.power_state == State.Running and self.vm.resident_on == self.host.ref


# The checks, in their order


def _crash_action(on: Candidacy) -> None:
    action = on.vm.actions_after_crash
    if action == OnCrashBehaviour.rename_restart:
        raise VALUE_NOT_SUPPORTED("VM.actions_after_crash", action, "a domain without a VM would be left behind")
    if action in COREDUMPS and on.vm.domain_type != DomainType.pv:
        raise VALUE_NOT_SUPPORTED("VM.actions_after_crash", action, "only the memory of PV guests can be dumped")


def _alive(on: Candidacy) -> None:
    if not is_live(on.store, on.host):
        raise HOST_NOT_LIVE


def _home(on: Candidacy) -> None:
    at_home = on.store.find(Host, on.vm.affinity) is None or on.vm.affinity == on.host.ref
    if on.vm.is_control_domain and not at_home:
        raise OPERATION_NOT_ALLOWED("A control domain runs on the host it was made for")


def _enabled(on: Candidacy) -> None:
    if not on.host.enabled and not on.vm.is_control_domain and not on.stays:
        raise HOST_DISABLED(on.host.ref)


def _hardware_platform(on: Candidacy) -> None:
    versions, wanted = on.host.virtual_hardware_platform_versions, on.vm.hardware_platform_version
    if wanted not in versions:
        shown = "; ".join(map(str, versions))
        raise VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION(on.host.ref, f"[{shown}]", on.vm.ref, wanted)


def _cpu(on: Candidacy) -> None:
    flags = on.vm.last_boot_CPU_flags
    if not on.check_cpu or on.vm.power_state == State.Halted:
        return
    vendor = on.host.cpu_info.get("vendor", "")
    if flags.get("vendor", vendor) != vendor:
        raise VM_INCOMPATIBLE_WITH_THIS_HOST(on.vm.ref, on.host.ref, "The VM was started on CPUs of another vendor")
    key = "features_pv_host" if on.vm.domain_type == DomainType.pv else "features_hvm_host"
    if key in on.host.cpu_info and not _covers(on.host.cpu_info[key], flags.get("features", "")):
        raise VM_INCOMPATIBLE_WITH_THIS_HOST(on.vm.ref, on.host.ref, "The VM was started on CPUs with more features")


def _covers(features: str, wanted: str) -> bool:
    """Whether a set of CPU features, words of hexadecimal digits with dashes between, has all of another."""
    return not any(want & ~have for have, want in _words(features, wanted))


def _words(features: str, wanted: str) -> Iterator[tuple[int, int]]:
    have = [int(word, 16) for word in features.split("-") if word]
    for place, word in enumerate(word for word in wanted.split("-") if word):
        yield (have[place] if place < len(have) else 0), int(word, 16)


def _storage(on: Candidacy) -> None:
    disks = [vbd.VDI for vbd in on.store.where(VBD, VM=on.vm.ref) if not vbd.empty]
    if on.vm.power_state == State.Suspended:
        disks.append(on.vm.suspend_VDI)
    for disk in disks:
        sr = on.store.get(VDI, disk).SR
        if not is_attached_to(on.store, sr, on.host.ref):
            raise VM_REQUIRES_SR(on.vm.ref, sr)


def _networks(on: Candidacy) -> None:
    for vif in on.store.where(VIF, VM=on.vm.ref):
        network = on.store.find(Network, vif.network)
        if network is not None and not reaches(on.store, network, on.host):
            raise VM_REQUIRES_NETWORK(on.vm.ref, network.ref)


def _usb(on: Candidacy) -> None:
    for vusb in on.store.where(VUSB, VM=on.vm.ref):
        usb.device_for(on.store, vusb, on.host)


def _hvm(on: Candidacy) -> None:
    if on.vm.domain_type != DomainType.pv and not any(each.startswith("hvm") for each in on.host.capabilities):
        raise VM_HVM_REQUIRED(on.vm.ref)


def _cpus(on: Candidacy) -> None:
    there = int(on.host.cpu_info.get("cpu_count", "0"))
    if on.vm.VCPUs_max > there and not VCPU_UNRESTRICTED.of(on.vm):
        raise HOST_NOT_ENOUGH_PCPUS(on.vm.VCPUs_max, there)


CHECKS: tuple[Callable[[Candidacy], None], ...] = (
    lambda on: gpu.check_supported(on.store, on.vm),
    lambda on: vcpus.check_startable(on.vm),
    lambda on: memory.check_startable(on.vm),
    lambda on: memory.check_shadow_multiplier(on.vm.HVM_shadow_multiplier, "HVM_shadow_multiplier"),
    _crash_action,
    _alive,
    _home,
    _enabled,
    _hardware_platform,
    _cpu,
    _storage,
    _networks,
    lambda on: gpu.check_iommu(on.store, on.vm, on.host),
    lambda on: pci.check_free(on.store, on.vm, on.host),
    lambda on: gpu.check_available(on.store, on.vm, on.host),
    _usb,
    _hvm,
    lambda on: memory.check_fits(on.store, on.vm, on.host),
    _cpus,
)


def assert_can_boot_here(store: Store, vm: VM, host: Host, *, check_cpu: bool = True) -> None:
    """Raise the first reason why a VM cannot be started on a host."""
    candidacy = Candidacy(store, vm, host, check_cpu)
    for check in CHECKS:
        check(candidacy)


def assert_can_start_on(store: Store, vm: VM, host: Host) -> None:
    """As assert_can_boot_here, for a host that a client names. Raises HOST_EVACUATE_IN_PROGRESS as well."""
    if _evacuates(host):
        raise HOST_EVACUATE_IN_PROGRESS(host.ref)
    assert_can_boot_here(store, vm, host)


def host_named(store: Store, host: Host, vm: VM) -> Host:
    """The host that a client names, unless something keeps the VM from it."""
    assert_can_start_on(store, vm, host)
    return host


def _evacuates(host: Host) -> bool:
    return HostAllowedOperations.evacuate in host.current_operations.values()


def _can_boot(store: Store, vm: VM, host: Host, check_cpu: bool) -> bool:
    try:
        assert_can_boot_here(store, vm, host, check_cpu=check_cpu)
    except ApiError:
        return False
    return True


def possible_hosts(store: Store, vm: VM) -> list[Host]:
    """The hosts on which a VM could be started; of one that is about to move, the host it moves to."""
    scheduled = store.find(Host, vm.scheduled_to_be_resident_on)
    if scheduled is not None:
        return [scheduled]
    return [host for host in store.all(Host) if _can_boot(store, vm, host, False)]


# The choice


def choose_host(store: Store, vm: VM, *, force: bool = False, chance: random.Random | None = None) -> Host:
    """The host that a VM is to be started on. Raises NO_HOSTS_AVAILABLE.

    ``force`` passes over the features of CPUs. Of hosts that are as good as each other one is drawn, the likelier
    the more memory it has left.
    """
    scheduled = store.find(Host, vm.scheduled_to_be_resident_on)
    if scheduled is not None:
        return scheduled
    fit = [host for host in store.all(Host) if not _evacuates(host) and _can_boot(store, vm, host, not force)]
    if not fit:
        raise NO_HOSTS_AVAILABLE
    best = _best(store, vm, fit)
    preferred = next((host for host in best if host.ref == vm.affinity), None)
    return preferred or _drawn(store, best, chance)


def _best(store: Store, vm: VM, hosts: Sequence[Host]) -> list[Host]:
    """The hosts of the first rank: apart from its group, or with most room for its GPU; else all alike."""
    ranks = _ranks(store, vm, hosts)
    return [host for host in hosts if ranks[host.ref] == min(ranks.values())]


def _ranks(store: Store, vm: VM, hosts: Sequence[Host]) -> dict[str, int]:
    groups = (store.find(VM_group, ref) for ref in vm.groups)
    apart = next((each for each in groups if each and each.placement == PlacementPolicy.anti_affinity), None)
    if apart is not None:
        return {host.ref: -1 if host.ref == vm.affinity else _members_on(store, apart, host) for host in hosts}
    vgpu = next(iter(store.where(VGPU, VM=vm.ref)), None)
    if vgpu is not None:
        return {host.ref: -gpu.group_capacity(store, vgpu, host) for host in hosts}
    return {host.ref: 0 for host in hosts}


def _members_on(store: Store, group: VM_group, host: Host) -> int:
    """How many VMs of a group run on a host, or are on their way to it."""
    return sum(_destination(vm) == host.ref for vm in store.rows_of(group, "VMs"))


def _destination(vm: VM) -> str:
    if vm.scheduled_to_be_resident_on != NULL:
        return vm.scheduled_to_be_resident_on
    return vm.resident_on if vm.power_state == State.Running else NULL


def _drawn(store: Store, hosts: Sequence[Host], chance: random.Random | None) -> Host:
    if len(hosts) == 1:
        return hosts[0]
    weights = [_weight(store, host) for host in hosts]
    return (chance or random.SystemRandom()).choices(hosts, weights)[0]


def _weight(store: Store, host: Host) -> float:
    pool = the_pool(store)
    biased = pool is not None and pool.coordinator_bias and pool.master == host.ref
    left = max(1, memory.free_memory(store, host) // MIB)
    return left * COORDINATOR_SHARE if biased else float(left)

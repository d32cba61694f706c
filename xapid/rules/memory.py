"""Memory of VMs and hosts: which limits are allowed, what a VM needs, and what a host has left."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from xapid.datamodel import VGPU, VM, Host, HostMetrics, VGPU_type, VM_metrics
from xapid.datamodel.errors import (
    HOST_NOT_ENOUGH_FREE_MEMORY,
    INVALID_VALUE,
    MEMORY_CONSTRAINT_VIOLATION,
    MEMORY_CONSTRAINT_VIOLATION_MAXPIN,
    MEMORY_CONSTRAINT_VIOLATION_ORDER,
)
from xapid.datamodel.map_keys import NESTED_VIRT, PASSED_THROUGH
from xapid.datamodel.types import NULL
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.datamodel.vm import DomainType
from xapid.rules.features import restricted
from xapid.store.index import Tally
from xapid.store.store import Store

KIB = 1 << 10
MIB = 1 << 20
PAGES = 256
"""Pages of 4 KiB in a MiB."""

DOMAIN_MIB = 1
VIDEO_MIB = 1
VCPU_PAGES = 38
SHADOW_VCPU_PAGES = 256
SHADOW_PAGES_PER_MIB = 2
SHIM_MIB = 23
SHIM_SHARE = 90
"""The shim that hosts a PV kernel takes one part in so many of the guest's memory, and SHIM_MIB."""

MANY_VCPUS = 64
"""What an approximate VM.maximise_memory assumes, so that VCPUs can be added later."""

SUSPEND_IMAGE_SPARE = 100 * MIB


class Counted(enum.StrEnum):
    """What a guest counts for in the memory of its host."""

    dynamic_min = "dynamic_min"
    """Guests are squeezed when others need memory: ``ops/vm/balloons.py`` moves their targets."""
    static_max = "static_max"
    """Nobody squeezes them, and each may take all that its machine has."""


COUNTED = "memory_counted"
"""The key of host.software_version that says so; without it guests are squeezed."""


def counted_on(host: Host) -> Counted:
    """What a guest counts for on a host."""
    return Counted(host.software_version.get(COUNTED, Counted.dynamic_min))


@dataclass(frozen=True)
class Limits:
    """The four limits of a VM's memory, in bytes."""

    static_min: int
    dynamic_min: int
    dynamic_max: int
    static_max: int

    @classmethod
    def of(cls, vm: VM) -> Self:
        return cls(vm.memory_static_min, vm.memory_dynamic_min, vm.memory_dynamic_max, vm.memory_static_max)

    @property
    def ordered(self) -> bool:
        return self.static_min <= self.dynamic_min <= self.dynamic_max <= self.static_max

    @property
    def pinned(self) -> bool:
        return self.dynamic_min == self.dynamic_max == self.static_max


def check_limits(store: Store, vm: VM, limits: Limits) -> None:
    """Whether a VM may get these limits. Raises MEMORY_CONSTRAINT_VIOLATION_ORDER, _MAXPIN."""
    if not limits.ordered:
        raise MEMORY_CONSTRAINT_VIOLATION_ORDER
    reason = "" if limits.pinned else _why_pinned(store, vm)
    if reason:
        raise MEMORY_CONSTRAINT_VIOLATION_MAXPIN(reason)


def _why_pinned(store: Store, vm: VM) -> str:
    """Why a VM's memory cannot change while it runs; empty if it can."""
    if restricted(store, "dmc"):
        return "DMC disabled"
    if vm.is_control_domain:
        return "control domain"
    if nested_virt(store, vm):
        return "nested virt"
    types = (store.find(VGPU_type, vgpu.type) for vgpu in store.where(VGPU, VM=vm.ref))
    if any(each is not None and each.implementation is VgpuTypeImplementation.nvidia_sriov for each in types):
        return "SRIOV vGPU"
    return ""


def nested_virt(store: Store, vm: VM) -> bool:
    """Whether the guest can run guests of its own: as it was started, or, without metrics, as it would be."""
    metrics = store.find(VM_metrics, vm.metrics)
    return metrics.nested_virt if metrics is not None else NESTED_VIRT.of(vm)


def check_startable(vm: VM) -> None:
    """Whether a machine can be made from the limits: a start cuts dynamic_max, nothing else.

    Raises MEMORY_CONSTRAINT_VIOLATION.
    """
    if not vm.memory_static_min <= vm.memory_dynamic_min <= min(vm.memory_dynamic_max, vm.memory_static_max):
        raise MEMORY_CONSTRAINT_VIOLATION


def check_shadow_multiplier(multiplier: float, name: str = "multiplier") -> None:
    """Raises INVALID_VALUE for a multiplier below one."""
    if multiplier < 1:
        raise INVALID_VALUE(name, ocaml_float(multiplier))


def ocaml_float(value: float) -> str:
    """A number as the original writes it in errors: a whole one ends in a point."""
    text = f"{value:.12g}"
    return f"{text}." if text.lstrip("-").isdigit() else text


# Overhead and need


LARGEST = 2**63 - 1
"""The largest number of 64 bits: a shadow multiplier may be anything."""


def overhead(domain_type: DomainType, vcpus: int, static_max: int, multiplier: float) -> int:
    """Memory that a machine takes besides what its guest sees, in bytes; never more than a number of the API holds."""
    mib = _mib_in(static_max)
    shadow = _whole(_mib_of_pages(SHADOW_VCPU_PAGES * vcpus + SHADOW_PAGES_PER_MIB * mib) * multiplier)
    total = DOMAIN_MIB + max(1, shadow) + _mib_of_pages(VCPU_PAGES * vcpus)
    if domain_type is not DomainType.pv:
        total += VIDEO_MIB
    if domain_type is DomainType.pv_in_pvh:
        total += SHIM_MIB + mib // SHIM_SHARE
    return min(total * MIB, LARGEST)


def _whole(number: float) -> int:
    """Without its fraction; infinity, and what is no number, become the largest there is, or nothing."""
    return int(number) if math.isfinite(number) else LARGEST if number > 0 else 0


def _mib_in(size: int) -> int:
    """A size in MiB, counted up: a part of one takes all of it."""
    return -(-size // MIB)


def _mib_of_pages(pages: int) -> int:
    return -(-pages // PAGES)


def vm_overhead(vm: VM) -> int:
    """VM.memory_overhead as it should be, in bytes."""
    return overhead(vm.domain_type, vm.VCPUs_max, vm.memory_static_max, vm.HVM_shadow_multiplier)


def keeps_all(vm: VM) -> bool:
    """Whether a guest cannot give memory back: a PV kernel in its shim, and one into whose memory devices write.

    Of cards that a machine is yet to get ``starts_with_all`` knows.
    """
    return vm.domain_type is DomainType.pv_in_pvh or bool(vm.attached_PCIs or vm.other_config.get(PASSED_THROUGH.name))


def starts_with_all(store: Store, vm: VM) -> bool:
    """The same of a machine that is about to start, which may be to get a graphics card."""
    return keeps_all(vm) or has_card(store, vm)


def has_card(store: Store, vm: VM) -> bool:
    """Whether a machine has, or is to get, a whole graphics card of the host."""
    types = (store.find(VGPU_type, vgpu.type) for vgpu in store.where(VGPU, VM=vm.ref))
    return any(each is not None and each.implementation is VgpuTypeImplementation.passthrough for each in types)


def main_memory(vm: VM, counted: Counted) -> int:
    """What a guest sees of the host's memory, in bytes: whole MiB."""
    squeezed = counted is Counted.dynamic_min and not keeps_all(vm)
    size = vm.memory_dynamic_min if squeezed else vm.memory_static_max
    return _mib_in(size) * MIB


def start_memory(store: Store, vm: VM, counted: Counted) -> int:
    """What a start needs, in bytes."""
    return main_memory(vm, Counted.static_max if has_card(store, vm) else counted) + vm_overhead(vm)


def guests_of(store: Store, host: Host) -> dict[str, VM]:
    """The VMs that take memory of a host, by reference: those that are there, and those that are about to come."""
    here = (*store.where(VM, resident_on=host.ref), *store.where(VM, scheduled_to_be_resident_on=host.ref))
    return {vm.ref: vm for vm in here}


def for_guests(store: Store, host: Host, guests: Iterable[VM]) -> int:
    """What a host has for guests, in bytes, after what it takes itself and by having these. May be negative."""
    metrics = store.find(HostMetrics, host.metrics)
    total = metrics.memory_total if metrics is not None else 0
    return total - host.memory_overhead - sum(vm.memory_overhead for vm in guests)


GUESTS = Tally(
    "VM",
    frozenset(
        {
            "resident_on",
            "scheduled_to_be_resident_on",
            "memory_overhead",
            "memory_dynamic_min",
            "memory_static_max",
            "domain_type",
            "attached_PCIs",
            "other_config",
        }
    ),
    lambda vm: {vm.resident_on, vm.scheduled_to_be_resident_on} - {NULL},
    lambda vm: (vm.memory_overhead, *(main_memory(vm, counted) for counted in Counted)),
)
"""What the guests of each host take: the overhead of all, and the memory of all as each way of counting has it."""


def _taken(sums: tuple[int, ...], counted: Counted) -> int:
    return sums[0] + sums[1 + list(Counted).index(counted)]


def free_memory(store: Store, host: Host, leaving_out: str = NULL, counted: Counted | None = None) -> int:
    """What a host has left for guests, in bytes, not counting one VM by its reference. May be negative.

    ``counted``: what each counts for, if not what it counts for on this host.
    """
    counted = counted or counted_on(host)
    free = for_guests(store, host, ()) - _taken(store.sums(GUESTS, host.ref) or (0, 0, 0), counted)
    left_out = store.find(VM, leaving_out)
    if left_out is not None and host.ref in GUESTS.keys(left_out):
        free += _taken(GUESTS.amounts(left_out), counted)
    return free


def check_fits(store: Store, vm: VM, host: Host) -> None:
    """Whether a host has the memory that a start needs. Raises HOST_NOT_ENOUGH_FREE_MEMORY."""
    needed = start_memory(store, vm, counted_on(host))
    available = free_memory(store, host, leaving_out=vm.ref)
    if available < needed:
        raise HOST_NOT_ENOUGH_FREE_MEMORY(needed, available)


def check_can_grow(store: Store, vm: VM, dynamic_min: int) -> None:
    """Whether the host of a running VM has what a greater dynamic_min takes. Raises HOST_NOT_ENOUGH_FREE_MEMORY.

    Counted in KiB in this one place.
    """
    host = store.find(Host, vm.resident_on)
    needed = (dynamic_min - vm.memory_dynamic_min) // KIB
    if host is None or needed <= 0 or counted_on(host) is Counted.static_max:
        return
    available = free_memory(store, host) // KIB
    if available < needed:
        raise HOST_NOT_ENOUGH_FREE_MEMORY(needed, available)


def maximise_memory(vm: VM, total: int, *, approximate: bool) -> int:
    """The largest static_max that fits into ``total`` bytes together with its overhead, in whole MiB."""
    vcpus = MANY_VCPUS if approximate else vm.VCPUs_max
    # The original forgets the multiplier here for PV guests, though not in their overhead.
    multiplier = 1.0 if vm.domain_type is DomainType.pv else vm.HVM_shadow_multiplier

    def fits(mib: int) -> bool:
        size = mib * MIB
        return size + overhead(vm.domain_type, vcpus, size, multiplier) <= total

    low, high = 0, max(0, total // MIB)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low * MIB


def suspend_image_size(store: Store, vm: VM) -> int:
    """How large a disk for the image of a suspended VM has to be, in bytes."""
    types = (store.find(VGPU_type, vgpu.type) for vgpu in store.where(VGPU, VM=vm.ref))
    frame_buffers = sum(each.framebuffer_size for each in types if each is not None)
    return int(vm.memory_static_max * 1.2 * 1.05) + frame_buffers + SUSPEND_IMAGE_SPARE

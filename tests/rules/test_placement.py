"""Where a VM may run, in which order that is checked, and which host is chosen."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.rules.rows import GIB, World
from xapid.datamodel import (
    PBD,
    PGPU,
    PIF,
    PUSB,
    SR,
    VBD,
    VDI,
    VGPU,
    VIF,
    VM,
    VUSB,
    GPU_group,
    Host,
    HostMetrics,
    Network,
    USB_group,
    VGPU_type,
    VM_group,
)
from xapid.datamodel.errors import NO_HOSTS_AVAILABLE, ApiError
from xapid.datamodel.host import HostAllowedOperations
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.datamodel.vm import DomainType, OnCrashBehaviour
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vm_group import PlacementPolicy
from xapid.rules.memory import COUNTED, MIB, Counted
from xapid.rules.placement import assert_can_boot_here, assert_can_start_on, choose_host, possible_hosts


def machine(world: World, **fields: Any) -> VM:
    size = fields.pop("size", 256 * MIB)
    sizes = {f"memory_{limit}": size for limit in ("dynamic_min", "dynamic_max", "static_max")}
    defaults = {"domain_type": DomainType.hvm, "VCPUs_max": 2, "VCPUs_at_startup": 1, "hardware_platform_version": 2}
    return world.make(VM, **{**defaults, **sizes, "memory_static_min": 128 * MIB, **fields})


def second_host(world: World, memory_total: int = 16 * GIB, **fields: Any) -> Host:
    metrics = world.make(HostMetrics, live=True, memory_total=memory_total)
    likeness = {
        field: getattr(world.host, field)
        for field in ("enabled", "capabilities", "cpu_info", "virtual_hardware_platform_versions")
    }
    return world.make(Host, **{**likeness, "metrics": metrics.ref, **fields})


def obstacle(world: World, vm: VM, host: Host | None = None, **how: Any) -> list[str]:
    """Why a VM cannot boot on a host; nothing if it can."""
    try:
        assert_can_boot_here(world.store, world.now(vm), world.now(host or world.host), **how)
    except ApiError as error:
        return error.description
    return []


def possible(world: World, vm: VM) -> list[str]:
    return [host.ref for host in possible_hosts(world.store, vm)]


def chosen(world: World, vm: VM) -> str:
    return choose_host(world.store, vm).ref


def disk_of(world: World, vm: VM, **fields: Any) -> SR:
    """The SR of a new disk of a VM; no host has it."""
    sr = world.make(SR)
    world.make(VBD, VM=vm.ref, VDI=world.make(VDI, SR=sr.ref).ref, **fields)
    return sr


def test_an_ordinary_vm_runs_anywhere(world: World) -> None:
    vm, other = machine(world), second_host(world)

    assert obstacle(world, vm) == []
    assert possible(world, vm) == [world.host.ref, other.ref]


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"VCPUs_max": 0, "VCPUs_at_startup": 0}, ["INVALID_VALUE", "VCPUs_max", "0"]),
        ({"VCPUs_max": -1}, ["INVALID_VALUE", "VCPUs_max", "-1"]),
        ({"VCPUs_max": 1, "VCPUs_at_startup": 2}, ["VALUE_NOT_SUPPORTED", "VCPUs-at-startup", "2"]),
        ({"memory_static_max": 0}, ["MEMORY_CONSTRAINT_VIOLATION"]),
        ({"memory_dynamic_min": GIB}, ["MEMORY_CONSTRAINT_VIOLATION"]),
        ({"HVM_shadow_multiplier": 0.5}, ["INVALID_VALUE", "HVM_shadow_multiplier", "0.5"]),
        (
            {"actions_after_crash": OnCrashBehaviour.rename_restart},
            ["VALUE_NOT_SUPPORTED", "VM.actions_after_crash", "rename_restart"],
        ),
        (
            {"actions_after_crash": OnCrashBehaviour.coredump_and_destroy},
            ["VALUE_NOT_SUPPORTED", "VM.actions_after_crash", "coredump_and_destroy"],
        ),
        ({"actions_after_crash": OnCrashBehaviour.coredump_and_restart, "domain_type": DomainType.pv}, []),
        (
            {"hardware_platform_version": 9},
            ["VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", "host", "[0; 1; 2]", "vm", "9"],
        ),
        ({"size": 9999999999999}, ["HOST_NOT_ENOUGH_FREE_MEMORY", "10078131322880", str(16 * GIB)]),
        ({"VCPUs_max": 1000}, ["HOST_NOT_ENOUGH_PCPUS", "1000", "8"]),
        ({"VCPUs_max": 1000, "platform": {"vcpu-unrestricted": "true"}}, []),
        ({"is_a_template": True}, []),
        ({"memory_dynamic_max": GIB}, []),
        ({"affinity": "OpaqueRef:ghost"}, []),
    ],
)
def test_settings_keep_a_vm_from_starting(world: World, fields: dict[str, Any], error: list[str]) -> None:
    vm = machine(world, **fields)

    names = {"host": world.host.ref, "vm": vm.ref}
    assert obstacle(world, vm)[: len(error)] == [names.get(word, word) for word in error]
    assert possible(world, vm) == ([] if error else [world.host.ref])


def test_a_host_has_to_be_alive_and_enabled(world: World) -> None:
    vm = machine(world)

    host = world.set(world.host, enabled=False)
    assert obstacle(world, vm) == ["HOST_DISABLED", host.ref]

    world.set(world.store.get(HostMetrics, host.metrics), live=False)
    assert obstacle(world, vm) == ["HOST_NOT_LIVE"]


def test_what_runs_here_may_go_on_here(world: World) -> None:
    vm = machine(world, power_state=State.Running, resident_on=world.host.ref)

    world.set(world.host, enabled=False)

    assert obstacle(world, vm) == []


def test_a_control_domain_runs_at_home_and_on_a_disabled_host(world: World) -> None:
    world.set(world.host, enabled=False)
    other = second_host(world)
    vm = machine(world, is_control_domain=True, affinity=world.host.ref)

    assert obstacle(world, vm) == []
    assert obstacle(world, vm, other)[0] == "OPERATION_NOT_ALLOWED"


@pytest.mark.parametrize(
    "flags, error",
    [
        ({}, ""),
        ({"vendor": "GenuineIntel", "features": "0000000f-00000001"}, ""),
        ({"vendor": "AuthenticAMD"}, "VM_INCOMPATIBLE_WITH_THIS_HOST"),
        ({"vendor": "GenuineIntel", "features": "0000001f"}, "VM_INCOMPATIBLE_WITH_THIS_HOST"),
        ({"features": "00000001-00000000-00000001"}, "VM_INCOMPATIBLE_WITH_THIS_HOST"),
    ],
)
def test_a_guest_finds_the_cpu_it_knows(world: World, flags: dict[str, str], error: str) -> None:
    features = {"features_hvm_host": "0000000f-00000003"}
    world.set(world.host, cpu_info={**world.host.cpu_info, **features})
    image = world.make(VDI, SR=world.make(SR).ref)
    world.make(PBD, SR=image.SR, host=world.host.ref, currently_attached=True)
    vm = machine(world, power_state=State.Suspended, last_boot_CPU_flags=flags, suspend_VDI=image.ref)

    assert (obstacle(world, vm) or [""])[0] == error
    assert obstacle(world, vm, check_cpu=False) == []
    assert obstacle(world, world.set(vm, power_state=State.Halted)) == []


def test_every_disk_has_to_be_there(world: World) -> None:
    vm = machine(world)
    sr = disk_of(world, vm)
    assert obstacle(world, vm) == ["VM_REQUIRES_SR", vm.ref, sr.ref]

    pbd = world.make(PBD, SR=sr.ref, host=world.host.ref, currently_attached=False)
    assert obstacle(world, vm) == ["VM_REQUIRES_SR", vm.ref, sr.ref]

    world.set(pbd, currently_attached=True)
    assert obstacle(world, vm) == []


def test_an_empty_drive_needs_no_disk(world: World) -> None:
    vm = machine(world)

    disk_of(world, vm, empty=True)

    assert obstacle(world, vm) == []


def test_the_image_of_a_suspended_vm_has_to_be_there(world: World) -> None:
    sr = world.make(SR)
    vm = machine(world, power_state=State.Suspended, suspend_VDI=world.make(VDI, SR=sr.ref).ref)
    ghost = machine(world, power_state=State.Suspended, suspend_VDI="OpaqueRef:ghost")

    assert obstacle(world, vm) == ["VM_REQUIRES_SR", vm.ref, sr.ref]
    assert obstacle(world, ghost) == ["HANDLE_INVALID", "VDI", "OpaqueRef:ghost"]
    assert possible(world, ghost) == []


def test_every_network_has_to_be_there(world: World) -> None:
    vm, network = machine(world), world.make(Network, managed=True)
    world.make(VIF, VM=vm.ref, network=network.ref)
    world.make(PIF, network=network.ref, host="OpaqueRef:elsewhere")

    assert obstacle(world, vm) == ["VM_REQUIRES_NETWORK", vm.ref, network.ref]


def test_a_usb_device_has_to_be_plugged_into_the_host(world: World) -> None:
    vm, group = machine(world), world.make(USB_group)
    world.make(VUSB, VM=vm.ref, USB_group=group.ref)
    assert obstacle(world, vm)[0] == "OPERATION_NOT_ALLOWED"

    device = world.make(PUSB, USB_group=group.ref, host=world.host.ref)
    assert obstacle(world, vm)[0] == "OPERATION_NOT_ALLOWED"

    world.set(device, passthrough_enabled=True)
    assert obstacle(world, vm) == []


@pytest.mark.parametrize("how", [{"currently_attached": True}, {"current_operations": {"OpaqueRef:task": "attach"}}])
def test_a_usb_device_that_another_machine_has_is_not_free(world: World, how: dict[str, Any]) -> None:
    group = world.make(USB_group)
    world.make(PUSB, USB_group=group.ref, host=world.host.ref, passthrough_enabled=True)
    vm, other = machine(world), machine(world)
    vusb = world.make(VUSB, VM=vm.ref, USB_group=group.ref, currently_attached=True)
    assert obstacle(world, vm) == []

    world.make(VUSB, VM=other.ref, USB_group=group.ref, **how)

    text = f"VUSB {vusb.ref} is not available on Host {world.host.ref}"
    assert obstacle(world, vm) == ["OPERATION_NOT_ALLOWED", text]


@pytest.mark.parametrize("kind, needs_hvm", [("hvm", True), ("pvh", True), ("pv_in_pvh", True), ("pv", False)])
def test_most_machines_need_a_cpu_that_helps(world: World, kind: str, needs_hvm: bool) -> None:
    world.set(world.host, capabilities=("xen-3.0-x86_64",))
    vm = machine(world, domain_type=DomainType(kind))

    assert obstacle(world, vm) == (["VM_HVM_REQUIRED", vm.ref] if needs_hvm else [])


# Graphics


def graphics(world: World, vm: VM, **fields: Any) -> tuple[GPU_group, VGPU_type]:
    """A virtual GPU for a VM: its group, its type."""
    group = world.make(GPU_group)
    kind = world.make(VGPU_type, **{"implementation": VgpuTypeImplementation.nvidia, **fields})
    world.make(VGPU, VM=vm.ref, GPU_group=group.ref, type=kind.ref)
    return group, kind


def processor(world: World, group: GPU_group, kind: VGPU_type, capacity: int, host: Host | None = None) -> PGPU:
    return world.make(
        PGPU,
        host=(host or world.host).ref,
        GPU_group=group.ref,
        enabled_VGPU_types=(kind.ref,),
        supported_VGPU_max_capacities={kind.ref: capacity},
    )


def test_a_virtual_gpu_needs_a_processor_with_room(world: World) -> None:
    vm = machine(world)
    group, kind = graphics(world, vm)
    assert obstacle(world, vm) == ["VM_REQUIRES_GPU", vm.ref, group.ref]

    pgpu = processor(world, group, kind, capacity=1)
    assert obstacle(world, vm) == []

    world.make(VGPU, VM=machine(world).ref, GPU_group=group.ref, type=kind.ref, resident_on=pgpu.ref)
    assert obstacle(world, vm) == ["VM_REQUIRES_VGPU", vm.ref, group.ref, kind.ref]


def test_one_processor_serves_one_type_at_a_time(world: World) -> None:
    vm = machine(world)
    group, kind = graphics(world, vm)
    pgpu = processor(world, group, kind, capacity=8)

    world.make(VGPU, type=world.make(VGPU_type).ref, GPU_group=group.ref, resident_on=pgpu.ref)

    assert obstacle(world, vm) == ["VM_REQUIRES_VGPU", vm.ref, group.ref, kind.ref]


def test_all_gpus_of_a_vm_need_room(world: World) -> None:
    vm = machine(world)
    group, kind = graphics(world, vm)
    world.make(VGPU, VM=vm.ref, GPU_group=group.ref, type=kind.ref)

    processor(world, group, kind, capacity=1)

    assert obstacle(world, vm) == ["VM_REQUIRES_VGPU", vm.ref, group.ref, kind.ref]


def test_a_whole_gpu_needs_an_iommu(world: World) -> None:
    vm = machine(world)
    group, kind = graphics(world, vm, implementation=VgpuTypeImplementation.passthrough)
    processor(world, group, kind, capacity=1)
    assert obstacle(world, vm) == ["VM_REQUIRES_IOMMU", world.host.ref]

    world.set(world.host, chipset_info={"iommu": "true"})
    assert obstacle(world, vm) == []


def test_one_kind_of_virtual_gpu_is_no_longer_made(world: World) -> None:
    vm = machine(world, VCPUs_max=0)

    graphics(world, vm, implementation=VgpuTypeImplementation.gvt_g, vendor_name="Intel", model_name="GVT")

    assert obstacle(world, vm) == ["VGPU_TYPE_NO_LONGER_SUPPORTED", "Intel: GVT"]


# Order


def test_the_first_obstacle_is_told(world: World) -> None:
    """Each step takes the obstacle away that was told, with all later ones still there."""
    world.set(world.host, enabled=False, capabilities=(), cpu_info={"cpu_count": "1"})
    metrics = world.set(world.store.get(HostMetrics, world.host.metrics), live=False, memory_total=0)
    vm = machine(world, VCPUs_at_startup=9, hardware_platform_version=7, HVM_shadow_multiplier=0.0, size=0)
    vm = world.set(vm, actions_after_crash=OnCrashBehaviour.rename_restart)
    sr = disk_of(world, vm)
    network = world.make(Network, managed=True)
    world.make(VIF, VM=vm.ref, network=network.ref)
    pif = world.make(PIF, network=network.ref, host="OpaqueRef:elsewhere")
    group, kind = graphics(world, vm, implementation=VgpuTypeImplementation.passthrough)
    usb = world.make(USB_group)
    world.make(VUSB, VM=vm.ref, USB_group=usb.ref)

    steps: list[tuple[str, Callable[[], object]]] = [
        ("VALUE_NOT_SUPPORTED", lambda: world.set(vm, VCPUs_at_startup=1)),
        ("MEMORY_CONSTRAINT_VIOLATION", lambda: world.set(vm, memory_static_min=0)),
        ("INVALID_VALUE", lambda: world.set(vm, HVM_shadow_multiplier=1.0)),
        ("VALUE_NOT_SUPPORTED", lambda: world.set(vm, actions_after_crash=OnCrashBehaviour.restart)),
        ("HOST_NOT_LIVE", lambda: world.set(metrics, live=True)),
        ("HOST_DISABLED", lambda: world.set(world.host, enabled=True)),
        (
            "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION",
            lambda: world.set(vm, hardware_platform_version=0),
        ),
        ("VM_REQUIRES_SR", lambda: world.make(PBD, SR=sr.ref, host=world.host.ref, currently_attached=True)),
        ("VM_REQUIRES_NETWORK", lambda: world.set(pif, host=world.host.ref)),
        ("VM_REQUIRES_IOMMU", lambda: world.set(world.host, chipset_info={"iommu": "true"})),
        ("VM_REQUIRES_GPU", lambda: processor(world, group, kind, 1)),
        (
            "OPERATION_NOT_ALLOWED",
            lambda: world.make(PUSB, USB_group=usb.ref, host=world.host.ref, passthrough_enabled=True),
        ),
        ("VM_HVM_REQUIRED", lambda: world.set(world.host, capabilities=("hvm-3.0-x86_64",))),
        ("HOST_NOT_ENOUGH_FREE_MEMORY", lambda: world.set(metrics, memory_total=GIB)),
        ("HOST_NOT_ENOUGH_PCPUS", lambda: world.set(vm, VCPUs_max=1)),
    ]
    told = []
    for _, take_away in steps:
        told.append(obstacle(world, vm)[0])
        take_away()

    assert told == [error for error, _ in steps]
    assert obstacle(world, vm) == []


# The choice


def test_without_a_host_there_is_no_start(world: World) -> None:
    with pytest.raises(NO_HOSTS_AVAILABLE):
        choose_host(world.store, machine(world, size=9999999999999))


def test_a_vm_that_is_about_to_move_goes_where_it_was_to_go(world: World) -> None:
    other = second_host(world, enabled=False)
    vm = machine(world, scheduled_to_be_resident_on=other.ref)

    assert chosen(world, vm) == other.ref
    assert possible(world, vm) == [other.ref]


def test_a_vm_goes_to_the_host_it_likes_if_it_can(world: World) -> None:
    other = second_host(world)
    vm = machine(world, affinity=other.ref)
    assert chosen(world, vm) == other.ref

    world.set(other, enabled=False)
    assert chosen(world, vm) == world.host.ref


def test_no_vm_goes_to_a_host_that_is_emptied(world: World) -> None:
    vm = machine(world)

    host = world.set(world.host, current_operations={"OpaqueRef:task": HostAllowedOperations.evacuate})

    with pytest.raises(NO_HOSTS_AVAILABLE):
        choose_host(world.store, vm)
    with pytest.raises(ApiError) as error:
        assert_can_start_on(world.store, vm, host)
    assert error.value.description == ["HOST_EVACUATE_IN_PROGRESS", host.ref]


def test_a_host_named_by_a_client_is_checked(world: World) -> None:
    assert_can_start_on(world.store, machine(world), world.host)
    with pytest.raises(ApiError) as error:
        assert_can_start_on(world.store, machine(world, VCPUs_max=1000), world.host)
    assert error.value.code == "HOST_NOT_ENOUGH_PCPUS"


def test_guests_that_cannot_be_squeezed_need_all_their_memory(world: World) -> None:
    vm = machine(world, memory_static_max=32 * GIB, memory_dynamic_max=32 * GIB)

    assert chosen(world, vm) == world.host.ref
    world.set(world.host, software_version={COUNTED: Counted.static_max.value})
    with pytest.raises(NO_HOSTS_AVAILABLE):
        choose_host(world.store, vm)


def test_members_of_a_group_keep_apart(world: World) -> None:
    other, third = second_host(world), second_host(world)
    group = world.make(VM_group, placement=PlacementPolicy.anti_affinity)
    machine(world, groups=(group.ref,), power_state=State.Running, resident_on=world.host.ref)
    machine(world, groups=(group.ref,), power_state=State.Halted, scheduled_to_be_resident_on=other.ref)
    machine(world, groups=(group.ref,), power_state=State.Paused, resident_on=third.ref)

    assert chosen(world, machine(world, groups=(group.ref,))) == third.ref
    assert chosen(world, machine(world, groups=(group.ref,), affinity=other.ref)) == other.ref


def test_a_group_without_a_policy_does_not_matter(world: World) -> None:
    group = world.make(VM_group, placement=PlacementPolicy.normal)
    machine(world, groups=(group.ref,), power_state=State.Running, resident_on=world.host.ref)
    vm = machine(world, groups=(group.ref,), affinity=world.host.ref)
    second_host(world)

    assert chosen(world, vm) == world.host.ref


def test_a_gpu_is_used_where_most_is_left(world: World) -> None:
    vm, other = machine(world), second_host(world)
    group, kind = graphics(world, vm)
    processor(world, group, kind, 1)
    processor(world, group, kind, 4, other)

    assert chosen(world, vm) == other.ref


def test_else_chance_decides_by_free_memory_and_spares_the_coordinator(world: World) -> None:
    large, small = second_host(world, 16 * GIB), second_host(world, 2 * GIB)
    vm, chance = machine(world), random.Random(1)

    drawn = [choose_host(world.store, vm, chance=chance).ref for _ in range(520)]

    # The coordinator and the large host have the same memory, the small one an eighth of it: 4 to 8 to 1.
    assert 240 < drawn.count(large.ref) < 400
    assert 100 < drawn.count(world.host.ref) < 220
    assert 10 < drawn.count(small.ref) < 80

"""Memory that VMs may have and need, and that hosts have left. Numbers are the recorded ones."""

from __future__ import annotations

import math
from typing import Any

import pytest

from xapid.datamodel import VGPU, VM, Host, HostMetrics, Pool, VGPU_type, VM_metrics
from xapid.datamodel.errors import (
    HOST_NOT_ENOUGH_FREE_MEMORY,
    INVALID_VALUE,
    MEMORY_CONSTRAINT_VIOLATION,
    MEMORY_CONSTRAINT_VIOLATION_MAXPIN,
    MEMORY_CONSTRAINT_VIOLATION_ORDER,
)
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.datamodel.vm import DomainType
from xapid.rules.memory import (
    COUNTED,
    MIB,
    Counted,
    Limits,
    check_can_grow,
    check_fits,
    check_limits,
    check_shadow_multiplier,
    check_startable,
    free_memory,
    maximise_memory,
    ocaml_float,
    overhead,
    start_memory,
    suspend_image_size,
    vm_overhead,
)
from xapid.store.store import Store

GIB = 1024 * MIB


@pytest.fixture
def store() -> Store:
    return Store()


def make_vm(store: Store, **fields: Any) -> VM:
    size = fields.pop("size", 256 * MIB)
    fields = {
        "domain_type": DomainType.hvm,
        "VCPUs_max": 2,
        "VCPUs_at_startup": 1,
        "memory_static_min": 128 * MIB,
        "memory_dynamic_min": size,
        "memory_dynamic_max": size,
        "memory_static_max": size,
        **fields,
    }
    with store.write() as tx:
        return tx.create(VM, **fields)


def make_host(store: Store, total: int, memory_overhead: int = 0) -> Host:
    with store.write() as tx:
        metrics = tx.create(HostMetrics, memory_total=total, live=True)
        return tx.create(Host, metrics=metrics.ref, memory_overhead=memory_overhead)


@pytest.mark.parametrize(
    "limits, ordered",
    [
        (Limits(128, 256, 256, 256), True),
        (Limits(128, 128, 256, 256), True),
        (Limits(128, 128, 128, 256), True),
        (Limits(0, 0, 0, 0), True),
        (Limits(-1, 256, 256, 256), True),
        (Limits(256, 128, 128, 128), False),
        (Limits(128, 256, 128, 256), False),
        (Limits(128, 512, 512, 256), False),
        (Limits(128, -5, -5, -5), False),
    ],
)
def test_limits_are_in_order_whatever_their_size(store: Store, limits: Limits, ordered: bool) -> None:
    vm = make_vm(store)

    if ordered:
        check_limits(store, vm, limits)
        return
    with pytest.raises(MEMORY_CONSTRAINT_VIOLATION_ORDER):
        check_limits(store, vm, limits)


def restrict(store: Store) -> dict[str, Any]:
    with store.write() as tx:
        tx.create(Pool, restrictions={"restrict_dmc": "true"})
    return {}


def nested(store: Store) -> dict[str, Any]:
    with store.write() as tx:
        return {"metrics": tx.create(VM_metrics, nested_virt=True).ref}


@pytest.mark.parametrize(
    "prepare, reason",
    [
        (restrict, "DMC disabled"),
        (lambda store: {"is_control_domain": True}, "control domain"),
        (nested, "nested virt"),
        (lambda store: {"platform": {"nested-virt": "true"}}, "nested virt"),
    ],
)
def test_memory_of_some_vms_is_pinned(store: Store, prepare: Any, reason: str) -> None:
    vm = make_vm(store, **prepare(store))

    check_limits(store, vm, Limits(1, 5, 5, 5))
    with pytest.raises(MEMORY_CONSTRAINT_VIOLATION_MAXPIN) as error:
        check_limits(store, vm, Limits(1, 4, 5, 5))
    assert error.value.args == (reason,)


def test_memory_of_a_vm_with_an_sriov_gpu_is_pinned(store: Store) -> None:
    vm = make_vm(store)
    with store.write() as tx:
        kind = tx.create(VGPU_type, implementation=VgpuTypeImplementation.nvidia_sriov, framebuffer_size=GIB)
        tx.create(VGPU, VM=vm.ref, type=kind.ref)

    with pytest.raises(MEMORY_CONSTRAINT_VIOLATION_MAXPIN) as error:
        check_limits(store, vm, Limits(1, 4, 5, 5))

    assert error.value.args == ("SRIOV vGPU",)
    assert suspend_image_size(store, vm) == int(256 * MIB * 1.2 * 1.05) + GIB + 100 * MIB


@pytest.mark.parametrize(
    "fields, good",
    [
        ({}, True),
        ({"memory_dynamic_max": 512 * MIB}, True),
        ({"memory_static_max": 0}, False),
        ({"memory_static_max": -1}, False),
        ({"memory_dynamic_min": 512 * MIB}, False),
        ({"memory_static_min": 512 * MIB}, False),
    ],
)
def test_a_start_forgives_a_dynamic_maximum_that_is_too_large(store: Store, fields: dict[str, int], good: bool) -> None:
    vm = make_vm(store, **fields)

    if good:
        check_startable(vm)
        return
    with pytest.raises(MEMORY_CONSTRAINT_VIOLATION):
        check_startable(vm)


@pytest.mark.parametrize(
    "domain_type, vcpus, mib, multiplier, expected",
    [
        ("hvm", 2, 256, 1.0, 7340032),
        ("hvm", 2, 512, 1.0, 9437184),
        ("hvm", 2, 512, 2.5, 18874368),
        ("hvm", 2, 0, 1.0, 5242880),
        ("hvm", 0, 256, 1.0, 4194304),
        ("hvm", -1, 256, 1.0, 3145728),
        ("hvm", 64, 131072, 1.0, 1153433600),
        ("pvh", 2, 256, 1.0, 7340032),
        ("pv", 2, 256, 1.0, 6291456),
        ("pv", 2, 512, 4.0, 27262976),
        ("pv_in_pvh", 1, 64, 1.0, 29360128),
        ("pv_in_pvh", 8, 4096, 4.0, 243269632),
        ("pv_in_pvh", 64, 131072, 1.0, 2704277504),
    ],
)
def test_a_machine_takes_more_than_its_guest_sees(
    store: Store, domain_type: str, vcpus: int, mib: int, multiplier: float, expected: int
) -> None:
    kind = DomainType(domain_type)
    vm = make_vm(store, domain_type=kind, VCPUs_max=vcpus, size=mib * MIB, HVM_shadow_multiplier=multiplier)

    assert overhead(kind, vcpus, mib * MIB, multiplier) == expected
    assert vm_overhead(vm) == expected


def test_a_part_of_a_mib_takes_all_of_it() -> None:
    assert overhead(DomainType.hvm, 2, 1000000, 1.0) == 6 * MIB


@pytest.mark.parametrize(
    "fields, total, approximate, expected",
    [
        ({}, 536870912, True, 452984832),
        ({}, 536870912, False, 527433728),
        ({}, 0, True, 0),
        ({}, 1000, False, 0),
        ({}, -1, False, 0),
        ({}, 100000000000, False, 99218358272),
        ({"VCPUs_max": 64}, 67108864, True, 0),
        ({"domain_type": DomainType.pv, "VCPUs_max": 8, "HVM_shadow_multiplier": 4.0}, 4294967296, False, 4249878528),
        ({"domain_type": DomainType.pv_in_pvh, "VCPUs_max": 1}, 67108864, False, 37748736),
        ({"domain_type": DomainType.pv_in_pvh, "VCPUs_max": 1}, 137438953472, True, 134783959040),
    ],
)
def test_the_most_memory_that_fits_is_found(
    store: Store, fields: dict[str, Any], total: int, approximate: bool, expected: int
) -> None:
    assert maximise_memory(make_vm(store, **fields), total, approximate=approximate) == expected


@pytest.mark.parametrize(
    "value, text", [(0.5, "0.5"), (0.0, "0."), (-1.0, "-1."), (0.1 + 0.2, "0.3"), (1e22, "1e+22"), (12.0, "12.")]
)
def test_numbers_in_errors_are_spelt_as_the_original_does(value: float, text: str) -> None:
    assert ocaml_float(value) == text


def test_a_shadow_multiplier_is_at_least_one() -> None:
    check_shadow_multiplier(1.0)
    with pytest.raises(INVALID_VALUE) as error:
        check_shadow_multiplier(0.0)
    assert error.value.args == ("multiplier", "0.")


def test_a_start_needs_the_least_the_guest_can_be_squeezed_to(store: Store) -> None:
    fields = {"memory_dynamic_min": 128 * MIB, "memory_static_max": 512 * MIB}
    vm = make_vm(store, **fields)
    shim = make_vm(store, domain_type=DomainType.pv_in_pvh, **fields)

    assert start_memory(store, vm, Counted.dynamic_min) == 128 * MIB + vm_overhead(vm)
    assert start_memory(store, vm, Counted.static_max) == 512 * MIB + vm_overhead(vm)
    assert start_memory(store, shim, Counted.dynamic_min) == 512 * MIB + vm_overhead(shim)


@pytest.mark.parametrize(
    "fields", [{"other_config": {"pci": "0/0000:03:00.0"}}, {"attached_PCIs": ("OpaqueRef:card",)}]
)
def test_a_guest_with_a_device_of_the_host_counts_in_full(store: Store, fields: dict[str, Any]) -> None:
    host = make_host(store, 8 * GIB)
    vm = make_vm(store, resident_on=host.ref, memory_dynamic_min=GIB, memory_static_max=4 * GIB)
    squeezed = free_memory(store, host)

    with store.write() as tx:
        vm = tx.set(vm, **fields)

    assert (squeezed, free_memory(store, host)) == (7 * GIB, 4 * GIB)
    assert start_memory(store, vm, Counted.dynamic_min) == 4 * GIB + vm_overhead(vm)


@pytest.mark.parametrize("kind, size", [("passthrough", 512), ("nvidia", 128)])
def test_a_machine_that_is_to_get_a_whole_card_starts_with_all(store: Store, kind: str, size: int) -> None:
    vm = make_vm(store, memory_dynamic_min=128 * MIB, memory_static_max=512 * MIB)
    with store.write() as tx:
        tx.create(VGPU, VM=vm.ref, type=tx.create(VGPU_type, implementation=VgpuTypeImplementation(kind)).ref)

    assert start_memory(store, vm, Counted.dynamic_min) == size * MIB + vm_overhead(vm)


def test_memory_counts_in_whole_mib(store: Store) -> None:
    vm = make_vm(store, size=9999999999999)

    assert start_memory(store, vm, Counted.dynamic_min) == 10078131322880


def test_a_host_has_left_what_no_guest_needs(store: Store) -> None:
    host = make_host(store, 8 * GIB, memory_overhead=GIB)
    resident = make_vm(store, resident_on=host.ref, memory_overhead=16 * MIB, size=GIB)
    make_vm(store, scheduled_to_be_resident_on=host.ref, memory_overhead=16 * MIB, size=2 * GIB)
    make_vm(store, size=4 * GIB)
    moving = make_vm(store, resident_on=host.ref, scheduled_to_be_resident_on=host.ref, size=512 * MIB)

    free = free_memory(store, host)

    assert free == 4 * GIB - 512 * MIB - 32 * MIB
    assert free_memory(store, host, leaving_out=resident.ref) == free + GIB + 16 * MIB
    assert free_memory(store, host, leaving_out=moving.ref) == free + 512 * MIB


def test_guests_that_cannot_be_squeezed_count_in_full(store: Store) -> None:
    host = make_host(store, 8 * GIB)
    make_vm(store, resident_on=host.ref, memory_dynamic_min=GIB, memory_static_max=4 * GIB)

    squeezed = free_memory(store, host)
    with store.write() as tx:
        host = tx.set(host, software_version={COUNTED: Counted.static_max.value})

    assert (squeezed, free_memory(store, host)) == (7 * GIB, 4 * GIB)


def test_a_vm_that_is_too_large_for_a_host_does_not_fit(store: Store) -> None:
    host = make_host(store, GIB)

    check_fits(store, make_vm(store), host)
    with pytest.raises(HOST_NOT_ENOUGH_FREE_MEMORY) as error:
        check_fits(store, make_vm(store, size=9999999999999), host)
    assert error.value.args == ("10078131322880", str(GIB))


def test_a_running_guest_grows_into_what_its_host_has_left(store: Store) -> None:
    host = make_host(store, GIB)
    vm = make_vm(store, resident_on=host.ref)

    check_can_grow(store, vm, GIB)
    check_can_grow(store, vm, 1)
    with pytest.raises(HOST_NOT_ENOUGH_FREE_MEMORY) as error:
        check_can_grow(store, vm, 2 * GIB)
    assert error.value.args == (str(1792 * 1024), str(768 * 1024))


def test_where_nobody_squeezes_guests_one_grows_within_what_it_counts_for_anyway(store: Store) -> None:
    host = make_host(store, GIB)
    with store.write() as tx:
        host = tx.set(host, software_version={COUNTED: Counted.static_max.value})
    vm = make_vm(store, resident_on=host.ref, memory_dynamic_min=128 * MIB, memory_static_max=GIB)

    check_can_grow(store, vm, GIB)


@pytest.mark.parametrize("multiplier", [1e20, 1e308, math.inf])
def test_the_overhead_of_an_absurd_multiplier_still_fits_a_number_of_the_api(multiplier: float) -> None:
    assert overhead(DomainType.hvm, 1, 2**30, multiplier) == 2**63 - 1


@pytest.mark.parametrize("multiplier", [-1.0, -math.inf, math.nan])
def test_a_multiplier_that_means_nothing_counts_as_little_as_can_be(multiplier: float) -> None:
    assert overhead(DomainType.hvm, 1, 2**30, multiplier) == overhead(DomainType.hvm, 1, 2**30, 0.0)

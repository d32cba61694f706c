"""Which operations a VM takes. Lists, errors and their spelling are the recorded ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.rows import World
from xapid.datamodel import PCI, VBD, VDI, VGPU, VM, VMPP, VMSS, VTPM, VUSB, VGPU_type, VM_appliance, VM_metrics
from xapid.datamodel.errors import (
    NOT_SUPPORTED_DURING_UPGRADE,
    NOT_SYSTEM_DOMAIN,
    OPERATION_BLOCKED,
    OPERATION_NOT_ALLOWED,
    OTHER_OPERATION_IN_PROGRESS,
    PROVISION_ONLY_ALLOWED_ON_TEMPLATE,
    REVERT_ONLY_ALLOWED_ON_SNAPSHOT,
    VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION,
    VM_ASSIGNED_TO_PROTECTION_POLICY,
    VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE,
    VM_BAD_POWER_STATE,
    VM_HAS_PCI_ATTACHED,
    VM_HAS_VGPU,
    VM_HAS_VUSBS,
    VM_IS_IMMOBILE,
    VM_IS_PART_OF_AN_APPLIANCE,
    VM_IS_SNAPSHOT,
    VM_IS_TEMPLATE,
    VM_IS_USING_NESTED_VIRT,
    VM_LACKS_FEATURE,
    VM_NON_SUSPENDABLE,
    VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED,
    VTPM_MAX_AMOUNT_REACHED,
    ApiError,
)
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.datamodel.vm import DomainType
from xapid.datamodel.vm import VmOperations as Op
from xapid.datamodel.vm import VmPowerState as State
from xapid.rules.vm import POWER_STATES, check, check_power_state

HALTED = """
    create_vtpm destroy metadata_export export make_into_template changing_NVRAM changing_shadow_memory
    changing_static_range changing_dynamic_range migrate_send start_on start copy clone snapshot
"""
RUNNING = "sysprep metadata_export changing_dynamic_range hard_reboot hard_shutdown pause snapshot"
RUNNING_PV = f"{RUNNING} changing_VCPUs_live migrate_send pool_migrate suspend clean_reboot clean_shutdown checkpoint"
PAUSED = "metadata_export hard_reboot hard_shutdown unpause snapshot"
SUSPENDED = "destroy metadata_export export migrate_send resume_on resume hard_shutdown checkpoint snapshot"
DEFAULT_TEMPLATE = """
    metadata_export export changing_NVRAM changing_shadow_memory changing_static_range changing_dynamic_range
    provision copy clone
"""
TEMPLATE = f"{DEFAULT_TEMPLATE} destroy migrate_send"
SNAPSHOT = "destroy metadata_export export revert copy clone"


def names(vm: VM) -> list[str]:
    return sorted(vm.allowed_operations)


def refusal(world: World, vm: VM, operation: str, *, strict: bool = True) -> ApiError | None:
    try:
        check(world.store, vm, operation, strict=strict)
    except ApiError as error:
        return error
    return None


def refused_with(world: World, vm: VM, operation: str) -> list[str]:
    error = refusal(world, vm, operation)
    return [] if error is None else error.description


@pytest.mark.parametrize(
    "fields, allowed",
    [
        ({}, HALTED),
        ({"power_state": State.Running}, RUNNING),
        ({"power_state": State.Paused}, PAUSED),
        ({"power_state": State.Suspended}, SUSPENDED),
        ({"is_a_template": True}, TEMPLATE),
        ({"is_a_template": True, "is_default_template": True}, DEFAULT_TEMPLATE),
        ({"is_a_template": True, "other_config": {"default_template": "true"}}, DEFAULT_TEMPLATE),
        ({"is_a_template": True, "other_config": {"default_template": "false"}}, TEMPLATE),
        ({"is_a_template": True, "is_a_snapshot": True}, SNAPSHOT),
        ({"is_a_template": False, "is_a_snapshot": True}, SNAPSHOT),
        ({"is_a_template": True, "is_a_snapshot": True, "power_state": State.Suspended}, f"{SNAPSHOT} hard_shutdown"),
        (
            {"is_control_domain": True, "power_state": State.Running},
            "metadata_export changing_static_range changing_dynamic_range",
        ),
    ],
)
def test_what_may_be_asked_for(world: World, fields: dict[str, Any], allowed: str) -> None:
    vm = world.make(VM, **fields)

    assert names(vm) == sorted(allowed.split())


@pytest.mark.parametrize("runs_as", [DomainType.pv, DomainType.pvh, DomainType.pv_in_pvh])
def test_a_paravirtual_guest_is_taken_to_cooperate(world: World, runs_as: DomainType) -> None:
    vm = world.make(VM, power_state=State.Running, **world.guest(runs_as=runs_as))

    assert names(vm) == sorted(RUNNING_PV.split())


@pytest.mark.parametrize(
    "operation, states",
    [
        ("start", "halted"), ("start_on", "halted"), ("provision", "halted"), ("make_into_template", "halted"),
        ("create_vtpm", "halted"), ("changing_NVRAM", "halted"), ("changing_VCPUs", "halted"),
        ("changing_memory_limits", "halted"), ("changing_shadow_memory", "halted"),
        ("changing_static_range", "halted"), ("clone", "halted"), ("copy", "halted"),
        ("create_template", "halted, suspended"), ("destroy", "halted, suspended"), ("export", "halted, suspended"),
        ("migrate_send", "halted, suspended, running"), ("changing_dynamic_range", "halted, running"),
        ("pause", "running"), ("clean_shutdown", "running"), ("clean_reboot", "running"), ("suspend", "running"),
        ("pool_migrate", "running"), ("changing_VCPUs_live", "running"), ("changing_memory_live", "running"),
        ("awaiting_memory_live", "running"), ("changing_shadow_memory_live", "running"), ("call_plugin", "running"),
        ("data_source_op", "running"), ("send_sysrq", "running"), ("send_trigger", "running"),
        ("snapshot_with_quiesce", "running"), ("sysprep", "running"), ("unpause", "paused"),
        ("hard_reboot", "paused, running"), ("hard_shutdown", "paused, suspended, running"),
        ("shutdown", "paused, suspended, running"), ("checkpoint", "paused, suspended, running"),
        ("get_boot_record", "paused, suspended, running"), ("resume", "suspended"), ("resume_on", "suspended"),
        ("csvm", "suspended"), ("import", ""),
        *((operation, "halted, paused, suspended, running") for operation in (
            "snapshot", "revert", "reverting", "metadata_export", "power_state_reset", "query_services",
            "assert_operation_valid", "update_allowed_operations",
        )),
    ],
)  # fmt: skip
@pytest.mark.parametrize("state", State)
def test_each_operation_has_its_power_states(world: World, operation: str, states: str, state: State) -> None:
    vm = world.make(VM, power_state=state)

    error = refusal(world, vm, operation)

    if state.lower() in states.split(", "):
        assert not isinstance(error, VM_BAD_POWER_STATE)
    else:
        assert isinstance(error, VM_BAD_POWER_STATE)
        assert error.args == (vm.ref, states, state.lower())


def test_no_operation_is_missing_from_the_table_of_power_states() -> None:
    assert POWER_STATES.keys() == set(Op)


@pytest.mark.parametrize("operation", ["clone", "copy"])
def test_a_suspended_vm_is_copied_if_the_pool_says_so(world: World, operation: str) -> None:
    vm = world.make(VM, power_state=State.Suspended)
    assert operation not in vm.allowed_operations

    world.set(world.pool, other_config={"allow_clone_suspended_vm": "true"})

    assert operation in world.now(vm).allowed_operations
    paused = world.make(VM, power_state=State.Paused)
    assert refused_with(world, paused, operation) == [
        "VM_BAD_POWER_STATE", paused.ref, "halted, suspended", "paused"
    ]  # fmt: skip


def test_a_control_domain_is_changed_while_it_runs(world: World) -> None:
    vm = world.make(VM, is_control_domain=True, power_state=State.Paused)

    assert refused_with(world, vm, "changing_static_range")[2] == "halted, running"
    assert refused_with(world, vm, "changing_memory_limits")[2] == "halted, running"


def test_calls_that_mark_nothing_join_power_states_otherwise(world: World) -> None:
    vm = world.make(VM, power_state=State.Running)

    check_power_state(vm, State.Running)
    with pytest.raises(VM_BAD_POWER_STATE) as error:
        check_power_state(vm, State.Halted, State.Suspended)
    assert error.value.args == (vm.ref, "halted;suspended", "running")


@pytest.mark.parametrize("text", ["NOT_TODAY", ""])
def test_a_blocked_operation_is_refused_before_all_else(world: World, text: str) -> None:
    vm = world.make(VM, power_state=State.Running, blocked_operations={Op.start: text, Op.import_: text})

    assert refused_with(world, vm, "start") == ["OPERATION_BLOCKED", vm.ref, text]
    assert isinstance(refusal(world, vm, "import"), OPERATION_BLOCKED)


def test_blocking_shows_at_once(world: World) -> None:
    vm = world.make(VM)
    blocked = [Op.start, Op.clone, Op.snapshot, Op.destroy, Op.export]

    vm = world.set(vm, blocked_operations=dict.fromkeys(blocked, "NOT_TODAY"))

    assert names(vm) == sorted({*HALTED.split()} - {*blocked})


# What may begin beside what


@pytest.mark.parametrize(
    "going_on, state, allowed",
    [
        ("clone", State.Halted, "clone copy export"),
        ("copy export", State.Halted, "clone copy export"),
        ("snapshot", State.Running, "snapshot checkpoint hard_shutdown hard_reboot"),
        ("checkpoint snapshot", State.Running, "snapshot checkpoint hard_shutdown hard_reboot"),
        ("get_boot_record", State.Running, "hard_shutdown hard_reboot"),
        ("get_boot_record", State.Suspended, "hard_shutdown"),
        ("migrate_send", State.Running, "metadata_export clean_shutdown clean_reboot hard_shutdown hard_reboot"),
        ("migrate_send snapshot", State.Running, "hard_shutdown hard_reboot"),
        ("snapshot_with_quiesce", State.Running, "snapshot hard_shutdown hard_reboot"),
        ("start", State.Halted, ""),
        ("clean_shutdown", State.Running, "hard_shutdown hard_reboot"),
        ("hard_reboot", State.Running, "hard_shutdown"),
        ("hard_shutdown", State.Running, ""),
        ("clone snapshot", State.Halted, ""),
    ],
)
def test_few_operations_go_on_beside_others(world: World, going_on: str, state: State, allowed: str) -> None:
    vm = world.make(VM, power_state=state, **world.guest(runs_as=DomainType.pv))

    marks = {f"OpaqueRef:{number}": Op(each) for number, each in enumerate(going_on.split())}
    vm = world.set(vm, current_operations=marks)

    assert names(vm) == sorted(allowed.split())


def test_the_error_names_what_goes_on(world: World) -> None:
    vm = world.make(VM, current_operations={"OpaqueRef:task": Op.clone})

    with pytest.raises(OTHER_OPERATION_IN_PROGRESS) as error:
        check(world.store, vm, "start")

    assert error.value.args == ("VM", vm.ref, "clone", "OpaqueRef:task")
    vm = world.set(vm, current_operations={"OpaqueRef:1": Op.clone, "OpaqueRef:2": Op.copy})
    assert refused_with(world, vm, "start")[1:] == ["VM", vm.ref, "{clone,copy}", "{OpaqueRef:1,OpaqueRef:2}"]


def test_reading_the_boot_record_does_not_exclude_itself(world: World) -> None:
    vm = world.make(VM, power_state=State.Running, current_operations={"OpaqueRef:1": Op.get_boot_record})

    assert refusal(world, vm, "get_boot_record") is None


# What the VM is


@pytest.mark.parametrize(
    "operation, shown",
    [
        ("start", "start"),
        ("power_state_reset", "power_state_reset"),
        ("reverting", "reverting"),
        ("create_vtpm", "create_vtpm"),
        ("make_into_template", "make_into_template"),
        ("create_template", "(unknown operation)"),
        ("query_services", "(unknown operation)"),
        ("assert_operation_valid", "assertoperationvalid"),
    ],
)
def test_errors_about_templates_and_snapshots_have_words_of_their_own(world: World, operation: str, shown: str) -> None:
    template = world.make(VM, is_a_template=True)
    snapshot = world.make(VM, is_a_snapshot=True, is_a_template=True)

    with pytest.raises(VM_IS_TEMPLATE) as error:
        check(world.store, template, operation)
    assert error.value.args == (template.ref, shown)
    with pytest.raises(VM_IS_SNAPSHOT) as other:
        check(world.store, snapshot, operation)
    assert other.value.args == (snapshot.ref, shown)


@pytest.mark.parametrize("operation", ["changing_memory_limits", "changing_VCPUs"])
def test_a_snapshot_does_not_change(world: World, operation: str) -> None:
    snapshot = world.make(VM, is_a_snapshot=True, is_a_template=True)

    assert refused_with(world, snapshot, operation) == ["VM_IS_SNAPSHOT", snapshot.ref, "(unknown operation)"]


def test_templates_are_provisioned_and_snapshots_reverted_to(world: World) -> None:
    vm = world.make(VM)

    assert isinstance(refusal(world, vm, "provision"), PROVISION_ONLY_ALLOWED_ON_TEMPLATE)
    assert isinstance(refusal(world, vm, "revert"), REVERT_ONLY_ALLOWED_ON_SNAPSHOT)


def test_domain_zero_is_not_destroyed_but_another_control_domain_is(world: World) -> None:
    fields = {"is_control_domain": True, "resident_on": world.host.ref}
    zero, other = world.make(VM, **fields), world.make(VM, **fields)

    world.set(world.host, control_domain=zero.ref)

    assert isinstance(refusal(world, zero, "destroy"), OPERATION_NOT_ALLOWED)
    assert Op.destroy not in world.now(zero).allowed_operations
    assert Op.destroy in world.now(other).allowed_operations
    assert isinstance(refusal(world, other, "snapshot"), OPERATION_NOT_ALLOWED)


def test_services_are_those_of_system_domains(world: World) -> None:
    assert isinstance(refusal(world, world.make(VM), "query_services"), NOT_SYSTEM_DOMAIN)
    assert refusal(world, world.make(VM, other_config={"is_system_domain": "true"}), "query_services") is None


# What the guest can


@pytest.mark.parametrize(
    "guest, missing",
    [
        ({}, "suspend checkpoint pool_migrate migrate_send clean_shutdown clean_reboot changing_VCPUs_live"),
        ({"other": {"feature-shutdown": "1"}}, "suspend checkpoint pool_migrate migrate_send changing_VCPUs_live"),
        (
            {"other": {"feature-poweroff": "1"}},
            "suspend checkpoint pool_migrate migrate_send clean_reboot changing_VCPUs_live",
        ),
        (
            {"other": {"feature-reboot": "1"}},
            "suspend checkpoint pool_migrate migrate_send clean_shutdown changing_VCPUs_live",
        ),
        ({"other": {"feature-suspend": "1"}}, "clean_shutdown clean_reboot changing_VCPUs_live"),
        (
            {"other": {"feature-vcpu-hotplug": "1", "feature-suspend": "0"}},
            "suspend checkpoint pool_migrate migrate_send clean_shutdown clean_reboot",
        ),
        ({"PV_drivers_version": {"major": "9", "minor": "3"}}, ""),
        (
            {"PV_drivers_version": {"major": "9"}},
            "suspend checkpoint pool_migrate migrate_send clean_shutdown clean_reboot changing_VCPUs_live",
        ),
    ],
)
def test_an_hvm_guest_says_what_it_can(world: World, guest: dict[str, Any], missing: str) -> None:
    vm = world.make(VM, power_state=State.Running, **world.guest(**guest))

    assert names(vm) == sorted({*RUNNING_PV.split()} - {*missing.split()})
    for operation in missing.split():
        assert refused_with(world, vm, operation) == ["VM_LACKS_FEATURE", vm.ref]


def test_what_the_guest_says_shows_at_once(world: World) -> None:
    vm = world.make(VM, power_state=State.Running, **world.guest(other={"data-ts": "1"}))
    guest = world.store.find_any(vm.guest_metrics)
    assert guest is not None

    world.set(guest, other={"feature-suspend": "1"})

    assert Op.suspend in world.now(vm).allowed_operations


def test_a_forced_call_passes_over_what_the_guest_lacks(world: World) -> None:
    vm = world.make(VM, power_state=State.Running, **world.guest())

    assert isinstance(refusal(world, vm, "pool_migrate"), VM_LACKS_FEATURE)
    assert refusal(world, vm, "pool_migrate", strict=False) is None
    assert isinstance(refusal(world, vm, "changing_VCPUs_live", strict=False), VM_LACKS_FEATURE)


def test_a_paused_guest_is_not_checkpointed_without_its_consent(world: World) -> None:
    vm = world.make(VM, power_state=State.Paused, **world.guest())

    assert isinstance(refusal(world, vm, "checkpoint"), VM_LACKS_FEATURE)


def test_a_guest_may_say_why_it_cannot_be_suspended(world: World) -> None:
    other = {"data-cant-suspend-reason": "busy", "feature-suspend": "1"}
    vm = world.make(VM, power_state=State.Running, **world.guest(other=other))

    for operation in (Op.suspend, Op.checkpoint, Op.pool_migrate, Op.migrate_send):
        error = refusal(world, vm, operation)
        assert isinstance(error, VM_NON_SUSPENDABLE)
        assert error.args == (vm.ref, "busy")
        assert operation not in vm.allowed_operations


@pytest.mark.parametrize("metrics", [{"nomigrate": True}, {"nested_virt": True}])
def test_some_guests_stay_where_they_are(world: World, metrics: dict[str, bool]) -> None:
    row = world.make(VM_metrics, current_domain_type=DomainType.pv, **metrics)
    vm = world.make(VM, power_state=State.Running, metrics=row.ref)

    immobile = {Op.suspend, Op.checkpoint, Op.pool_migrate, Op.migrate_send}
    assert immobile.isdisjoint(vm.allowed_operations)
    assert isinstance(refusal(world, vm, "suspend"), VM_IS_IMMOBILE)
    assert refusal(world, vm, "pool_migrate", strict=False) is None


@pytest.mark.parametrize("key", ["nomigrate", "nested-virt"])
def test_without_metrics_the_platform_says_whether_a_guest_stays(world: World, key: str) -> None:
    vm = world.make(VM)
    assert Op.migrate_send in vm.allowed_operations

    vm = world.set(vm, platform={key: "true"})

    assert Op.migrate_send not in vm.allowed_operations


def test_memory_of_a_guest_with_guests_of_its_own_stays_as_it_is(world: World) -> None:
    metrics = world.make(VM_metrics, nested_virt=True)
    vm = world.make(VM, power_state=State.Running, metrics=metrics.ref)

    assert isinstance(refusal(world, vm, "changing_dynamic_range"), VM_IS_USING_NESTED_VIRT)
    assert Op.changing_dynamic_range not in vm.allowed_operations


# What the VM has


@pytest.mark.parametrize(
    "sm_config, forbidden",
    [
        ({"on_boot": "persist"}, ""),
        ({"on_boot": "reset"}, "snapshot checkpoint suspend"),
        ({"on_boot": "reset", "caching": "true"}, "snapshot checkpoint suspend pool_migrate"),
    ],
)
def test_a_disk_that_is_rolled_back_has_no_snapshots(world: World, sm_config: dict[str, str], forbidden: str) -> None:
    vm = world.make(VM, power_state=State.Running, **world.guest(runs_as=DomainType.pv))
    vdi = world.make(VDI)
    world.make(VBD, VM=vm.ref, VDI=vdi.ref)

    world.set(vdi, sm_config=sm_config)

    assert names(world.now(vm)) == sorted({*RUNNING_PV.split()} - {*forbidden.split()})
    for operation in forbidden.split():
        assert isinstance(refusal(world, vm, operation), VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION)


def test_no_snapshot_waits_for_the_guest_to_be_quiet(world: World) -> None:
    vm = world.make(VM, power_state=State.Running)

    error = refusal(world, vm, "snapshot_with_quiesce")

    assert isinstance(error, VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED)
    assert error.args == (vm.ref,)
    assert Op.snapshot_with_quiesce not in vm.allowed_operations


def test_a_device_passed_through_keeps_the_vm_where_it_is(world: World) -> None:
    vm = world.make(VM, power_state=State.Running, **world.guest(runs_as=DomainType.pv))
    pci = world.make(PCI)

    vm = world.set(vm, attached_PCIs=(pci.ref,))

    assert isinstance(refusal(world, vm, "suspend"), VM_HAS_PCI_ATTACHED)
    assert Op.pool_migrate not in vm.allowed_operations


def test_virtual_functions_of_a_gpu_may_move(world: World) -> None:
    pci = world.make(PCI)
    running = world.guest(runs_as=DomainType.pv)
    vm = world.make(VM, power_state=State.Running, attached_PCIs=(pci.ref,), **running)
    kind = world.make(VGPU_type, implementation=VgpuTypeImplementation.nvidia_sriov)

    world.make(VGPU, VM=vm.ref, type=kind.ref, PCI=pci.ref, compatibility_metadata={"x": "y"})

    assert Op.suspend in world.now(vm).allowed_operations


@pytest.mark.parametrize(
    "implementation, metadata, movable",
    [
        (VgpuTypeImplementation.nvidia, {"x": "y"}, True),
        (VgpuTypeImplementation.nvidia, {}, False),
        (VgpuTypeImplementation.mxgpu, {"x": "y"}, False),
        (VgpuTypeImplementation.passthrough, {}, False),
    ],
)
def test_a_virtual_gpu_moves_if_its_driver_can(
    world: World, implementation: VgpuTypeImplementation, metadata: dict[str, str], movable: bool
) -> None:
    vm = world.make(VM, power_state=State.Running, **world.guest(runs_as=DomainType.pv))
    kind = world.make(VGPU_type, implementation=implementation)

    world.make(VGPU, VM=vm.ref, type=kind.ref, compatibility_metadata=metadata)

    assert (Op.pool_migrate in world.now(vm).allowed_operations) is movable
    assert isinstance(refusal(world, vm, "suspend"), VM_HAS_VGPU) is not movable


def test_a_gpu_that_is_not_in_use_does_not_matter(world: World) -> None:
    halted, suspended = world.make(VM), world.make(VM, power_state=State.Suspended)
    for vm in (halted, suspended):
        world.make(VGPU, VM=vm.ref)

    assert Op.migrate_send in world.now(halted).allowed_operations
    assert Op.migrate_send not in world.now(suspended).allowed_operations
    assert Op.checkpoint in world.now(suspended).allowed_operations


def test_a_usb_device_keeps_the_vm_where_it_is(world: World) -> None:
    vm = world.make(VM)
    assert Op.snapshot in vm.allowed_operations

    world.make(VUSB, VM=vm.ref)

    assert {Op.snapshot, Op.migrate_send}.isdisjoint(world.now(vm).allowed_operations)
    assert isinstance(refusal(world, vm, "snapshot"), VM_HAS_VUSBS)


@pytest.mark.parametrize(
    "cls, field, error",
    [
        (VM_appliance, "appliance", VM_IS_PART_OF_AN_APPLIANCE),
        (VMPP, "protection_policy", VM_ASSIGNED_TO_PROTECTION_POLICY),
        (VMSS, "snapshot_schedule", VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE),
    ],
)
def test_what_belongs_to_a_plan_does_not_become_a_template(
    world: World, cls: Any, field: str, error: type[ApiError]
) -> None:
    vm = world.make(VM, **{field: "OpaqueRef:ghost"})
    assert Op.make_into_template in vm.allowed_operations
    plan = world.make(cls)

    vm = world.set(vm, **{field: plan.ref})

    assert Op.make_into_template not in vm.allowed_operations
    refused = refusal(world, vm, "make_into_template")
    assert isinstance(refused, error)
    assert refused.args == (vm.ref, plan.ref)


def test_a_plan_that_is_gone_does_not_matter(world: World) -> None:
    appliance = world.make(VM_appliance)
    vm = world.make(VM, appliance=appliance.ref)
    assert Op.make_into_template not in vm.allowed_operations

    with world.store.write() as tx:
        tx.delete(appliance)

    assert Op.make_into_template in world.now(vm).allowed_operations


def test_a_vm_has_one_tpm(world: World) -> None:
    vm = world.make(VM)

    world.make(VTPM, VM=vm.ref)

    error = refusal(world, vm, "create_vtpm")
    assert isinstance(error, VTPM_MAX_AMOUNT_REACHED)
    assert error.args == ("1",)
    assert Op.create_vtpm not in world.now(vm).allowed_operations


def test_during_an_upgrade_only_what_both_versions_know_is_allowed(world: World) -> None:
    vm = world.make(VM)

    world.set(world.pool, other_config={"rolling_upgrade_in_progress": "true"})

    vm = world.now(vm)
    assert names(vm) == [
        "clone", "copy", "destroy", "export", "make_into_template", "migrate_send", "start", "start_on",
    ]  # fmt: skip
    assert isinstance(refusal(world, vm, "snapshot"), NOT_SUPPORTED_DURING_UPGRADE)

"""Which operations on a VM are allowed, in which power states, and beside which others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain

from xapid.datamodel import VDI, VGPU, VM, VMPP, VMSS, Host, VGPU_type, VM_appliance, VM_metrics
from xapid.datamodel.errors import (
    NOT_SUPPORTED_DURING_UPGRADE,
    NOT_SYSTEM_DOMAIN,
    OPERATION_BLOCKED,
    OPERATION_NOT_ALLOWED,
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
from xapid.datamodel.map_keys import (
    ALLOW_CLONE_SUSPENDED,
    CACHING,
    DEFAULT_TEMPLATE,
    NESTED_VIRT,
    NOMIGRATE,
    ON_BOOT,
    ROLLING_UPGRADE,
    SYSTEM_DOMAIN,
)
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.datamodel.vm import VmOperations as Op
from xapid.datamodel.vm import VmPowerState as State
from xapid.rules.features import the_pool
from xapid.rules.guest import CANNOT_SUSPEND, has_domain, must_claim_features, says
from xapid.rules.memory import nested_virt
from xapid.rules.operations import NOTHING, Rule, Rules, busy, naming, plain
from xapid.rules.pool import upgrading
from xapid.store.derive import Derivation, Part, key
from xapid.store.store import Store

STATES = (State.Halted, State.Paused, State.Suspended, State.Running)
"""In the order in which errors name them."""

H, P, S, R = ({state} for state in STATES)
EVERY = set(STATES)

POWER_STATES: dict[Op, set[State]] = {
    Op.start: H,
    Op.start_on: H,
    Op.provision: H,
    Op.make_into_template: H,
    Op.create_vtpm: H,
    Op.changing_NVRAM: H,
    Op.changing_VCPUs: H,
    Op.changing_memory_limits: H,
    Op.changing_shadow_memory: H,
    Op.changing_static_range: H,
    Op.clone: H,
    Op.copy: H,
    Op.create_template: H | S,
    Op.destroy: H | S,
    Op.export: H | S,
    Op.migrate_send: H | S | R,
    Op.changing_dynamic_range: H | R,
    Op.pause: R,
    Op.clean_shutdown: R,
    Op.clean_reboot: R,
    Op.suspend: R,
    Op.pool_migrate: R,
    Op.changing_VCPUs_live: R,
    Op.changing_memory_live: R,
    Op.awaiting_memory_live: R,
    Op.changing_shadow_memory_live: R,
    Op.call_plugin: R,
    Op.data_source_op: R,
    Op.send_sysrq: R,
    Op.send_trigger: R,
    Op.snapshot_with_quiesce: R,
    Op.sysprep: R,
    Op.unpause: P,
    Op.hard_reboot: P | R,
    Op.hard_shutdown: P | S | R,
    Op.shutdown: P | S | R,
    Op.checkpoint: P | S | R,
    Op.get_boot_record: P | S | R,
    Op.resume: S,
    Op.resume_on: S,
    Op.csvm: S,
    Op.snapshot: EVERY,
    Op.revert: EVERY,
    Op.reverting: EVERY,
    Op.metadata_export: EVERY,
    Op.power_state_reset: EVERY,
    Op.query_services: EVERY,
    Op.assert_operation_valid: EVERY,
    Op.update_allowed_operations: EVERY,
    # An import is of a file: the VM comes out of it.
    Op.import_: set(),
}

UNLISTED = frozenset({
    Op.assert_operation_valid, Op.awaiting_memory_live, Op.call_plugin, Op.changing_memory_limits,
    Op.changing_memory_live, Op.changing_shadow_memory_live, Op.changing_VCPUs, Op.create_template, Op.csvm,
    Op.data_source_op, Op.get_boot_record, Op.import_, Op.power_state_reset, Op.query_services, Op.reverting,
    Op.send_sysrq, Op.send_trigger, Op.shutdown, Op.snapshot_with_quiesce, Op.update_allowed_operations,
})  # fmt: skip
"""Checked, but never shown as allowed."""

ALL = frozenset(Op)

COPYING = frozenset({Op.clone, Op.copy, Op.export})
SNAPSHOTTING = frozenset({Op.snapshot, Op.checkpoint})
READING = frozenset({Op.get_boot_record})
TOGETHER = (COPYING, SNAPSHOTTING, READING)
"""Operations of one of these sets go on beside each other."""

BESIDE: dict[Op, frozenset[Op]] = {
    Op.migrate_send: frozenset({Op.metadata_export, Op.clean_shutdown, Op.clean_reboot}),
    Op.snapshot_with_quiesce: frozenset({Op.snapshot}),
}
"""What may begin while the one operation, and no other, goes on."""

OVERRIDING = {
    Op.hard_shutdown: frozenset({Op.hard_shutdown}),
    Op.hard_reboot: frozenset({Op.hard_shutdown, Op.hard_reboot}),
}
"""These begin whatever goes on, but for the operations named."""

ON_TEMPLATE = frozenset({
    Op.changing_dynamic_range, Op.changing_static_range, Op.changing_memory_limits, Op.changing_shadow_memory,
    Op.changing_VCPUs, Op.changing_NVRAM, Op.clone, Op.copy, Op.export, Op.metadata_export, Op.provision,
})  # fmt: skip
ON_CUSTOM_TEMPLATE = ON_TEMPLATE | {Op.destroy, Op.migrate_send}
ON_SNAPSHOT = frozenset({
    Op.revert, Op.clone, Op.copy, Op.export, Op.destroy, Op.hard_shutdown, Op.metadata_export,
})  # fmt: skip
ON_CONTROL_DOMAIN = frozenset({
    Op.data_source_op, Op.changing_memory_live, Op.awaiting_memory_live, Op.metadata_export,
    Op.changing_dynamic_range, Op.changing_memory_limits, Op.changing_static_range, Op.start, Op.start_on,
    Op.changing_VCPUs, Op.destroy,
})  # fmt: skip
DURING_UPGRADE = frozenset({
    Op.assert_operation_valid, Op.changing_memory_live, Op.changing_shadow_memory_live, Op.changing_VCPUs_live,
    Op.clean_reboot, Op.clean_shutdown, Op.clone, Op.copy, Op.csvm, Op.destroy, Op.export, Op.get_boot_record,
    Op.hard_reboot, Op.hard_shutdown, Op.import_, Op.make_into_template, Op.migrate_send, Op.pause,
    Op.pool_migrate, Op.power_state_reset, Op.provision, Op.resume, Op.resume_on, Op.send_sysrq, Op.send_trigger,
    Op.start, Op.start_on, Op.suspend, Op.unpause, Op.update_allowed_operations,
})  # fmt: skip

CLONING = frozenset({Op.clone, Op.copy})
RUNNING_CONTROL_DOMAIN = frozenset({Op.changing_VCPUs, Op.changing_static_range, Op.changing_memory_limits})
"""A control domain, which never halts, may be changed while it runs."""

SUSPENDING = frozenset({Op.suspend, Op.checkpoint, Op.pool_migrate, Op.migrate_send})
"""What takes the guest's memory away, to disk or to another host."""

WITHOUT_DOMAIN = {State.Halted: frozenset({Op.migrate_send}), State.Suspended: frozenset({Op.checkpoint})}
"""Those of them that leave devices alone, because none is in use."""

MOVABLE = (VgpuTypeImplementation.nvidia, VgpuTypeImplementation.nvidia_sriov)
"""Virtual GPUs whose driver can take their state to another host."""

KEEPING_DEVICES = frozenset({Op.clean_shutdown, Op.hard_shutdown, Op.suspend, Op.pause})
"""While one of these goes on the VM takes no devices, and gives none away."""

FEATURES: dict[Op, tuple[str, ...]] = {
    **dict.fromkeys(SUSPENDING, ("feature-suspend",)),
    Op.clean_shutdown: ("feature-shutdown", "feature-poweroff"),
    Op.clean_reboot: ("feature-shutdown", "feature-reboot"),
    Op.changing_VCPUs_live: ("feature-vcpu-hotplug",),
}
"""One of these a guest has to claim, unless its kind or its drivers can do it anyway."""

IN_WORDS = {
    Op.assert_operation_valid: "assertoperationvalid",
    Op.data_source_op: "data_sources_op",
    **dict.fromkeys(
        (Op.create_template, Op.changing_memory_limits, Op.changing_VCPUs, Op.query_services, Op.shutdown),
        "(unknown operation)",
    ),
}
"""Operations for which the original has other words in errors about templates and snapshots."""


# Power states

_WRONG: dict[State, frozenset[Op]] = {
    state: frozenset(each for each in Op if state not in POWER_STATES[each]) for state in STATES
}


def power_states(store: Store, vm: VM, operation: Op) -> set[State]:
    """In which power states this VM may be to take an operation."""
    states = POWER_STATES[operation]
    if operation in CLONING and _clones_suspended(store, vm):
        return states | S
    if operation in RUNNING_CONTROL_DOMAIN and vm.is_control_domain:
        return states | R
    return states


def _clones_suspended(store: Store, vm: VM) -> bool:
    pool = the_pool(store)
    return vm.is_a_snapshot or (pool is not None and ALLOW_CLONE_SUSPENDED.of(pool))


def _wrong_now(store: Store, vm: VM) -> frozenset[str]:
    wrong = _WRONG[vm.power_state]
    if vm.power_state == State.Running and vm.is_control_domain:
        return wrong - RUNNING_CONTROL_DOMAIN
    if vm.power_state == State.Suspended and _clones_suspended(store, vm):
        return wrong - CLONING
    return wrong


def bad_power_state(vm: VM, expected: str) -> VM_BAD_POWER_STATE:
    """The error that names the power states which would do."""
    return VM_BAD_POWER_STATE(vm.ref, expected, vm.power_state.lower())


def _wrong_state(store: Store, vm: VM, operation: str) -> ApiError:
    states = power_states(store, vm, Op(operation))
    return bad_power_state(vm, ", ".join(state.lower() for state in STATES if state in states))


def check_power_state(vm: VM, *expected: State) -> None:
    """Raise VM_BAD_POWER_STATE unless the VM is in one of these: for calls that mark no operation."""
    if vm.power_state not in expected:
        raise bad_power_state(vm, ";".join(state.lower() for state in expected))


# What else goes on


def _excluded(store: Store, vm: VM) -> frozenset[str]:
    """Operations that may not begin beside those that go on."""
    if not vm.current_operations:
        return NOTHING
    current = {Op(each) for each in vm.current_operations.values()}
    fine: set[str] = {each for each, others in OVERRIDING.items() if others.isdisjoint(current)}
    for kind in TOGETHER:
        if current <= kind:
            fine |= kind
    if len(vm.current_operations) == 1:
        fine |= BESIDE.get(current.pop(), NOTHING)
    return ALL - fine


def _keep_devices(operations: Mapping[str, Op]) -> bool:
    return not KEEPING_DEVICES.isdisjoint(operations.values())


def keeps_devices(vm: VM) -> bool:
    """Whether something goes on that allows no device to come or go."""
    return _keep_devices(vm.current_operations)


KEEPS_DEVICES = Part("VM.current_operations", _keep_devices)
"""What ``keeps_devices`` reads, from a device on. Other operations of the VM do not concern its devices."""


def devices_held(vm: VM) -> ApiError:
    """The error that names what keeps the devices of a VM where they are."""
    keeping = next(each for each in vm.current_operations.values() if each in KEEPING_DEVICES)
    return OPERATION_NOT_ALLOWED(f"The VM {vm.ref} is busy with {keeping}")


# What the VM is


def is_default_template(vm: VM) -> bool:
    """Whether the VM is one of the templates that come with the product."""
    return vm.is_default_template or DEFAULT_TEMPLATE.of(vm)


def is_system_domain(vm: VM) -> bool:
    """Whether the VM serves the host: it may share disks with guests."""
    return SYSTEM_DOMAIN.of(vm)


def is_domain_zero(store: Store, vm: VM) -> bool:
    """Whether the VM is the control domain that its host booted with."""
    host = store.find(Host, vm.resident_on) if vm.is_control_domain else None
    return host is not None and host.control_domain == vm.ref


def _not_for_template(store: Store, vm: VM) -> frozenset[str]:
    if not vm.is_a_template or vm.is_a_snapshot:
        return NOTHING
    return ALL - (ON_TEMPLATE if is_default_template(vm) else ON_CUSTOM_TEMPLATE)


def _in_words(operation: str) -> str:
    return IN_WORDS.get(Op(operation), operation)


# What its guest can


def _is_immobile(store: Store, vm: VM) -> bool:
    metrics = store.find(VM_metrics, vm.metrics)
    if metrics is None:
        return NOMIGRATE.of(vm) or NESTED_VIRT.of(vm)
    return metrics.nomigrate or metrics.nested_virt


def _refuses_suspension(store: Store, vm: VM) -> bool:
    return has_domain(vm) and CANNOT_SUSPEND in says(store, vm)


def _lacks_feature(store: Store, vm: VM) -> frozenset[str]:
    if not must_claim_features(store, vm):
        return NOTHING
    claimed = says(store, vm)
    return frozenset(
        each for each, features in FEATURES.items() if not any(claimed.get(feature) == "1" for feature in features)
    )


# What it has


def _has_disk_rolled_back(store: Store, vm: VM) -> frozenset[str]:
    """Operations that make no sense with a disk which falls back at every start to what it was."""
    found: frozenset[str] = NOTHING
    for vbd in store.rows_of(vm, "VBDs"):
        vdi = store.find(VDI, vbd.VDI)
        if vdi is not None and ON_BOOT.of(vdi) == "reset":
            found |= {Op.snapshot, Op.checkpoint, Op.suspend, Op.snapshot_with_quiesce}
            if CACHING.of(vdi):
                found |= {Op.pool_migrate}
    return found


def _implementation(store: Store, vgpu: VGPU) -> VgpuTypeImplementation | None:
    kind = store.find(VGPU_type, vgpu.type)
    return None if kind is None else kind.implementation


def _has_pci(store: Store, vm: VM) -> bool:
    """Whether a device was passed through; virtual functions of GPUs can be moved."""
    if not vm.attached_PCIs:
        return False
    movable = {
        vgpu.PCI
        for vgpu in store.rows_of(vm, "VGPUs")
        if _implementation(store, vgpu) == VgpuTypeImplementation.nvidia_sriov
    }
    return not movable.issuperset(vm.attached_PCIs)


def _has_vgpu(store: Store, vm: VM) -> frozenset[str]:
    """Operations that a virtual GPU forbids which nothing is known of that could make it movable."""
    if not store.has_any(vm, "VGPUs") or all(_is_movable(store, vgpu) for vgpu in store.rows_of(vm, "VGPUs")):
        return NOTHING
    return SUSPENDING - WITHOUT_DOMAIN.get(vm.power_state, NOTHING)


def _is_movable(store: Store, vgpu: VGPU) -> bool:
    return bool(vgpu.compatibility_metadata) and _implementation(store, vgpu) in MOVABLE


def _has_any(field: str) -> Callable[[Store, VM], bool]:
    return lambda store, vm: store.has_any(vm, field)


RULES: Rules[VM, Op] = Rules(
    (each for each in Op if each not in UNLISTED),
    Rule(
        ALL,
        lambda store, vm: vm.blocked_operations.keys(),
        lambda store, vm, operation: OPERATION_BLOCKED(vm.ref, vm.blocked_operations[Op(operation)]),
    ),
    Rule(ALL, _wrong_now, _wrong_state),
    Rule(ALL, _excluded, busy),
    Rule(ALL, _not_for_template, lambda store, vm, operation: VM_IS_TEMPLATE(vm.ref, _in_words(operation))),
    Rule(
        ALL - ON_SNAPSHOT,
        lambda store, vm: vm.is_a_snapshot,
        lambda store, vm, operation: VM_IS_SNAPSHOT(vm.ref, _in_words(operation)),
    ),
    Rule({Op.provision}, lambda store, vm: not vm.is_a_template, plain(PROVISION_ONLY_ALLOWED_ON_TEMPLATE)),
    Rule({Op.revert}, lambda store, vm: not vm.is_a_snapshot, plain(REVERT_ONLY_ALLOWED_ON_SNAPSHOT)),
    Rule(SUSPENDING, _is_immobile, naming(VM_IS_IMMOBILE), strict=True),
    Rule({Op.changing_dynamic_range}, nested_virt, naming(VM_IS_USING_NESTED_VIRT), strict=True),
    Rule(
        {Op.changing_VCPUs, Op.destroy},
        is_domain_zero,
        lambda store, vm, operation: OPERATION_NOT_ALLOWED("The control domain of a host cannot be asked for this"),
    ),
    Rule(
        ALL - ON_CONTROL_DOMAIN,
        lambda store, vm: vm.is_control_domain,
        lambda store, vm, operation: OPERATION_NOT_ALLOWED("A control domain cannot be asked for this"),
    ),
    Rule(
        SUSPENDING,
        _refuses_suspension,
        lambda store, vm, operation: VM_NON_SUSPENDABLE(vm.ref, says(store, vm)[CANNOT_SUSPEND]),
    ),
    Rule(FEATURES.keys() - {Op.changing_VCPUs_live}, _lacks_feature, naming(VM_LACKS_FEATURE), strict=True),
    Rule({Op.changing_VCPUs_live}, _lacks_feature, naming(VM_LACKS_FEATURE)),
    Rule({Op.snapshot_with_quiesce}, lambda store, vm: True, naming(VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED)),
    Rule(
        {Op.snapshot, Op.checkpoint, Op.suspend, Op.snapshot_with_quiesce, Op.pool_migrate},
        _has_disk_rolled_back,
        plain(VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION),
    ),
    Rule(SUSPENDING, _has_pci, naming(VM_HAS_PCI_ATTACHED)),
    Rule(SUSPENDING, _has_vgpu, naming(VM_HAS_VGPU)),
    Rule(SUSPENDING | {Op.snapshot}, _has_any("VUSBs"), naming(VM_HAS_VUSBS)),
    Rule(
        {Op.make_into_template},
        lambda store, vm: store.find(VM_appliance, vm.appliance) is not None,
        lambda store, vm, operation: VM_IS_PART_OF_AN_APPLIANCE(vm.ref, vm.appliance),
    ),
    Rule(
        {Op.make_into_template},
        lambda store, vm: store.find(VMPP, vm.protection_policy) is not None,
        lambda store, vm, operation: VM_ASSIGNED_TO_PROTECTION_POLICY(vm.ref, vm.protection_policy),
    ),
    Rule(
        {Op.make_into_template},
        lambda store, vm: store.find(VMSS, vm.snapshot_schedule) is not None,
        lambda store, vm, operation: VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE(vm.ref, vm.snapshot_schedule),
    ),
    Rule({Op.query_services}, lambda store, vm: not is_system_domain(vm), naming(NOT_SYSTEM_DOMAIN)),
    Rule(ALL - DURING_UPGRADE, lambda store, vm: upgrading(store), plain(NOT_SUPPORTED_DURING_UPGRADE)),
    Rule(
        {Op.create_vtpm},
        _has_any("VTPMs"),
        lambda store, vm, operation: VTPM_MAX_AMOUNT_REACHED(len(store.members(vm, "VTPMs"))),
    ),
)

check = RULES.check

DERIVATION = Derivation(
    "VM",
    "allowed_operations",
    RULES.allowed,
    (
        "blocked_operations", "power_state", "current_operations", "is_a_template", "is_a_snapshot",
        "is_default_template", key("other_config", DEFAULT_TEMPLATE.name), "is_control_domain",
        "resident_on.control_domain", key("platform", NOMIGRATE.name), key("platform", NESTED_VIRT.name),
        "metrics.nomigrate", "metrics.nested_virt", "metrics.current_domain_type",
        "guest_metrics.PV_drivers_version", key("guest_metrics.other", CANNOT_SUSPEND),
        *(key("guest_metrics.other", feature) for feature in sorted({*chain(*FEATURES.values())})),
        key("VBDs.VDI.sm_config", ON_BOOT.name), key("VBDs.VDI.sm_config", CACHING.name),
        "attached_PCIs", "VGPUs.PCI", "VGPUs.type.implementation", "VGPUs.compatibility_metadata",
        "VUSBs", "VTPMs", "appliance.uuid", "protection_policy.uuid", "snapshot_schedule.uuid",
        key("*pool.other_config", ALLOW_CLONE_SUSPENDED.name), key("*pool.other_config", ROLLING_UPGRADE.name),
    ),
)  # fmt: skip

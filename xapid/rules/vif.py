"""Which operations on a VIF are allowed."""

from __future__ import annotations

from xapid.datamodel import VIF, VM
from xapid.datamodel.errors import (
    DEVICE_ALREADY_ATTACHED,
    DEVICE_ALREADY_DETACHED,
    HANDLE_INVALID,
    OPERATION_NOT_ALLOWED,
    OTHER_OPERATION_IN_PROGRESS,
    VM_MISSING_PV_DRIVERS,
    ApiError,
)
from xapid.datamodel.vif import VifOperations as Op
from xapid.datamodel.vm import VmPowerState as State
from xapid.rules import guest
from xapid.rules.network import SRIOV_PATHS, is_sriov
from xapid.rules.operations import Rule, Rules, naming
from xapid.rules.vm import KEEPS_DEVICES, bad_power_state, devices_held, is_domain_zero, keeps_devices
from xapid.store.derive import Derivation
from xapid.store.store import Store

ALL = frozenset(Op)
PLUGGING = frozenset({Op.plug, Op.unplug})


def _vm(store: Store, vif: VIF) -> VM:
    return store.get(VM, vif.VM)


def _runs(store: Store, vif: VIF) -> bool:
    return _vm(store, vif).power_state == State.Running


def _busy(store: Store, vif: VIF, operation: str) -> ApiError:
    # Braces and semicolons even for one: of VIFs the original says it in another way than of VMs.
    operations, tasks = "; ".join(vif.current_operations.values()), "; ".join(vif.current_operations)
    return OTHER_OPERATION_IN_PROGRESS("VIF", vif.ref, f"{{{operations}}}", f"{{{tasks}}}")


RULES: Rules[VIF, Op] = Rules(
    Op,
    Rule(
        ALL,
        lambda store, vif: store.find(VM, vif.VM) is None,
        lambda store, vif, operation: HANDLE_INVALID("VM", vif.VM),
    ),
    Rule(ALL, lambda store, vif: bool(vif.current_operations), _busy),
    Rule(
        {Op.plug},
        lambda store, vif: is_domain_zero(store, _vm(store, vif)),
        lambda store, vif, operation: OPERATION_NOT_ALLOWED("The control domain takes no interfaces while it runs"),
    ),
    Rule(
        PLUGGING,
        lambda store, vif: is_sriov(store, vif.network),
        lambda store, vif, operation: OPERATION_NOT_ALLOWED("A virtual function cannot be plugged while the VM runs"),
    ),
    Rule(
        {Op.plug},
        lambda store, vif: vif.currently_attached and _runs(store, vif),
        naming(DEVICE_ALREADY_ATTACHED),
    ),
    Rule(
        {Op.unplug},
        lambda store, vif: not vif.currently_attached and _runs(store, vif),
        naming(DEVICE_ALREADY_DETACHED),
    ),
    Rule(
        PLUGGING,
        lambda store, vif: not _runs(store, vif),
        lambda store, vif, operation: bad_power_state(_vm(store, vif), "running"),
    ),
    Rule(
        PLUGGING,
        lambda store, vif: keeps_devices(_vm(store, vif)),
        lambda store, vif, operation: devices_held(_vm(store, vif)),
    ),
    Rule(
        PLUGGING,
        lambda store, vif: guest.refuses_hotplug(store, _vm(store, vif), "VIF"),
        lambda store, vif, operation: OPERATION_NOT_ALLOWED("The guest says that it does not support VIF hotplug"),
    ),
    Rule(
        PLUGGING,
        lambda store, vif: guest.lacks_hotplug(store, _vm(store, vif), "VIF"),
        lambda store, vif, operation: VM_MISSING_PV_DRIVERS(vif.VM),
    ),
)

check = RULES.check

DERIVATION = Derivation(
    "VIF",
    "allowed_operations",
    RULES.allowed,
    (
        "current_operations", "currently_attached", *(f"network.{path}" for path in SRIOV_PATHS),
        "VM.is_control_domain", "VM.resident_on.control_domain", "VM.power_state", KEEPS_DEVICES,
        "VM.metrics.current_domain_type", "VM.guest_metrics.can_use_hotplug_vif",
        "VM.guest_metrics.PV_drivers_detected", "VM.guest_metrics.PV_drivers_version",
    ),
)  # fmt: skip

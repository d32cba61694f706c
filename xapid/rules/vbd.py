"""Which operations on a VBD are allowed, and who may share a disk with whom."""

from __future__ import annotations

from collections.abc import Callable

from xapid.datamodel import VBD, VDI, VM
from xapid.datamodel.errors import (
    DEVICE_ALREADY_ATTACHED,
    DEVICE_ALREADY_DETACHED,
    HANDLE_INVALID,
    OPERATION_NOT_ALLOWED,
    VBD_IS_EMPTY,
    VBD_NOT_EMPTY,
    VBD_NOT_REMOVABLE_MEDIA,
    VBD_NOT_UNPLUGGABLE,
    VDI_IN_USE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_NOT_MANAGED,
    VDI_READONLY,
    VM_MISSING_PV_DRIVERS,
    ApiError,
)
from xapid.datamodel.vbd import VbdMode, VbdType
from xapid.datamodel.vbd import VbdOperations as Op
from xapid.datamodel.vdi import VdiOperations
from xapid.datamodel.vm import VmPowerState as State
from xapid.rules import guest
from xapid.rules.operations import NOTHING, Rule, Rules, busy, naming, others_in_progress
from xapid.rules.vdi import TYPE_WORDS, UNATTACHABLE
from xapid.rules.vm import KEEPS_DEVICES, bad_power_state, devices_held, is_system_domain, keeps_devices
from xapid.store.derive import Derivation
from xapid.store.store import Store

ALL = frozenset(Op)
PARALLEL = frozenset({Op.pause, Op.unpause})
"""Of these several may go on at once."""
OPENING = frozenset({Op.attach, Op.plug, Op.insert})
"""What opens the disk."""
PLUGGING = frozenset({Op.plug, Op.unplug, Op.unplug_force})

BESIDE = frozenset({VdiOperations.mirror, VdiOperations.copy})
"""Operations on a disk that do not mind that it is opened."""


def _vm(store: Store, vbd: VBD) -> VM:
    return store.get(VM, vbd.VM)


def _vdi(store: Store, vbd: VBD) -> VDI | None:
    return None if vbd.empty else store.find(VDI, vbd.VDI)


def _in_state(*states: State) -> Callable[[Store, VBD], bool]:
    return lambda store, vbd: _vm(store, vbd).power_state in states


def _excluded(store: Store, vbd: VBD) -> frozenset[str]:
    """Operations that may not begin beside those that go on."""
    others = set(vbd.current_operations.values()) - PARALLEL
    if not vbd.current_operations:
        return NOTHING
    if not others:
        return ALL - PARALLEL
    # The disk of a VM that reboots is unpaused under the mark of the attachment.
    return ALL - {Op.unpause} if others == {Op.attach} else ALL


def _vdi_is_busy(store: Store, vbd: VBD) -> bool:
    vdi = _vdi(store, vbd)
    return vdi is not None and not BESIDE.issuperset(vdi.current_operations.values())


def _busy_vdi(store: Store, vbd: VBD, operation: str) -> ApiError:
    return others_in_progress("VDI", vbd.VDI, store.get(VDI, vbd.VDI).current_operations)


def _is_unmanaged(store: Store, vbd: VBD) -> bool:
    vdi = _vdi(store, vbd)
    return vdi is not None and not vdi.managed


# Sharing


def is_shared_badly(store: Store, vbd: VBD, vdi: VDI) -> bool:
    """Whether somebody writes to a disk that this VBD would open, or the other way round."""
    if vdi.sharable or is_system_domain(_vm(store, vbd)):
        return False
    others = [other for other in store.rows_of(vdi, "VBDs") if other.ref != vbd.ref and _holds(store, other)]
    return any(VbdMode.RW in (vbd.mode, other.mode) for other in others)


def _holds(store: Store, vbd: VBD) -> bool:
    """Whether a VBD has its disk open, or is about to. A suspended VM has not; a system domain knows how to share."""
    vm = store.find(VM, vbd.VM)
    if vm is None or vm.power_state == State.Suspended or is_system_domain(vm):
        return False
    return vbd.currently_attached or bool(vbd.current_operations)


def check_disk(store: Store, vbd: VBD, vdi: VDI) -> None:
    """Whether a VBD may open a disk. Raises VDI_INCOMPATIBLE_TYPE, VDI_IN_USE, VDI_READONLY."""
    check_type(vdi)
    if is_shared_badly(store, vbd, vdi):
        raise VDI_IN_USE(vdi.ref)
    if vbd.mode == VbdMode.RW and vdi.read_only:
        raise VDI_READONLY(vdi.ref)


def check_type(vdi: VDI) -> None:
    """Whether VMs may have disks of this type. Raises VDI_INCOMPATIBLE_TYPE."""
    if vdi.type in UNATTACHABLE:
        raise VDI_INCOMPATIBLE_TYPE(vdi.ref, TYPE_WORDS[vdi.type])


def _shared_badly(store: Store, vbd: VBD) -> bool:
    vdi = _vdi(store, vbd)
    return vdi is not None and not vbd.currently_attached and is_shared_badly(store, vbd, vdi)


def _read_only(store: Store, vbd: VBD) -> bool:
    vdi = _vdi(store, vbd)
    return vdi is not None and not vbd.currently_attached and vbd.mode == VbdMode.RW and vdi.read_only


RULES: Rules[VBD, Op] = Rules(
    Op,
    Rule(
        ALL,
        lambda store, vbd: store.find(VM, vbd.VM) is None,
        lambda store, vbd, operation: HANDLE_INVALID("VM", vbd.VM),
    ),
    Rule(ALL, _excluded, busy),
    Rule({Op.unplug, Op.unplug_force}, lambda store, vbd: not vbd.unpluggable, naming(VBD_NOT_UNPLUGGABLE)),
    Rule({Op.insert, Op.eject}, lambda store, vbd: vbd.type != VbdType.CD, naming(VBD_NOT_REMOVABLE_MEDIA)),
    Rule({Op.eject}, lambda store, vbd: vbd.empty, naming(VBD_IS_EMPTY)),
    Rule({Op.insert}, lambda store, vbd: not vbd.empty, naming(VBD_NOT_EMPTY)),
    Rule(
        {Op.plug},
        lambda store, vbd: vbd.currently_attached and _vm(store, vbd).power_state == State.Running,
        naming(DEVICE_ALREADY_ATTACHED),
    ),
    Rule(
        {Op.unplug, Op.unplug_force},
        lambda store, vbd: not vbd.currently_attached and _vm(store, vbd).power_state == State.Running,
        naming(DEVICE_ALREADY_DETACHED),
    ),
    Rule(
        PLUGGING,
        _in_state(State.Halted, State.Paused, State.Suspended),
        lambda store, vbd, operation: bad_power_state(_vm(store, vbd), "running"),
    ),
    Rule(
        PARALLEL,
        _in_state(State.Halted, State.Suspended),
        lambda store, vbd, operation: bad_power_state(_vm(store, vbd), "running"),
    ),
    Rule(
        {Op.plug, Op.unplug},
        lambda store, vbd: keeps_devices(_vm(store, vbd)),
        lambda store, vbd, operation: devices_held(_vm(store, vbd)),
    ),
    Rule(
        PLUGGING,
        lambda store, vbd: guest.refuses_hotplug(store, _vm(store, vbd), "VBD"),
        lambda store, vbd, operation: OPERATION_NOT_ALLOWED("The guest says that it does not support VBD hotplug"),
    ),
    Rule(
        PLUGGING,
        lambda store, vbd: guest.lacks_hotplug(store, _vm(store, vbd), "VBD"),
        lambda store, vbd, operation: VM_MISSING_PV_DRIVERS(vbd.VM),
    ),
    Rule(
        PLUGGING,
        lambda store, vbd: vbd.type == VbdType.CD and guest.is_running_hvm(store, _vm(store, vbd)),
        lambda store, vbd, operation: OPERATION_NOT_ALLOWED("The CD drive of an HVM guest stays; its medium does not"),
    ),
    Rule(
        {Op.insert, Op.eject},
        lambda store, vbd: vbd.type == VbdType.CD and _vm(store, vbd).power_state == State.Suspended,
        lambda store, vbd, operation: bad_power_state(_vm(store, vbd), "halted, running"),
    ),
    Rule(ALL, _is_unmanaged, naming(VDI_NOT_MANAGED)),
    Rule(OPENING, _vdi_is_busy, _busy_vdi),
    # Who else has the disk is looked at by the call only: one disk may be in many machines.
    Rule(OPENING, _shared_badly, lambda store, vbd, operation: VDI_IN_USE(vbd.VDI), listed=False),
    Rule(OPENING, _read_only, lambda store, vbd, operation: VDI_READONLY(vbd.VDI), listed=False),
)

check = RULES.check

DERIVATION = Derivation(
    "VBD",
    "allowed_operations",
    RULES.allowed,
    (
        "current_operations", "unpluggable", "type", "empty", "currently_attached",
        "VM.power_state", KEEPS_DEVICES, "VM.metrics.current_domain_type",
        "VM.guest_metrics.can_use_hotplug_vbd", "VM.guest_metrics.PV_drivers_detected",
        "VM.guest_metrics.PV_drivers_version", "VDI.managed", "VDI.current_operations",
    ),
)  # fmt: skip

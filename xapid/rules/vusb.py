"""Which operations on a VUSB are allowed."""

from __future__ import annotations

from xapid.datamodel import VM, VUSB
from xapid.datamodel.errors import DEVICE_ALREADY_ATTACHED, DEVICE_ALREADY_DETACHED, HANDLE_INVALID
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vusb import VusbOperations as Op
from xapid.rules.operations import Rule, Rules, busy, naming
from xapid.rules.vm import KEEPS_DEVICES, bad_power_state, devices_held, keeps_devices
from xapid.store.derive import Derivation
from xapid.store.store import Store

ALL = frozenset(Op)
PLUGGING = frozenset({Op.plug, Op.unplug})


def _vm(store: Store, vusb: VUSB) -> VM:
    return store.get(VM, vusb.VM)


def _runs(store: Store, vusb: VUSB) -> bool:
    return _vm(store, vusb).power_state == State.Running


RULES: Rules[VUSB, Op] = Rules(
    Op,
    Rule(
        ALL,
        lambda store, vusb: store.find(VM, vusb.VM) is None,
        lambda store, vusb, operation: HANDLE_INVALID("VM", vusb.VM),
    ),
    Rule(ALL, lambda store, vusb: bool(vusb.current_operations), busy),
    Rule(
        PLUGGING,
        lambda store, vusb: not _runs(store, vusb),
        lambda store, vusb, operation: bad_power_state(_vm(store, vusb), "running"),
    ),
    Rule({Op.plug}, lambda store, vusb: vusb.currently_attached, naming(DEVICE_ALREADY_ATTACHED)),
    Rule({Op.unplug}, lambda store, vusb: not vusb.currently_attached, naming(DEVICE_ALREADY_DETACHED)),
    Rule(
        PLUGGING,
        lambda store, vusb: keeps_devices(_vm(store, vusb)),
        lambda store, vusb, operation: devices_held(_vm(store, vusb)),
    ),
)

check = RULES.check

DERIVATION = Derivation(
    "VUSB",
    "allowed_operations",
    RULES.allowed,
    ("current_operations", "currently_attached", "VM.power_state", KEEPS_DEVICES),
)

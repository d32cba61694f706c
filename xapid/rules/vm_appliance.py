"""Which operations on an appliance are allowed, which depends on the power states of its VMs."""

from __future__ import annotations

from collections.abc import Callable

from xapid.datamodel import VM_appliance
from xapid.datamodel.errors import OPERATION_NOT_ALLOWED, ApiError
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vm_appliance import VmApplianceOperation as Op
from xapid.rules.operations import Rule, Rules, busy
from xapid.store.derive import Derivation
from xapid.store.store import Store

ALL = frozenset(Op)

STATES: dict[Op, frozenset[State]] = {
    Op.start: frozenset({State.Halted}),
    Op.clean_shutdown: frozenset({State.Running}),
    Op.hard_shutdown: frozenset({State.Running, State.Paused, State.Suspended}),
    Op.shutdown: frozenset({State.Running, State.Paused, State.Suspended}),
}
"""One VM at least has to be in one of these power states."""


def _pointless(store: Store, appliance: VM_appliance) -> frozenset[str]:
    """Operations that no VM of the appliance is in a state for."""
    there = {vm.power_state for vm in store.rows_of(appliance, "VMs")}
    return frozenset(each for each, states in STATES.items() if states.isdisjoint(there))


def _because(reason: str) -> Callable[[Store, VM_appliance, str], ApiError]:
    return lambda store, appliance, operation: OPERATION_NOT_ALLOWED(reason)


RULES: Rules[VM_appliance, Op] = Rules(
    Op,
    Rule(ALL, lambda store, appliance: bool(appliance.current_operations), busy),
    Rule(
        ALL,
        lambda store, appliance: not store.has_any(appliance, "VMs"),
        _because("The appliance has no VMs"),
    ),
    Rule({Op.start}, _pointless, _because("No VM of the appliance is halted")),
    Rule({Op.clean_shutdown}, _pointless, _because("No VM of the appliance runs")),
    Rule({Op.hard_shutdown, Op.shutdown}, _pointless, _because("All VMs of the appliance are halted")),
)

check = RULES.check

DERIVATION = Derivation("VM_appliance", "allowed_operations", RULES.allowed, ("current_operations", "VMs.power_state"))

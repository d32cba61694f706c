"""When the virtual TPM of a VM can be taken away."""

from __future__ import annotations

from collections.abc import Callable

from xapid.datamodel import VM, VTPM
from xapid.datamodel.errors import HANDLE_INVALID
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vtpm import VtpmOperations as Op
from xapid.rules.operations import Rule, Rules, busy
from xapid.rules.vm import bad_power_state
from xapid.store.derive import Derivation
from xapid.store.store import Store

ALL = frozenset(Op)
EXPECTED = "halted;suspended"


def _not_in(*states: State) -> Callable[[Store, VTPM], bool]:
    return lambda store, vtpm: store.get(VM, vtpm.VM).power_state not in states


RULES: Rules[VTPM, Op] = Rules(
    Op,
    Rule(
        ALL,
        lambda store, vtpm: store.find(VM, vtpm.VM) is None,
        lambda store, vtpm, operation: HANDLE_INVALID("VM", vtpm.VM),
    ),
    Rule(ALL, lambda store, vtpm: bool(vtpm.current_operations), busy),
    Rule(
        {Op.destroy},
        _not_in(State.Halted, State.Suspended),
        lambda store, vtpm, operation: bad_power_state(store.get(VM, vtpm.VM), EXPECTED),
    ),
    # A suspended VM's can be destroyed, but is not offered.
    Rule(
        {Op.destroy},
        _not_in(State.Halted),
        lambda store, vtpm, operation: bad_power_state(store.get(VM, vtpm.VM), EXPECTED),
        checked=False,
    ),
)

check = RULES.check

DERIVATION = Derivation("VTPM", "allowed_operations", RULES.allowed, ("current_operations", "VM.power_state"))

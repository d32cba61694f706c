"""Every check of an operation and every derived field: what the guard and the store are built with."""

from __future__ import annotations

from typing import Any, Protocol

from xapid.rules import host, pool, sr, vbd, vdi, vif, vm, vm_appliance, vtpm, vusb
from xapid.store.derive import Derivation
from xapid.store.store import Store


class Check(Protocol):
    """Raises the error that a client gets if an operation may not be started on a row now."""

    def __call__(self, store: Store, row: Any, operation: str, *, strict: bool = True) -> None:
        """Without ``strict`` rules that a client can force are passed over."""


CHECKS: dict[str, Check] = {
    "VM": vm.check,
    "VBD": vbd.check,
    "VIF": vif.check,
    "VDI": vdi.check,
    "SR": sr.check,
    "host": host.check,
    "pool": pool.check,
    "VM_appliance": vm_appliance.check,
    "VTPM": vtpm.check,
    "VUSB": vusb.check,
}
"""By class. On networks, tasks and clusters any operation may be marked at any time; tasks keep their own list."""

DERIVATIONS: tuple[Derivation, ...] = (
    vm.DERIVATION,
    vbd.DERIVATION,
    vif.DERIVATION,
    vdi.DERIVATION,
    sr.DERIVATION,
    host.DERIVATION,
    pool.DERIVATION,
    vm_appliance.DERIVATION,
    vtpm.DERIVATION,
    vusb.DERIVATION,
)
"""In no order: none depends on another's field."""

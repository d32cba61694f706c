"""Rows for tests of rules: a store that derives, and objects of which a test names only what it is about."""

from __future__ import annotations

from typing import Any, TypeVar

from xapid.datamodel import Host, HostMetrics, Pool, VM_guest_metrics, VM_metrics
from xapid.datamodel.types import NULL, Object
from xapid.datamodel.vm import DomainType
from xapid.rules.registry import DERIVATIONS
from xapid.store.store import Store

Row = TypeVar("Row", bound=Object)

GIB = 1 << 30


class World:
    """A pool of one host."""

    def __init__(self) -> None:
        self.store = Store(DERIVATIONS)
        metrics = self.make(HostMetrics, live=True, memory_total=16 * GIB)
        self.host = self.make(
            Host,
            enabled=True,
            metrics=metrics.ref,
            capabilities=("xen-3.0-x86_64", "hvm-3.0-x86_64"),
            cpu_info={"cpu_count": "8", "vendor": "GenuineIntel"},
            virtual_hardware_platform_versions=(0, 1, 2),
        )
        self.pool = self.make(Pool, master=self.host.ref)

    def make(self, cls: type[Row], /, **fields: Any) -> Row:
        with self.store.write() as tx:
            made = tx.create(cls, **fields)
        return self.now(made)

    def set(self, row: Row, /, **fields: Any) -> Row:
        with self.store.write() as tx:
            tx.set(row, **fields)
        return self.now(row)

    def now(self, row: Row) -> Row:
        return self.store.get(type(row), row.ref)

    def guest(self, *, runs_as: DomainType = DomainType.hvm, **guest: Any) -> dict[str, Any]:
        """Fields of a VM whose guest was started as a kind of machine, and told this of itself."""
        metrics = self.make(VM_metrics, current_domain_type=runs_as)
        told = self.make(VM_guest_metrics, **guest).ref if guest else NULL
        return {"metrics": metrics.ref, "guest_metrics": told}

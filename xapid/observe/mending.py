"""What a database lacks that a start can make anew."""

from __future__ import annotations

import logging

from xapid.datamodel import VM, Host, HostMetrics, Pool, VM_metrics
from xapid.store.completeness import absent
from xapid.store.store import Store
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)


def mend(store: Store, tx: Transaction) -> None:
    """Make anew what is not there and nothing is lost with: metrics, and which host is the master if there is one."""
    for each in absent(store).mended:
        log.warning("the database is mended: %s", each)
    hosts = list(store.all(Host))
    pool = store.one(Pool)
    if len(hosts) == 1:
        tx.set(pool, master=hosts[0].ref)
    for host in hosts:
        if store.find(HostMetrics, host.metrics) is None:
            tx.set(host, metrics=tx.create(HostMetrics).ref)
    for vm in list(store.all(VM)):
        if store.find(VM_metrics, vm.metrics) is None:
            tx.set(vm, metrics=tx.create(VM_metrics).ref)

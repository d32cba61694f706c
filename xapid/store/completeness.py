"""What a database must hold so that a daemon can work with it: one pool, and what it and its hosts refer to."""

from __future__ import annotations

from dataclasses import dataclass, field

from xapid.datamodel import VM, Host, HostMetrics, Pool, User, VM_metrics
from xapid.store.store import Store


@dataclass
class Absent:
    """What is not there, in words."""

    lost: list[str] = field(default_factory=list)
    """Only a backup has it."""
    mended: list[str] = field(default_factory=list)
    """The next start makes it anew, and nothing is lost."""


def absent(store: Store) -> Absent:
    """What a daemon would miss. Whatever else refers to what is not there does no harm."""
    found = Absent()
    pools, hosts = store.all(Pool), store.all(Host)
    # The first start makes these together: without all of them, nobody has started on it yet.
    if not pools and not hosts and not store.all(User):
        return found
    if len(pools) != 1:
        found.lost.append(f"there are {len(pools)} pools" if pools else "there is no pool")
    if not hosts:
        found.lost.append("there is no host")
    for pool in pools:
        if hosts and store.find(Host, pool.master) is None:
            where = found.mended if len(hosts) == 1 else found.lost
            where.append(f"the master of the pool {pool.ref} is not there: {pool.master!r}")
    for host in hosts:
        if store.find(HostMetrics, host.metrics) is None:
            found.mended.append(f"the metrics of host {host.ref} are not there: {host.metrics!r}")
        domain = store.find(VM, host.control_domain)
        if domain is None:
            found.lost.append(f"the control domain of host {host.ref} is not there: {host.control_domain!r}")
        elif store.find(VM_metrics, domain.metrics) is None:
            found.mended.append(f"the metrics of control domain {domain.ref} are not there: {domain.metrics!r}")
    return found

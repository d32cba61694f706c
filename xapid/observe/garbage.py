"""What goes by itself with time: old tasks, idle sessions, devices whose other end is gone."""

from __future__ import annotations

from collections.abc import Iterator

from xapid.auth.sessions import Sessions
from xapid.datamodel import PBD, SR, VBD, VDI, VIF, VM, Console, Host, HostCpu, Network, Task
from xapid.datamodel.task import TaskAllowedOperations
from xapid.datamodel.types import NULL, Object
from xapid.datamodel.vbd import VbdType
from xapid.runtime.context import Runtime
from xapid.runtime.tasks import PENDING
from xapid.store.store import Store
from xapid.store.transaction import Transaction

EVERY = 30.0
"""Seconds between two passes."""
TASK_KEPT = 3900.0
"""Seconds for which a task that is over is kept."""
TASK_STALE = 24 * 3600.0
"""Seconds after which a pending task goes, if nothing moved in it between two passes."""
TASKS_KEPT = 200
"""Beyond this many the oldest of those that are over go."""


class Collector:
    """One pass after another; the first comes at start."""

    def __init__(self, runtime: Runtime, sessions: Sessions) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._progress: dict[str, float] = {}

    def collect(self) -> None:
        self._sessions.expire()
        self.collect_tasks()
        collect_dangling(self._runtime.store)

    def collect_tasks(self) -> None:
        store, now = self._runtime.store, self._runtime.clock.now()
        rows = list(store.all(Task))
        over = [row for row in rows if row.status not in PENDING]
        gone = [row for row in over if _wanted_gone(row) or row.finished.seconds() < now - TASK_KEPT]
        gone += [row for row in rows if row.status in PENDING and self._stale(row, now)]
        kept = [row for row in over if row not in gone]
        surplus = len(rows) - len(gone) - TASKS_KEPT
        if surplus > 0:
            gone += sorted(kept, key=lambda row: row.finished.seconds())[:surplus]
        self._progress = {row.ref: row.progress for row in rows if row.status in PENDING}
        with store.write() as tx:
            for row in gone:
                tx.delete(row)
        for row in gone:
            self._runtime.tasks.dropped(row.ref)

    def _stale(self, row: Task, now: float) -> bool:
        return row.created.seconds() < now - TASK_STALE and self._progress.get(row.ref) == row.progress


def _wanted_gone(row: Task) -> bool:
    return TaskAllowedOperations.destroy in row.current_operations.values()


def collect_dangling(store: Store) -> None:
    """Remove rows that join two objects of which one is gone. A CD drive whose disk is gone is empty instead."""
    with store.write() as tx:
        for drive in list(store.all(VBD)):
            _collect_drive(store, tx, drive)
        for row in list(_dangling(store)):
            metrics = store.find_any(row.__dict__.get("metrics", NULL))
            if metrics is not None:
                tx.delete(metrics)
            tx.delete(row)


def _collect_drive(store: Store, tx: Transaction, drive: VBD) -> None:
    if store.find(VM, drive.VM) is None:
        return
    if drive.type is VbdType.CD and not drive.empty and store.find(VDI, drive.VDI) is None:
        tx.set(drive, VDI=NULL, empty=True)


def _dangling(store: Store) -> Iterator[Object]:
    for drive in store.all(VBD):
        if store.find(VM, drive.VM) is None or (not drive.empty and store.find(VDI, drive.VDI) is None):
            yield drive
    for vif in store.all(VIF):
        if store.find(VM, vif.VM) is None or store.find(Network, vif.network) is None:
            yield vif
    for pbd in store.all(PBD):
        if store.find(Host, pbd.host) is None or store.find(SR, pbd.SR) is None:
            yield pbd
    for vdi in store.all(VDI):
        if store.find(SR, vdi.SR) is None:
            yield vdi
    for console in store.all(Console):
        if store.find(VM, console.VM) is None:
            yield console
    for cpu in store.all(HostCpu):
        if store.find(Host, cpu.host) is None:
            yield cpu

"""What goes by itself with time: old tasks and messages, idle sessions, devices whose other end is gone."""

from __future__ import annotations

from xapid.auth.sessions import Sessions
from xapid.datamodel import PBD, SR, VBD, VDI, VIF, VM, Console, Host, HostCpu, Message, Network, Task
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
MESSAGES_KEPT = 10_000
"""Beyond this many the oldest go."""


class Collector:
    """One pass after another; the first comes at start."""

    def __init__(self, runtime: Runtime, sessions: Sessions) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._progress: dict[str, float] = {}
        self._since: dict[tuple[str, bool], float] | None = None
        """Task, and whether it is over -> since when, by the clock that never jumps; None: there was no pass yet."""
        self._dangling = Dangling(runtime.store)

    def collect(self) -> None:
        self._sessions.expire()
        self.collect_tasks()
        self.collect_messages()
        self._dangling.collect()

    def collect_tasks(self) -> None:
        store = self._runtime.store
        rows = list(store.all(Task))
        ages = self._ages(rows)
        over = [row for row in rows if row.status not in PENDING]
        gone = [row for row in over if _wanted_gone(row) or ages[row.ref] > TASK_KEPT]
        gone += [row for row in rows if row.status in PENDING and self._stale(row, ages[row.ref])]
        going = {row.ref for row in gone}
        kept = [row for row in over if row.ref not in going]
        surplus = len(rows) - len(gone) - TASKS_KEPT
        if surplus > 0:
            gone += sorted(kept, key=lambda row: row.finished.seconds())[:surplus]
        self._progress = {row.ref: row.progress for row in rows if row.status in PENDING}
        with store.write() as tx:
            for row in gone:
                tx.delete(row)
        for row in gone:
            self._runtime.tasks.dropped(row.ref)

    def collect_messages(self) -> None:
        store = self._runtime.store
        surplus = len(store.all(Message)) - MESSAGES_KEPT
        if surplus > 0:
            with store.write() as tx:
                for row in sorted(store.all(Message), key=lambda row: row._created)[:surplus]:
                    tx.delete(row)

    def _ages(self, rows: list[Task]) -> dict[str, float]:
        """For how many seconds each task has been over, or pending. A clock that is set makes none older.

        What was there before the first pass is as old as its dates say; later ones count from the pass that finds them.
        """
        now, moment = self._runtime.clock.now(), self._runtime.clock.monotonic()
        since: dict[tuple[str, bool], float] = {}
        for row in rows:
            is_over = row.status not in PENDING
            known = None if self._since is None else self._since.get((row.ref, is_over), moment)
            if known is None:
                known = moment - max(0.0, now - (row.finished if is_over else row.created).seconds())
            since[row.ref, is_over] = known
        self._since = since
        return {ref: moment - began for (ref, _), began in since.items()}

    def _stale(self, row: Task, age: float) -> bool:
        return age > TASK_STALE and self._progress.get(row.ref) == row.progress


def _wanted_gone(row: Task) -> bool:
    return TaskAllowedOperations.destroy in row.current_operations.values()


ENDS: dict[type[Object], dict[str, type[Object]]] = {
    VBD: {"VM": VM, "VDI": VDI},
    VIF: {"VM": VM, "network": Network},
    PBD: {"host": Host, "SR": SR},
    VDI: {"SR": SR},
    Console: {"VM": VM},
    HostCpu: {"host": Host},
}
"""Classes whose rows join others and go with them: class -> field -> class of the other end."""


class Dangling:
    """Finds the rows that lost an end, by what changed since the last pass: its cost follows the changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = 0
        """Generation up to which all was looked at."""

    def collect(self) -> None:
        """Remove rows that join two objects of which one is gone. A CD drive whose disk is gone is empty instead."""
        store = self._store
        while suspects := self.suspects():
            # What is removed now may be an end of others.
            self._seen = store.generation
            with store.write() as tx:
                for row in suspects:
                    self._judge(tx, row)
        self._seen = store.generation

    def suspects(self) -> list[Object]:
        """The rows that were made or changed, and those that refer to an object that is gone."""
        store, since = self._store, self._seen
        classes = {*ENDS, *(end for ends in ENDS.values() for end in ends.values())}
        feeds = {cls: store.feed.classes[cls.spec.name] for cls in classes}
        if any(feed.forgotten > since for feed in feeds.values()):
            return [row for cls in ENDS for row in store.all(cls)]
        found: dict[str, Object] = {}
        for cls, ends in ENDS.items():
            found |= {ref: store.tables[cls.spec.name].rows[ref] for ref in feeds[cls].changed_since(since)}
            for field, end in ends.items():
                for gone in feeds[end].gone_since(since):
                    found |= {row.ref: row for row in store.where(cls, **{field: gone})}
        return list(found.values())

    def _judge(self, tx: Transaction, row: Object) -> None:
        store = self._store
        lost = {field for field, end in ENDS[type(row)].items() if store.find(end, row.__dict__[field]) is None}
        if isinstance(row, VBD) and row.empty:
            lost.discard("VDI")
        if not lost:
            return
        if isinstance(row, VBD) and row.type is VbdType.CD and lost == {"VDI"}:
            tx.set(row, VDI=NULL, empty=True)
            return
        metrics = store.find_any(row.__dict__.get("metrics", NULL))
        if metrics is not None:
            tx.delete(metrics)
        tx.delete(row)

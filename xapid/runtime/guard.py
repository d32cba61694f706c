"""The operation guard: what is going on with which object, and who waits for his turn."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from xapid.datamodel.errors import OTHER_OPERATION_IN_PROGRESS
from xapid.datamodel.types import Object
from xapid.runtime.tracing.span import part
from xapid.store.store import Store

if TYPE_CHECKING:
    from xapid.runtime.tasks import TaskHandle


class Check(Protocol):
    """Whether an operation may be started on a row now."""

    def __call__(self, store: Store, row: Any, operation: str, *, strict: bool = True) -> None:
        """Raise the error that a client gets if not. What a client can force is refused only if ``strict``."""


class Background(Protocol):
    """Work that nobody waits for: it leaves off when somebody wants what it works on."""

    def is_in_the_way(self, row: Object, operation: str) -> bool:
        """Whether it works on what the operation opens, closes or changes."""

    async def give_way(self, row: Object) -> None:
        """Return once it has left off."""


URGENT = frozenset({"hard_shutdown", "hard_reboot"})
"""These overtake whoever waits: they are how a client gets out of a jam."""

STANDARD = 7200.0
QUICK = 120.0
AT_ONCE = 0.0
"""How long an operation waits for others on the same object, in seconds."""


class Guard:
    """Marks operations on objects, in the order they were asked for."""

    def __init__(self, store: Store, checks: dict[str, Check]) -> None:
        self._store = store
        self._checks = checks
        self._waiting: dict[str, OrderedDict[asyncio.Future[None], None]] = {}
        self.background: Background | None = None

    def check(self, row: Object, operation: str, *, strict: bool = True) -> None:
        """Raise what forbids the operation now, also if it is only that something else is going on."""
        check = self._checks.get(row.spec.name)
        if check is not None:
            check(self._store, row, operation, strict=strict)

    async def enter(
        self, row: Object, operation: str, task: TaskHandle, patience: float, *, strict: bool = True
    ) -> None:
        """Wait for the turn, then mark the operation. Raises what forbids it, or what still stands in the way.

        While it waits the task can be cancelled.
        """
        deadline = asyncio.get_running_loop().time() + patience
        queued = operation not in URGENT and bool(self._waiting.get(row.ref))
        while True:
            row = self._store.get(type(row), row.ref)
            blocker = None
            try:
                self.check(row, operation, strict=strict)
            except OTHER_OPERATION_IN_PROGRESS as error:
                blocker = error
            if blocker is None and not queued:
                if self.background is None or not self.background.is_in_the_way(row, operation):
                    break
                await self.background.give_way(row)
                continue
            left = deadline - asyncio.get_running_loop().time()
            if blocker is not None and left <= 0:
                raise blocker
            await self._wait(blocker.args[1] if blocker is not None else row.ref, task, max(left, 0.001))
            queued = False
        self.mark(row, operation, task.ref)

    def mark(self, row: Object, operation: str, task: str) -> None:
        field = row.spec.fields["current_operations"]
        value = field.type.value.python(operation)  # type: ignore[attr-defined]  # a map to an enumeration
        latest = self._store.get(type(row), row.ref)
        with self._store.write() as tx:
            tx.set(latest, current_operations={**latest.__dict__["current_operations"], task: value})

    def leave(self, row: Object, task: str) -> None:
        """Take the mark away and let the next one look."""
        latest = self._store.find(type(row), row.ref)
        if latest is not None:
            current = dict(latest.__dict__["current_operations"])
            if current.pop(task, None) is not None:
                with self._store.write() as tx:
                    tx.set(latest, current_operations=current)
        self.released(row)
        if latest is not None:
            self.released(latest)

    def released(self, row: Object) -> None:
        """Something about an object ended: those who wait for it, or for one that it names, look again, in their order.

        A disk waits for the drives that hold it, so that the end of what went on with a drive is news for its disk.
        """
        if not self._waiting:
            return
        named = [
            value for value in (row.ref, *row.__dict__.values()) if isinstance(value, str) and value in self._waiting
        ]
        for ref in named:
            for future in self._waiting.pop(ref, ()):
                if not future.done():
                    future.set_result(None)

    async def _wait(self, ref: str, task: TaskHandle, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(ref, OrderedDict())
        queue[future] = None
        try:
            with part("queue: operation"), task.cancellable():
                async with asyncio.timeout(seconds):
                    await future
        except TimeoutError:
            return
        finally:
            queue.pop(future, None)
            if not queue and self._waiting.get(ref) is queue:
                del self._waiting[ref]

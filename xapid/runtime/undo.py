"""The undo journal: what to take back if an operation fails, is cancelled, or dies with the daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import msgspec

from xapid.backends.interface import BackendError, NotFound
from xapid.datamodel.errors import ApiError
from xapid.store.transaction import Transaction

if TYPE_CHECKING:
    from xapid.runtime.channel import Channel
    from xapid.runtime.tasks import TaskHandle
    from xapid.store.store import Store

P = ParamSpec("P")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One call that takes something back."""

    channel: Channel
    method: Callable[..., Any]
    args: tuple[Any, ...]


class UndoLine(msgspec.Struct, frozen=True):
    """A step as it stands in the journal."""

    target: str
    """Which agent: kind of back end and host."""
    method: str
    args: list[msgspec.Raw]


class Undo:
    """What has to be taken back of one operation, latest first."""

    def __init__(self, store: Store, task: TaskHandle) -> None:
        self._store = store
        self._task = task
        self._steps: list[Step] = []
        self._journalled = False
        self.unborn: set[str] = set()
        """uuids of volumes that are made under it."""

    def push(
        self, channel: Channel, method: Callable[Concatenate[Any, P], Any], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """To be called before the do; the next call of the channel waits until the line is on disk."""
        if kwargs:
            raise TypeError("undo steps take positional arguments")
        self._steps.append(Step(channel, method, args))
        if channel.ephemeral:
            # What this back end keeps dies with the daemon: there is nothing to undo after a crash.
            return
        self._task.number += 1
        line = UndoLine(channel.target, method.__qualname__, [msgspec.Raw(msgspec.json.encode(arg)) for arg in args])
        with self._store.write() as tx:
            tx.journal(self._task.ref, self._task.number, msgspec.json.encode(line).decode())
        self._journalled = True
        channel.wait_for(self._store.generation)

    def settle(self, tx: Transaction) -> None:
        """What was done so far is recorded by this transaction: it is true now, and not taken back any more."""
        self._steps.clear()
        if self._journalled:
            tx.journal(self._task.ref, 0, None)
            self._journalled = False

    def leave(self) -> None:
        """Run nothing now: what stands in the journal is for the next start."""
        self._steps.clear()
        self._journalled = False

    async def run(self) -> None:
        """Take everything back. A step that fails is logged and does not keep the others from running."""
        while self._steps:
            step = self._steps.pop()
            try:
                await step.channel.letting_through(BackendError).repeatable(step.method, *step.args)
            except NotFound as error:
                log.debug("undo step %s found nothing: %s", step.method.__qualname__, error)
            except (ApiError, BackendError) as error:
                log.error("undo step %s failed: %s", step.method.__qualname__, error)
        if self._journalled:
            with self._store.write() as tx:
                tx.journal(self._task.ref, 0, None)
            self._journalled = False

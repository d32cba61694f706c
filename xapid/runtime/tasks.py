"""Tasks: the rows by which clients follow what was asked for, and how such work is cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xapid.datamodel import Task
from xapid.datamodel.errors import TASK_CANCELLED, ApiError
from xapid.datamodel.task import TaskAllowedOperations, TaskStatusType
from xapid.datamodel.types import NULL
from xapid.runtime.tasks_kept import TasksKept
from xapid.store.rows import new_uuid
from xapid.store.store import Store

if TYPE_CHECKING:
    from xapid.runtime.clock import Clock

PENDING = (TaskStatusType.pending, TaskStatusType.cancelling)

current: contextvars.ContextVar[str] = contextvars.ContextVar("task", default="")
"""The reference of the task for which this code works; empty: for none."""


class TaskHandle:
    """Work under way. ``ref`` is a real row, or a dummy that no client can look up."""

    __slots__ = (
        "_cancellable", "_ref", "cancel_requested", "label", "number", "portion", "session", "store", "stored", "work",
    )  # fmt: skip

    def __init__(self, store: Store, ref: str | None, label: str, session: str, stored: bool) -> None:
        self.store = store
        self._ref = ref
        self.label = label
        self.session = session
        self.stored = stored
        self.work: asyncio.Task[object] | None = None
        self.cancel_requested = False
        self.number = 0
        """Of the last line in the undo journal."""
        self.portion = (0.0, 1.0)
        """Where in the whole that begins and ends of which progress is told now."""
        self._cancellable = 0

    @property
    def ref(self) -> str:
        """The row's reference; a dummy is made up when somebody asks, which hardly anybody does."""
        if self._ref is None:
            self._ref = f"DummyRef:|{new_uuid()}|{self.label}"
        return self._ref

    @property
    def at_work(self) -> bool:
        """Whether something is under way in it."""
        return self.work is not None and not self.work.done()

    def cancel(self) -> None:
        """Ask the work to stop. It does at once where it can, else at the next place where it can."""
        self.cancel_requested = True
        if self._cancellable and self.work is not None:
            self.work.cancel()

    @contextmanager
    def cancellable(self) -> Iterator[None]:
        """Within the block a request to cancel ends the work with TASK_CANCELLED."""
        self._assert_wanted()
        outermost = not self._cancellable
        self._cancellable += 1
        if outermost:
            self._show((TaskAllowedOperations.cancel,))
        try:
            yield
        except asyncio.CancelledError as error:
            # Anything else that cancels the work, the end of the daemon for one, goes its way.
            self._assert_wanted(error)
            raise
        finally:
            self._cancellable -= 1
            if outermost:
                self._show(())

    def _assert_wanted(self, cause: BaseException | None = None) -> None:
        if not self.cancel_requested:
            return
        if cause is not None and self.work is not None:
            self.work.uncancel()
        raise TASK_CANCELLED(self.ref) from cause

    def _show(self, allowed: tuple[TaskAllowedOperations, ...]) -> None:
        row = self.store.find(Task, self.ref) if self.stored else None
        if row is not None and row.status in PENDING:
            with self.store.write() as tx:
                tx.set(row, allowed_operations=allowed)

    def progress(self, fraction: float) -> None:
        """Say how far the work is, 0 to 1."""
        row = self.store.find(Task, self.ref) if self.stored else None
        if row is not None and row.status in PENDING:
            begins, ends = self.portion
            with self.store.write() as tx:
                tx.set(row, progress=begins + (ends - begins) * fraction)


class Tasks:
    """All tasks of this host."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.localhost: str = NULL
        self.active: dict[str, TaskHandle] = {}
        """Work under way by its reference, dummy or real."""
        self.sessions: dict[str, str] = {}
        """Which session started a task: task -> session."""
        self.owners: dict[str, str] = {}
        """Whose task it is: task -> auth_user_sid of its session."""
        self._kept = TasksKept()

    def create(
        self,
        label: str,
        description: str = "",
        *,
        session: str = NULL,
        owner: str = "",
        parent: str = NULL,
        volatile: bool = False,
        other_config: dict[str, str] | None = None,
    ) -> TaskHandle:
        """A task with a row. A volatile one lasts only as long as a call, and is not written."""
        with self.store.write() as tx:
            row = tx.create(
                Task,
                volatile=volatile,
                name_label=label,
                name_description=description,
                created=self.clock.date(),
                status=TaskStatusType.pending,
                resident_on=self.localhost,
                type="<none/>",
                subtask_of=parent,
                other_config=dict(other_config or {}),
            )
        handle = TaskHandle(self.store, row.ref, label, session, True)
        self.active[row.ref] = handle
        self.sessions[row.ref] = session
        self.owners[row.ref] = owner
        return handle

    def dummy(self, label: str, session: str = NULL) -> TaskHandle:
        """A task without a row, for calls that must make no event."""
        return TaskHandle(self.store, None, label, session, False)

    def adopted(self, ref: str, label: str) -> TaskHandle:
        """The task that a client made and wants this call to run in: ``task_id`` of a transfer."""
        return self.active.get(ref) or TaskHandle(self.store, ref, label, NULL, self.store.find(Task, ref) is not None)

    def resumed(self, ref: str, label: str) -> TaskHandle:
        """A task that was under way when the last daemon ended, and goes on."""
        handle = self.active[ref] = TaskHandle(self.store, ref, label, NULL, True)
        return handle

    def succeed(self, handle: TaskHandle, result: str) -> None:
        """End with a result: the XML text of the value. A task that has ended already stays as it is."""
        self._end(handle, status=TaskStatusType.success, result=result)

    def fail(self, handle: TaskHandle, error: BaseException) -> None:
        """End with an error."""
        if isinstance(error, TASK_CANCELLED):
            self._end(handle, status=TaskStatusType.cancelled)
            return
        description = error.description if isinstance(error, ApiError) else ["INTERNAL_ERROR", str(error)]
        self._end(handle, status=TaskStatusType.failure, error_info=tuple(description), backtrace=backtrace_text(error))

    def _end(self, handle: TaskHandle, **changes: object) -> None:
        self.active.pop(handle.ref, None)
        row = self.store.find(Task, handle.ref) if handle.stored else None
        if row is None or row.status not in PENDING:
            return
        with self.store.write() as tx:
            tx.set(row, progress=1.0, finished=self.clock.date(), allowed_operations=(), **changes)

    def stays(self, handle: TaskHandle) -> bool:
        """Whether clients find the task once its call is over."""
        row = self.store.find(Task, handle.ref) if handle.stored else None
        return row is not None and not row._volatile

    def forget(self, handle: TaskHandle) -> None:
        """The call that the task was for is over: its row goes."""
        self.dropped(handle.ref)
        row = self.store.find(Task, handle.ref) if handle.stored else None
        if row is not None:
            with self.store.write() as tx:
                tx.delete(row)

    def dropped(self, ref: str) -> None:
        """The row of a task is gone."""
        self.active.pop(ref, None)
        self.sessions.pop(ref, None)
        self.owners.pop(ref, None)
        self._kept.forget(ref)

    def belongs_to(self, ref: str, owner: str) -> bool:
        """Whether a session of this user (``auth_user_sid``) began the task; all sessions of root are one user."""
        return self.sessions.get(ref, NULL) != NULL and self.owners.get(ref) == owner

    def wrote(self, ref: str) -> None:
        """A client has written into a task. Others of its user go if that has become too much."""
        row = self.store.find(Task, ref)
        if row is None:
            return
        going = self._kept.wrote(self.owners.get(ref, ""), row, self._is_at_work)
        if going:
            with self.store.write() as tx:
                for each in going:
                    tx.delete(self.store.get(Task, each))
            for each in going:
                self.dropped(each)

    def _is_at_work(self, ref: str) -> bool:
        handle = self.active.get(ref)
        return handle is not None and handle.at_work

    def busy_sessions(self) -> frozenset[str]:
        """Sessions for which something is under way."""
        return frozenset(handle.session for handle in self.active.values())

    def of_session(self, session: str) -> tuple[str, ...]:
        return tuple(ref for ref, owner in self.sessions.items() if owner == session)


def backtrace_text(error: BaseException) -> str:
    """The frames of an error as the S-expression that ``task.backtrace`` holds, without any values."""
    frames = traceback.extract_tb(error.__traceback__)
    shown = (
        f"((process xapid)(filename {frame.filename.rpartition('/xapid/')[2]})(line {frame.lineno}))"
        for frame in reversed(frames)
    )
    return f"({''.join(shown)})"

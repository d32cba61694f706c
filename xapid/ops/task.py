"""Messages of class task: making tasks of one's own, cancelling and forgetting any."""

from __future__ import annotations

from xapid.auth.permissions import DESTROY_ANY_TASK, assert_may_change
from xapid.auth.sessions import SessionState
from xapid.datamodel import Host, Task
from xapid.datamodel.columns import column_name
from xapid.datamodel.errors import MAP_DUPLICATE_KEY, RBAC_PERMISSION_DENIED
from xapid.datamodel.task import TaskAllowedOperations, TaskStatusType
from xapid.runtime.context import Context
from xapid.runtime.tasks import PENDING, Tasks
from xapid.runtime.texts import check_text

DESTROY_WHEN_OVER = "task"
"""Key in current_operations of a task that shall go once it is over."""


def create(ctx: Context, label: str, description: str) -> str:
    """A task that the client keeps itself: it stays pending until told otherwise."""
    session = ctx.session
    handle = ctx.runtime.tasks.create(label, description, session=session.ref, owner=session.user_sid)
    ctx.shown(ctx.store.get(Task, handle.ref))
    ctx.runtime.tasks.wrote(handle.ref)
    return handle.ref


def destroy(ctx: Context, self: Task) -> None:
    """Forget a task that is over; one that is not goes when it is."""
    _assert_may_touch(ctx, self)
    pending = self.status in PENDING
    if pending and DESTROY_WHEN_OVER in self.current_operations:
        raise MAP_DUPLICATE_KEY("task", "current_operations", self.ref, DESTROY_WHEN_OVER)
    with ctx.write() as tx:
        if pending:
            tx.set(
                self, current_operations=self.current_operations | {DESTROY_WHEN_OVER: TaskAllowedOperations.destroy}
            )
        else:
            tx.delete(self)
    if ctx.store.find(Task, self.ref) is None:
        ctx.runtime.tasks.dropped(self.ref)


def cancel(ctx: Context, task: Task) -> None:
    """Ask for the end of a task; it comes when the work notices. Of one that is over nothing comes."""
    _assert_may_touch(ctx, task)
    with ctx.write() as tx:
        tx.set(task, current_operations={ctx.task.ref: TaskAllowedOperations.cancel})
    handle = ctx.runtime.tasks.active.get(task.ref)
    if handle is not None and handle.work is not None:
        handle.cancel()


def set_status(ctx: Context, self: Task, value: TaskStatusType) -> None:
    _change(ctx, self, status=value)


def set_progress(ctx: Context, self: Task, value: float) -> None:
    _change(ctx, self, progress=value)


def set_result(ctx: Context, self: Task, value: str) -> None:
    _change(ctx, self, result=value)


def set_error_info(ctx: Context, self: Task, value: tuple[str, ...]) -> None:
    _change(ctx, self, error_info=value)


def set_resident_on(ctx: Context, self: Task, value: Host) -> None:
    _change(ctx, self, resident_on=value.ref)


def set_other_config(ctx: Context, self: Task, value: dict[str, str]) -> None:
    _assert_may_touch(ctx, self)
    assert_may_change(ctx.session, Task, "other_config", self.other_config, value)
    _change(ctx, self, other_config=value)


def add_to_other_config(ctx: Context, self: Task, key: str, value: str) -> None:
    _assert_may_touch(ctx, self)
    check_text({key: value})
    if key in self.other_config:
        raise MAP_DUPLICATE_KEY("task", column_name(self.spec.fields["other_config"]), self.ref, key)
    _change(ctx, self, other_config={**self.other_config, key: value})


def remove_from_other_config(ctx: Context, self: Task, key: str) -> None:
    _change(ctx, self, other_config={name: value for name, value in self.other_config.items() if name != key})


def _change(ctx: Context, task: Task, **changes: object) -> None:
    _assert_may_touch(ctx, task)
    for value in changes.values():
        check_text(value)
    with ctx.write() as tx:
        tx.set(task, **changes)
    ctx.runtime.tasks.wrote(task.ref)


def _assert_may_touch(ctx: Context, task: Task) -> None:
    """A task belongs to the user whose session made it; all sessions of root are one user."""
    if ctx.task.ref != task.ref:
        assert_may_touch(ctx.runtime.tasks, ctx.session, task.ref)


def assert_may_touch(tasks: Tasks, session: SessionState, ref: str) -> None:
    """Raises RBAC_PERMISSION_DENIED for a task of another user, unless the session may do with all what it likes."""
    if not session.may(DESTROY_ANY_TASK) and not tasks.belongs_to(ref, session.user_sid):
        raise RBAC_PERMISSION_DENIED(DESTROY_ANY_TASK, "The task belongs to another user")

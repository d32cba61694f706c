"""The task that a request for a handler names: the handler works in it, and it ends as the answer does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xapid.api.dispatch import stopping
from xapid.auth.sessions import SessionState
from xapid.datamodel import Task
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    NOT_IMPLEMENTED,
    RBAC_PERMISSION_DENIED,
    SESSION_AUTHENTICATION_FAILED,
    TASK_CANCELLED,
    ApiError,
)
from xapid.datamodel.task import TaskAllowedOperations
from xapid.datamodel.types import NULL
from xapid.http.authentication import Parameters, Refused
from xapid.http.exchange import RAW, ROUTE, TASK, send_reply
from xapid.http.raw import RawStream
from xapid.http.reply import error_page, reason
from xapid.ops.task import assert_may_touch
from xapid.runtime.tasks import PENDING, TaskHandle, Tasks, current


class NamedTask:
    """Of one request: the task ``task_id``, or one made for it with the parent ``subtask_of``."""

    def __init__(self, tasks: Tasks, action: str, ref: str, parent: str) -> None:
        self._tasks = tasks
        self._action = action
        self._ref = ref
        self._parent = parent
        self._handle: TaskHandle | None = None
        """None: nobody who may touch the task has been let in."""
        self._entered = ExitStack()

    @classmethod
    def of(cls, tasks: Tasks, scope: Scope) -> Self | None:
        """None: the request names none. A cookie wins over a query parameter, and that over a header."""
        parameters = Parameters(scope)
        ref = parameters.get("task_id") or parameters.headers.get("task-id", "")
        parent = parameters.get("subtask_of") or parameters.headers.get("subtask-of", "")
        return cls(tasks, scope["extensions"][ROUTE], ref, parent) if ref or parent else None

    def enter(self, session: SessionState) -> None:
        """From here on the handler works in the task. Raises Refused: 500 for one that is not there or was cancelled,
        403 for another user's. One that has ended stays as it is, and a parent may be gone."""
        named = self._ref or self._parent
        row = self._tasks.store.find(Task, named)
        if row is not None:
            try:
                assert_may_touch(self._tasks, session, named)
            except RBAC_PERMISSION_DENIED as error:
                raise Refused(error_page(403)) from error
        elif self._ref:
            raise Refused(error_page(500, detail="There is no such task."))
        self._handle = self._tasks.adopted(named, self._action) if self._ref else self._made(session)
        if self._ref and row is not None and row.status in PENDING and _is_cancelled(row):
            raise Refused(error_page(500), TASK_CANCELLED(named))
        self._entered.callback(current.reset, current.set(self._handle.ref))
        if not self._handle.at_work:
            # Else it is cancelled with what began in it first.
            self._handle.work = asyncio.current_task()
            self._entered.enter_context(self._handle.cancellable())

    def _made(self, session: SessionState) -> TaskHandle:
        return self._tasks.create(
            self._action, session=session.ref, owner=session.user_sid, parent=self._parent or NULL, volatile=True
        )

    async def run(self, handler: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a handler answer, and end the task: with success when all of the answer is out."""
        scope["extensions"][TASK] = self
        answer = _Answer(scope, send)
        try:
            with self._entered:
                await handler(scope, receive, answer.send)
        except Refused as refused:
            self._end(refused.error or _error_of(refused.reply.status, self._action))
            await send_reply(send, refused.reply)
        except TASK_CANCELLED as error:
            # An answer that has begun is broken off, for it is not whole; else it is the page 500.
            self._end(error)
        except asyncio.CancelledError:
            self._end(stopping())
            raise
        except Exception as error:
            self._end(error if isinstance(error, ApiError) else INTERNAL_ERROR(f"{type(error).__name__}: {error}"))
            raise
        else:
            self._end(answer.error(self._action))

    def _end(self, error: ApiError | None) -> None:
        handle = self._handle
        if handle is None:
            if isinstance(error, SESSION_AUTHENTICATION_FAILED):
                self._end_of_stranger(error)
            return
        if error is None:
            self._tasks.succeed(handle, "")
        else:
            self._tasks.fail(handle, error)
        if not self._ref:
            self._tasks.forget(handle)

    def _end_of_stranger(self, error: ApiError) -> None:
        """Nobody knows whose the request is: it ends a task that waits for it, not one in which something is done."""
        handle = self._tasks.adopted(self._ref, self._action)
        if handle.stored and not handle.at_work:
            self._tasks.fail(handle, error)


def _is_cancelled(row: Task) -> bool:
    return TaskAllowedOperations.cancel in row.current_operations.values()


class _Answer:
    """Hears how far an answer has come."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._take: Callable[[], RawStream] = scope["extensions"].get(RAW)
        scope["extensions"][RAW] = self._taken
        self._status = 0
        self._whole = False

    def _taken(self) -> RawStream:
        stream = self._take()
        self._whole = True  # What is to be said is known to the handler alone, which raises if it cannot be.
        return stream

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._whole = True

    def error(self, action: str) -> ApiError | None:
        """What went wrong, once the handler has returned."""
        if not self._whole:
            return INTERNAL_ERROR("the answer ended before it was whole")
        return _error_of(self._status, action) if self._status >= 400 else None


def _error_of(status: int, action: str) -> ApiError:
    """What a page says, of which nothing else is known."""
    if status == 401:
        return SESSION_AUTHENTICATION_FAILED()
    return NOT_IMPLEMENTED(f"http/{action}") if status == 501 else INTERNAL_ERROR(f"HTTP {status}: {reason(status)}")

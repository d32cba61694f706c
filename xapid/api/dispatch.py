"""The dispatcher: one call from its name and raw parameters to its answer, with every check in its order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from xapid.api.audited import entry_of, known_before
from xapid.api.methods import Method, Run
from xapid.auth.audit import Entry
from xapid.auth.permissions import denied, key_permission, keyed_roles, matching_pattern, permissions
from xapid.auth.sessions import Sessions, SessionState, track_id_of
from xapid.datamodel import Host, Session, Task
from xapid.datamodel.errors import (
    HOST_OFFLINE,
    INTERNAL_ERROR,
    MESSAGE_METHOD_UNKNOWN,
    MESSAGE_PARAMETER_COUNT_MISMATCH,
    MESSAGE_REMOVED,
    NOT_IMPLEMENTED,
    OPERATION_NOT_ALLOWED,
    OUT_OF_SPACE,
    RBAC_PERMISSION_DENIED,
    TASK_CANCELLED,
    ApiError,
    OtherError,
)
from xapid.datamodel.types import ANY, NULL, STRING, VOID, Object, SetType, Type
from xapid.ops.task import assert_may_touch
from xapid.rules.explanation import explain
from xapid.rules.host import is_live
from xapid.runtime.context import Context, Origin, Runtime
from xapid.runtime.figures import CallFigures
from xapid.runtime.logs import object_name, originator, task_name
from xapid.runtime.tasks import TaskHandle
from xapid.runtime.tasks import current as current_task
from xapid.runtime.tracing.span import COMMIT, follow, part
from xapid.runtime.tracing.tracer import Tracer
from xapid.store.store import Store, StoreFailed
from xapid.wire.decode import TypeMismatch
from xapid.wire.records import Members

log = logging.getLogger(__name__)

LIST_METHODS = "system.listMethods"
STRINGS = SetType(STRING)


class Answer(NamedTuple):
    """A result and its type."""

    kind: Type
    value: Any
    bare: bool = False
    """Sent without the envelope of Status and Value: only the list of methods."""
    until: int = 0
    """Goes out only when this generation is on disk."""
    members: Members | None = None
    """Of rows that are not those of the live store."""


class Caller(Protocol):
    """The connection of a call, which remembers whose calls come over it."""

    session: str

    def known(self, group: str, session: str) -> None:
        """Its calls belong to a session, which counts against a group."""


class Request(NamedTuple):
    """A call as it came over the wire."""

    method: str
    params: list[Any]
    origin: Origin
    task: str = ""
    """Of the header ``task-id``: run in this task, and leave its completion to the caller."""
    subtask_of: str = ""
    http_config: tuple[tuple[str, str], ...] = ()
    """Headers ``x-http-other-config-KEY``: into the task's other_config as ``http:KEY``."""
    caller: Caller | None = None
    """To be told whose session the call came in."""


class Unsupported(Exception):
    """A call that the original answers with HTTP 500."""


class Dispatcher:
    """Calls methods. An answer is given at once where nothing has to be waited for."""

    def __init__(
        self,
        runtime: Runtime,
        methods: Mapping[str, Method],
        sessions: Sessions,
        result_text: Callable[[Type, Any], str],
        audit: Callable[[Entry], None] | None = None,
        extension: Callable[[Context, str, list[Any]], Awaitable[Any]] | None = None,
        figures_taken: Callable[[], bool] = lambda: False,
    ) -> None:
        self.runtime = runtime
        self.methods = methods
        self.sessions = sessions
        self._sink = runtime.store.sink
        self._result_text = result_text
        self._audit = audit
        self._figures: CallFigures = runtime.services["call_figures"]
        self._tracer: Tracer = runtime.services["tracer"]
        self._extension = extension
        self._figures_taken = figures_taken
        self._listed = [name for name, method in methods.items() if name == method.name and not method.own]
        self._background: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._permissions = permissions()

    # --- Checks, in the order in which the original makes them -----------------------------------

    def call(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a call, or say what to wait for. Raises ApiError, here or when awaited.

        Either way the answer may have to wait for the disk (``until``): meanwhile it can be put into words.
        """
        prefix, name = "", request.method
        method = self.methods.get(name)
        if method is None:
            prefix, name = split_prefix(name)
            method = self.methods.get(name)
            if method is None:
                return self._unknown(prefix, name, request)
        params = request.params
        if method.session:
            self._count(method, name, len(params) - 1)
            session_text = self._text(params[0])
            values = self._decode(method, params, 1)
            session: SessionState | None = self._session(session_text, request)
        else:
            self._count(method, name, len(params))
            values = self._decode(method, params, 0)
            session = None
        if method.removed and not (method.reads_figures and self._figures_taken()):
            raise MESSAGE_REMOVED()
        if session is not None and session.elsewhere is not None and method.spec.owner != Session.spec.name:
            return self._of_copy(prefix, method, session, values, request)
        if prefix:
            if not method.has_async:
                raise OtherError("Fault", f"No async mode for this operation (rpc: {name})")
            # Before there is a task, which would have to be recorded.
            self._refuse_when_full(method)
            return self._asynchronous(prefix, method, session, values, request)
        if method.makes_task and (method.waits or request.task or self._all_shown()):
            return self._with_task(method, session, values, request)
        reference = session.ref if session is not None else NULL
        ctx = Context(self.runtime, self.runtime.tasks.dummy(request.method, reference), session, request.origin)
        if method.waits:
            return self._finish(ctx, method, values, recorded=False)
        began = perf_counter()
        try:
            value = self._run_plain(ctx, method, values)
        except ApiError:
            self._figures.note(method.name, perf_counter() - began, failed=True)
            raise
        self._figures.note(method.name, perf_counter() - began)
        return Answer(method.result, value, False, ctx.until)

    def _all_shown(self) -> bool:
        """Whether somebody is told of every task, also of one that is over before others have their turn."""
        return self._tracer.active or self.runtime.store.feed.watched(Task.spec.name)

    def _of_copy(
        self, prefix: str, method: Method, session: SessionState, values: list[Any], request: Request
    ) -> Answer | Awaitable[Answer]:
        """Answer from the records of another database: what reads them and nothing else is answered at all."""
        by_itself = method.spec.implicit or not method.waits
        if prefix or not by_itself or not method.spec.name.startswith("get_"):
            raise OPERATION_NOT_ALLOWED("this session reads the copy of a database, of which only records can be asked")
        task = self.runtime.tasks.dummy(request.method, session.ref)
        ctx = Context(session.elsewhere, task, session, request.origin)
        if method.waits:
            return self._of_copy_later(ctx, method, values)
        return Answer(method.result, self._run_plain(ctx, method, values), members=ctx.store.members)

    async def _of_copy_later(self, ctx: Context, method: Method, values: list[Any]) -> Answer:
        return Answer(method.result, await self._run(ctx, method, values), members=ctx.store.members)

    def _session(self, reference: str, request: Request) -> SessionState:
        session, caller = self.sessions.get(reference, trusted=request.origin.trusted), request.caller
        if caller is not None and caller.session != reference:
            caller.known(session.group, reference)
        return session

    def _count(self, method: Method, name: str, given: int) -> None:
        if given < method.required or (given > method.most and method.required == method.most):
            raise MESSAGE_PARAMETER_COUNT_MISMATCH(name, method.required, given)

    @staticmethod
    def _text(value: Any) -> str:
        if not isinstance(value, str):
            raise INTERNAL_ERROR(f"a reference is a text, not {type(value).__name__}")
        return value

    @staticmethod
    def _decode(method: Method, params: list[Any], skip: int) -> list[Any]:
        decoders, given = method.decoders, params[skip : skip + method.most]
        try:
            values = [decode(raw) for decode, raw in zip(decoders, given, strict=False)]
        except TypeMismatch as error:
            raise INTERNAL_ERROR(str(error)) from error
        if len(given) < method.most:
            values += [param.default for param in method.spec.params[len(given) :]]
        return values

    @staticmethod
    def _permit(method: Method, session: SessionState, values: list[Any]) -> None:
        """Raises RBAC_PERMISSION_DENIED."""
        if method.own:
            return
        wanted = method.permission
        if method.keyed >= 0:
            pattern = matching_pattern(keyed_roles(method.spec), str(values[method.keyed]))
            if pattern is not None:
                wanted = key_permission(method.name, pattern)
        if wanted not in session.permissions:
            raise denied(wanted)

    @staticmethod
    def _resolve(store: Store, method: Method, values: list[Any]) -> None:
        if method.runs_on >= 0:
            values[method.runs_on] = live_host(store, values[method.runs_on])
        for number, cls in method.resolve:
            values[number] = store.get(cls, values[number])

    def _refuse_when_full(self, method: Method) -> None:
        trouble = self._sink.trouble
        if trouble and not method.name.partition(".")[2].startswith(_READERS):
            raise OUT_OF_SPACE(f"{self.runtime.config.state_dir} ({trouble})")

    # --- Running ---------------------------------------------------------------------------------

    def _checked(self, ctx: Context, method: Method, values: list[Any]) -> Run:
        """The function of a method, when all is right that must be before it runs. References become rows."""
        if ctx.session is not None and not ctx.session.superuser:
            try:
                self._permit(method, ctx.session, values)
            except RBAC_PERMISSION_DENIED:
                if not method.audited:
                    self._note(ctx, method, values, values, RBAC_PERMISSION_DENIED.__name__)
                raise
        if method.resolve or method.runs_on >= 0:
            self._resolve(ctx.store, method, values)
        if method.run is None:
            raise NOT_IMPLEMENTED(method.name)
        for each in method.maps:
            each.check(ctx.store, values)
        if self._sink.trouble:
            self._refuse_when_full(method)
        return method.run

    def _run_plain(self, ctx: Context, method: Method, values: list[Any]) -> Any:
        if not method.audited or self._audit is None:
            return self._run_checked(ctx, method, values)
        # As ``_noting`` does it for what is awaited, and can be cancelled. Here its generator would cost too much.
        given = known_before(ctx, method, values)
        try:
            result = self._run_checked(ctx, method, values)
        except ApiError as error:
            self._note(ctx, method, given, values, error.code)
            raise
        self._note(ctx, method, given, values, "OK")
        return result

    def _run_checked(self, ctx: Context, method: Method, values: list[Any]) -> Any:
        run = self._checked(ctx, method, values)
        try:
            return run(ctx, *values)
        except ApiError:
            raise
        except Exception as error:
            raise unforeseen(method.name, error) from error

    @contextmanager
    def _noting(self, ctx: Context, method: Method, values: list[Any]) -> Iterator[None]:
        """Have the audit log say how the block ended."""
        given = known_before(ctx, method, values)
        try:
            yield
        except ApiError as error:
            self._note(ctx, method, given, values, error.code)
            raise
        except asyncio.CancelledError:
            # The daemon stops; how far the call has come nobody knows.
            self._note(ctx, method, given, values, TASK_CANCELLED.__name__)
            raise
        self._note(ctx, method, given, values, "OK")

    def _note(self, ctx: Context, method: Method, given: list[Any], values: list[Any], outcome: str) -> None:
        if self._audit is not None:
            self._audit(entry_of(ctx, method, given, values, outcome))

    async def _run(self, ctx: Context, method: Method, values: list[Any]) -> Any:
        task_name.set(f"{method.name} {ctx.task.ref}")
        whose = ctx.session
        originator.set(f"{whose.originator or whose.user} {whose.track_id}" if whose is not None else "")
        object_name.set("")
        if not method.waits:
            return self._run_plain(ctx, method, values)
        current_task.set(ctx.task.ref)
        if method.audited and self._audit is not None:
            with self._noting(ctx, method, values):
                return await self._awaited(ctx, method, values)
        return await self._awaited(ctx, method, values)

    async def _awaited(self, ctx: Context, method: Method, values: list[Any]) -> Any:
        run = self._checked(ctx, method, values)
        if values and isinstance(values[0], Object):
            object_name.set(_named(values[0]))
        try:
            return await run(ctx, *values)
        except ApiError as error:
            self._log_refusal(method, values, error)
            raise
        except StoreFailed as error:
            raise INTERNAL_ERROR(f"given up, for it cannot be recorded: {error}") from error
        except Exception as error:
            raise unforeseen(method.name, error) from error
        finally:
            if ctx.session is not None:
                self.sessions.answered(ctx.session)

    def _log_refusal(self, method: Method, values: list[Any], error: ApiError) -> None:
        """Why a client was refused, for who looks for it later."""
        about = values[0] if values else None
        if isinstance(about, Object) and log.isEnabledFor(logging.INFO):
            why = explain(self.runtime.store, about, method.spec.name, error)
            clear = f" To clear it: {why.clear}" if why.clear else ""
            log.info("%s was refused: %s: %s%s", method.name, error, why.reason, clear)

    async def _finish(self, ctx: Context, method: Method, values: list[Any], *, recorded: bool = True) -> Answer:
        """Run a method to its end, and with ``recorded`` until the disk has what it did."""
        began, failed = perf_counter(), True
        try:
            value = await self._run(ctx, method, values)
            if recorded:
                await self._committed(ctx.until)
            failed = False
        except StoreFailed as error:
            raise not_recorded(str(error)) from error
        finally:
            self._figures.note(method.name, perf_counter() - began, failed=failed)
        return Answer(method.result, value, until=ctx.until)

    async def _committed(self, generation: int) -> None:
        if self._sink.durable < generation:
            with part(COMMIT):
                await self.runtime.store.durable(generation)

    async def _with_task(
        self, method: Method, session: SessionState | None, values: list[Any], request: Request
    ) -> Answer:
        """A synchronous call that others can watch: its task has a row while it lasts."""
        tasks = self.runtime.tasks
        adopted = bool(request.task)
        if adopted:
            self._assert_own(session, request.task)
            task = tasks.adopted(request.task, request.method)
        else:
            task = self._new_task(session, request, True)
        # A client that hangs up does not stop what it began.
        work = self._begin(method, Context(self.runtime, task, session, request.origin), values)
        if not adopted:
            work.add_done_callback(lambda done: self._over(task, done, method.result))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if self._stopping and work.cancelled():
                raise stopping() from None
            raise

    def _over(self, task: TaskHandle, done: asyncio.Task[Answer], kind: Type) -> None:
        self._complete(task, done, kind)
        self.runtime.tasks.forget(task)

    def _complete(self, task: TaskHandle, done: asyncio.Task[Answer], kind: Type) -> None:
        tasks = self.runtime.tasks
        error = stopping() if done.cancelled() else done.exception()
        if error is None:
            tasks.succeed(task, self._result_text(kind, done.result().value))
        else:
            tasks.fail(task, error)

    def _asynchronous(
        self, prefix: str, method: Method, session: SessionState | None, values: list[Any], request: Request
    ) -> Answer | Awaitable[Answer]:
        owner = method.spec.owner
        if owner in ("task", "event") and prefix == "Async.":
            task = self.runtime.tasks.dummy(request.method, session.ref if session is not None else NULL)
        else:
            task = self._new_task(session, request, False)
        work = self._begin(method, Context(self.runtime, task, session, request.origin), values)
        work.add_done_callback(lambda done: self._complete(task, done, method.result))
        return self._acknowledged(task)

    async def _acknowledged(self, task: TaskHandle) -> Answer:
        try:
            await self.runtime.store.settled()
        except StoreFailed as error:
            raise INTERNAL_ERROR(f"begun, but not recorded: {error}") from error
        return Answer(STRING, task.ref)

    def _assert_own(self, session: SessionState | None, ref: str) -> None:
        """Headers name a task of one's own, or one that there is not. Raises RBAC_PERMISSION_DENIED."""
        if session is not None and self.runtime.store.find(Task, ref) is not None:
            assert_may_touch(self.runtime.tasks, session, ref)

    def _new_task(self, session: SessionState | None, request: Request, volatile: bool) -> TaskHandle:
        if request.subtask_of:
            self._assert_own(session, request.subtask_of)
        return self.runtime.tasks.create(
            request.method,
            session=session.ref if session is not None else NULL,
            owner=session.user_sid if session is not None else "",
            parent=request.subtask_of or NULL,
            volatile=volatile,
            other_config={f"http:{key}": value for key, value in request.http_config},
        )

    def _begin(self, method: Method, ctx: Context, values: list[Any]) -> asyncio.Task[Answer]:
        """Set the work of a task going."""
        work = asyncio.ensure_future(self._finish(ctx, method, values))
        if not ctx.task.at_work:
            # Else a task that a client made: to cancel it is to cancel what began in it first.
            ctx.task.work = work
        self._background.add(work)
        work.add_done_callback(self._background.discard)
        if self._tracer.active:
            follow(work, ctx.task)
        return work

    async def stop(self) -> None:
        """Wait for nothing: whatever is under way is cancelled and undone. Who waits for it, or for events, is told."""
        self._stopping = True
        self.sessions.close()
        work = list(self._background)
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    # --- Names that are no method ----------------------------------------------------------------

    def _unknown(self, prefix: str, name: str, request: Request) -> Answer | Awaitable[Answer]:
        if name == LIST_METHODS:
            return Answer(STRINGS, self._listed, bare=not prefix)
        if name.startswith("system.isAlive:"):
            raise Unsupported(name)
        if not request.params:
            raise MESSAGE_METHOD_UNKNOWN(name)
        # It might be an extension: a program of that name. Its first parameter is a session.
        session = self._session(self._text(request.params[0]), request)
        if not session.may("host.call_extension"):
            raise denied("host.call_extension")
        if self._extension is None:
            raise MESSAGE_METHOD_UNKNOWN(name)
        ctx = Context(self.runtime, self.runtime.tasks.dummy(name, session.ref), session, request.origin)
        return self._extended(ctx, name, self._extension(ctx, name, request.params))

    async def _extended(self, ctx: Context, name: str, answer: Awaitable[Any]) -> Answer:
        task_name.set(name)
        with self._noting(ctx, self.methods["host.call_extension"], []):
            try:
                return Answer(ANY, await answer)
            except ApiError:
                raise
            except Exception as error:
                raise unforeseen(name, error) from error


def _named(row: Object) -> str:
    """How the log names an object."""
    known = track_id_of(row.ref) if isinstance(row, Session) else row.__dict__.get("uuid") or row.ref
    return f"{row.spec.name} {known}"


_READERS = (
    "get_", "log", "login", "assert_", "query", "has_", "compute_", "list", "from", "next", "register", "unregister",
    "cancel", "dmesg", "is_", "retrieve_", "bugreport_upload",
)  # fmt: skip
"""Beginnings of the messages that are answered while the disk is full."""


def split_prefix(method: str) -> tuple[str, str]:
    if method.startswith("Async."):
        return "Async.", method[6:]
    if method.startswith("InternalAsync."):
        return "InternalAsync.", method[14:]
    return "", method


def live_host(store: Store, ref: str) -> Host:
    """The host that is to do something. Raises HOST_OFFLINE, for whatever else the reference may name too."""
    host = store.find(Host, ref)
    if host is None or not is_live(store, host):
        raise HOST_OFFLINE(ref)
    return host


def stopping() -> INTERNAL_ERROR:
    return INTERNAL_ERROR("the daemon is stopping")


def not_recorded(reason: str) -> INTERNAL_ERROR:
    return INTERNAL_ERROR(f"done, but not recorded: {reason}")


def unforeseen(name: str, error: Exception) -> INTERNAL_ERROR:
    """What nobody thought of: the traceback goes to the log, a line to the caller."""
    log.error("%s failed", name, exc_info=error)
    return INTERNAL_ERROR(f"{type(error).__name__}: {error}")


__all__ = ["VOID", "Answer", "Dispatcher", "Request", "Unsupported"]

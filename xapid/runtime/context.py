"""What an operation works with: the store, the back ends, its task, its caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from xapid.backends.interface import BackendError
from xapid.datamodel.types import NULL, Object
from xapid.runtime.channel import Channel
from xapid.runtime.guard import STANDARD, Guard
from xapid.runtime.locks import Locks
from xapid.runtime.tasks import TaskHandle, Tasks
from xapid.runtime.undo import Undo
from xapid.store.store import Store
from xapid.store.transaction import Transaction, change

if TYPE_CHECKING:
    from xapid.datamodel import SR, Host
    from xapid.runtime.agents import Agent
    from xapid.runtime.clock import Clock
    from xapid.runtime.config import Config

R = TypeVar("R", bound=Object)


class Backends(Protocol):
    """The agents of all hosts."""

    def agent(self, host: str, kind: str) -> Agent:
        """The agent of a back end of a host, by its kind (``backends.agent.INTERFACES``)."""

    def translate(self, kind: str) -> Callable[[BackendError, Store], Exception]:
        """What an error of that kind of back end is in the API."""


@dataclass
class Runtime:
    """What there is once in a daemon."""

    store: Store
    config: Config
    clock: Clock
    tasks: Tasks
    guard: Guard
    backends: Backends
    locks: Locks = field(default_factory=Locks)
    localhost: str = NULL
    """The host this daemon runs on."""
    unborn: set[str] = field(default_factory=set)
    """uuids of volumes that are being made and not recorded yet. A scan that finds them leaves them alone."""
    leaseholders: set[str] = field(default_factory=set)
    """uuids, of no drive, for which volumes are leased while the daemon itself works on them."""
    services: dict[str, Any] = field(default_factory=dict)
    """What rooms further down left here for their own operations: sessions, consoles. By the class's name."""


class Origin(NamedTuple):
    """Where a call came from."""

    address: str = ""
    user_agent: str = ""
    trusted: bool = False
    """Over the Unix socket, from root or from the daemon's own user."""
    originator: str = ""
    certificates: tuple[bytes, ...] = ()
    """Of the client, if TLS found it in order, and those by which it is, in DER."""
    here: str = ""
    """The address of this machine that it came to; empty on a Unix socket."""


class Context:
    """One call. Short-lived; after an ``await`` rows are old: ask ``now`` for the latest photograph."""

    __slots__ = ("_undos", "origin", "runtime", "session", "task", "until")

    def __init__(self, runtime: Runtime, task: TaskHandle, session: Any = None, origin: Origin | None = None) -> None:
        self.runtime = runtime
        self.task = task
        self.session = session
        """The session of the caller (``auth.sessions.SessionState``); None for calls without one."""
        self.origin = origin or Origin()
        self.until = 0
        """The answer goes out only when this generation is on disk."""
        self._undos: list[Undo] = []

    @property
    def store(self) -> Store:
        return self.runtime.store

    @property
    def clock(self) -> Clock:
        return self.runtime.clock

    @property
    def config(self) -> Config:
        return self.runtime.config

    def now(self, row: R) -> R:
        """The latest photograph of an object. Raises HANDLE_INVALID if it is gone."""
        return self.store.get(type(row), row.ref)

    def write(self, *, settle: bool = True) -> Transaction:
        """``with ctx.write() as tx``: change objects, all or nothing. No ``await`` inside.

        Within an operation a write records what became true: earlier undo steps are dropped with it, in the same
        batch, unless ``settle`` is false.
        """
        transaction = self.store.write()
        transaction.when_numbered(self._seen)
        if settle and self._undos:
            for undo in self._undos:
                transaction.at_end(undo.settle)
        return transaction

    def change(self, row: Object, **changes: Any) -> None:
        """The same for fields of one object and nothing else."""
        if self._undos:
            with self.write() as tx:
                tx.set(row, **changes)
        else:
            change(self.store, row, self._seen, **changes)

    def _seen(self, generation: int) -> None:
        self.until = max(self.until, generation)

    def shown(self, *rows: Object) -> None:
        """The answer shows these rows: it waits for them to be on disk, which they nearly always are."""
        for row in rows:
            if row._wait > self.until:
                self.until = row._wait

    def shown_class(self, cls: type[Object]) -> None:
        """The answer shows every row of a class, or that there are no others."""
        self._seen(self.store.tables[cls.spec.name].newest)

    def shown_everything(self) -> None:
        """The answer tells of all there is: it waits for whatever was changed so far."""
        self._seen(self.store.submitted)

    def progress(self, fraction: float) -> None:
        """Say how far the work is, 0 to 1."""
        self.task.progress(fraction)

    @asynccontextmanager
    async def operation(
        self, row: Object, operation: str, *, patience: float = STANDARD, strict: bool = True
    ) -> AsyncIterator[Undo]:
        """Wait for the turn, check, mark ``current_operations``; on the way out undo what failed and unmark.

        Without ``strict`` what a client can force is let pass.
        """
        guard = self.runtime.guard
        await guard.enter(row, operation, self.task, patience, strict=strict)
        try:
            async with self.undoing() as undo:
                yield undo
        finally:
            guard.leave(row, self.task.ref)

    @asynccontextmanager
    async def undoing(self) -> AsyncIterator[Undo]:
        """A stack of undo steps without a mark: run if the block fails."""
        undo = Undo(self.store, self.task)
        self._undos.append(undo)
        try:
            yield undo
        except BaseException:
            await undo.run()
            raise
        finally:
            self._undos.remove(undo)
            self.runtime.unborn -= undo.unborn

    @contextmanager
    def part(self, label: str, *, kept: bool = False) -> Iterator[Context]:
        """A part of this call, which clients see as a task below that of the call as long as the block lasts.

        One that is ``kept`` stays, as that of the call does, and says how the block ended.
        """
        tasks = self.runtime.tasks
        kept = kept and tasks.stays(self.task)
        parent = self.task.ref if self.task.stored else NULL
        task = tasks.create(label, session=self.task.session, parent=parent, volatile=not kept)
        task.work = asyncio.current_task()
        part = Context(self.runtime, task, self.session, self.origin)
        try:
            yield part
            tasks.succeed(task, "")
        except BaseException as error:
            tasks.fail(task, error)
            raise
        finally:
            self.until = max(self.until, part.until)
            if not kept:
                tasks.forget(task)

    def check(self, row: Object, operation: str, *, strict: bool = True) -> None:
        """Raise what forbids an operation now; never waits. Without ``strict`` what a client can force is let pass."""
        self.runtime.guard.check(self.now(row), operation, strict=strict)

    def lock(self, *rows: Object) -> AbstractAsyncContextManager[None]:
        """Hold these objects against others that ask for the same. Marks nothing."""
        return self.runtime.locks.held(*(row.ref for row in rows))

    # Back ends

    def domains(self, host: Host) -> Channel:
        return self._channel(host.ref, "domain")

    def datapath(self, host: Host) -> Channel:
        return self._channel(host.ref, "datapath")

    def network(self, host: Host) -> Channel:
        return self._channel(host.ref, "network")

    def machine(self, host: Host) -> Channel:
        return self._channel(host.ref, "host")

    def programs(self, host: Host) -> Channel:
        return self._channel(host.ref, "programs")

    def certificates(self, host: Host) -> Channel:
        return self._channel(host.ref, "certificates")

    def storage(self, host: Host, sr: SR) -> Channel:
        return self.storage_type(host, sr.type)

    def storage_type(self, host: Host, sr_type: str) -> Channel:
        """The driver of a type of repository, for calls before there is one."""
        return self._channel(host.ref, f"storage:{sr_type}")

    def _channel(self, host: str, kind: str) -> Channel:
        backends = self.runtime.backends
        return Channel(
            backends.agent(host, kind), self.store, f"{kind}@{host}", backends.translate(kind), self.task.cancellable
        )

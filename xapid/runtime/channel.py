"""The way from an operation to a back end: an agent, near or far, and the journal that must be on disk first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from xapid.backends.interface import GONE, BackendError, Unavailable
from xapid.backends.storage.interface import StorageDriver
from xapid.rules.observer import component_of
from xapid.runtime.agents import subject
from xapid.runtime.tracing.span import COMMIT, part

if TYPE_CHECKING:
    from xapid.runtime.agents import Agent
    from xapid.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BackendError)

Kinds = type[E] | tuple[type[E], ...]
"""Of errors, as ``except`` takes them."""


CANCELLABLE: frozenset[Callable[..., Any]] = frozenset(
    {
        StorageDriver.probe,
        StorageDriver.create_sr,
        StorageDriver.attach_sr,
        StorageDriver.scan,
        StorageDriver.figures,
        StorageDriver.create,
        StorageDriver.attach,
        StorageDriver.snapshot,
        StorageDriver.clone,
        StorageDriver.copy,
        StorageDriver.fill,
        StorageDriver.resize,
        StorageDriver.stat,
    }
)
"""What can be cancelled of a driver that is a program of a third party. What takes something back cannot be."""


@dataclass
class _First:
    """What must be on disk before the next call."""

    generation: int = 0


class Channel:
    """Calls of one operation to one back end of one host. Errors of the back end arrive as errors of the API."""

    __slots__ = ("_agent", "_cancellable", "_first", "_sayings", "_store", "_translate", "target")

    def __init__(
        self,
        agent: Agent,
        store: Store,
        target: str,
        translate: Callable[[BackendError, Store], Exception],
        cancellable: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """``cancellable``: within it the operation can be cancelled."""
        self._agent = agent
        self._store = store
        self._translate = translate
        self._cancellable = cancellable
        self._first = _First()
        self._sayings: tuple[tuple[Kinds[Any], Callable[[Any], Exception | None]], ...] = ()
        self.target = target
        """Kind and host, by which the agent is found again after a restart."""

    @property
    def ephemeral(self) -> bool:
        """Whether what the back end keeps dies with the daemon."""
        return self._agent.ephemeral

    @property
    def foreign(self) -> bool:
        """Whether the driver is a program of a third party."""
        return self._agent.spec.foreign

    @property
    def keeps_records(self) -> bool:
        """Whether the driver writes the records of its volumes by itself."""
        return self._agent.spec.keeps_records

    def wait_for(self, generation: int) -> None:
        """The next call goes out only when this is on disk."""
        self._first.generation = max(self._first.generation, generation)

    def saying(self, kinds: Kinds[E], say: Callable[[E], Exception | None]) -> Channel:
        """The same channel, where errors of these kinds arrive as what ``say`` makes of them; None: as elsewhere."""
        channel = Channel(self._agent, self._store, self.target, self._translate, self._cancellable)
        channel._first = self._first
        channel._sayings = (*self._sayings, (kinds, say))
        return channel

    def letting_through(self, kinds: Kinds[E]) -> Channel:
        """The same channel, where errors of these kinds arrive as they are: for callers that go on after them."""
        return self.saying(kinds, lambda error: error)

    async def call(self, method: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the driver."""
        if self._store.sink.durable < self._first.generation:
            with part(COMMIT):
                await self._store.durable(self._first.generation)
        kind = self._agent.spec.kind
        foreign = self._agent.spec.foreign and method in CANCELLABLE
        around = self._cancellable() if foreign else nullcontext()
        with part(f"{kind}.{method.__name__}", component_of(kind), subject(args)), around:
            try:
                return await self._agent.call(method, *args, **kwargs)
            except BackendError as error:
                said = self.translated(error)
                if said is error:
                    raise
                raise said from error

    async def repeatable(self, method: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method that may be called twice: once more, of another agent, if one dies before it answers."""
        try:
            return await self.call(method, *args, **kwargs)
        except Exception as error:
            cause = error if isinstance(error, BackendError) else error.__cause__
            if not isinstance(cause, Unavailable) or cause.facts.get("agent") != GONE:
                raise
        return await self.call(method, *args, **kwargs)

    def translated(self, error: BackendError) -> Exception:
        """What an error of the back end is in the API."""
        for kinds, say in self._sayings:
            if isinstance(error, kinds) and (said := say(error)) is not None:
                return said
        return self._translate(error, self._store)

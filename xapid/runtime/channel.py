"""The way from an operation to a back end: an agent, near or far, and the journal that must be on disk first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from xapid.backends.interface import BackendError

if TYPE_CHECKING:
    from xapid.runtime.agents import Agent
    from xapid.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class Channel:
    """Calls of one operation to one back end of one host."""

    __slots__ = ("_agent", "_store", "_translate", "_until", "target")

    def __init__(
        self, agent: Agent, store: Store, target: str, translate: Callable[[BackendError, Store], Exception]
    ) -> None:
        self._agent = agent
        self._store = store
        self._translate = translate
        self._until = 0
        self.target = target
        """Kind and host, by which the agent is found again after a restart."""

    @property
    def ephemeral(self) -> bool:
        """Whether what the back end keeps dies with the daemon."""
        return self._agent.ephemeral

    def wait_for(self, generation: int) -> None:
        """The next call goes out only when this is on disk."""
        self._until = max(self._until, generation)

    async def call(self, method: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the driver. Its errors arrive as errors of the API."""
        try:
            return await self.attempt(method, *args, **kwargs)
        except BackendError as error:
            raise self.translated(error) from error

    def translated(self, error: BackendError) -> Exception:
        """What an error of the back end is in the API."""
        return self._translate(error, self._store)

    async def attempt(self, method: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for callers that act on the driver's own errors."""
        if self._until:
            await self._store.durable(self._until)
        return await self._agent.call(method, *args, **kwargs)

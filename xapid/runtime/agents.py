"""The one boundary over which drivers are called: agents in this process or in one of their own, and their errors."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from xapid.backends import briefing, framing, process
from xapid.backends.agent import INFO, AgentConfig, Backend, DriverSpec, backends, interface_of, read_info
from xapid.backends.briefing import Brief, Briefed, Briefing
from xapid.backends.domain.interface import DomainDriver
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import BackendError, DriverInfo, Unavailable
from xapid.backends.process import Cancellation
from xapid.backends.programs.interface import ProgramDriver
from xapid.backends.storage.interface import StorageDriver
from xapid.datamodel.errors import SR_UNKNOWN_DRIVER, ApiError
from xapid.runtime.agent_process import AgentProcess, Restarts
from xapid.runtime.backend_errors import to_api_error
from xapid.runtime.tracing.span import part
from xapid.store.kill_point import KillPoint
from xapid.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")

ENDLESS: frozenset[Callable[..., Any]] = frozenset(
    {
        StorageDriver.copy,
        StorageDriver.digest,
        StorageDriver.fill,
        StorageDriver.merge,
        DomainDriver.suspend,
        DomainDriver.resume,
        DomainDriver.run_script,
        ProgramDriver.run,
        HostDriver.send_report,
        HostDriver.send_crash_dump,
        HostDriver.write_logs,
    }
)
"""Their time depends on how much there is to do; only their user knows when to give up."""


@dataclass(frozen=True)
class Running(Generic[T]):
    """A call under way."""

    outcome: asyncio.Future[Any]
    read: Callable[[Any], T]
    """What the outcome is to the caller."""
    cancel: Callable[[], None]
    """Tells the driver that nobody waits any more."""


class Agent(ABC):
    """Calls the driver of one back end of one host."""

    def __init__(self, spec: DriverSpec, kill_point: KillPoint) -> None:
        self.spec = spec
        self.brief: Brief | None = None
        """For drivers of third parties."""
        self._kill_point = kill_point
        self._left_running: dict[str, set[asyncio.Future[Any]]] = {}
        """What callers gave up that still runs, by what it works on."""
        self._under_way: dict[asyncio.Future[Any], tuple[str, float]] = {}
        """What has begun and not ended, with what it works on and since when; without what may take long."""

    @property
    def ephemeral(self) -> bool:
        """Whether what the back end keeps dies with the daemon."""
        return False

    async def call(self, method: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method, named through the driver interface. Raises BackendError.

        Who gives up, by cancellation or by the limit of time, leaves the driver at it; the next call on the same
        object (a domain, a repository) waits for that to end, so that an undo never overtakes its do.
        """
        last = self._kill_point.before()
        result = await self._perform(method, args, kwargs)
        if last:
            self._kill_point.after()
        return result

    @abstractmethod
    async def info(self) -> DriverInfo:
        """What the driver says of itself. Raises Unavailable."""

    @abstractmethod
    def watch(self, callback: Callable[[Any], None]) -> None:
        """Call ``callback`` in the loop for every event of the driver from now on."""

    async def _perform(self, method: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        limit = None if method in ENDLESS else self.spec.timeout
        name, key = method.__name__, subject(args)
        if key in self._left_running:
            with part("queue: back end"):
                await self._wait_for_left(name, key)
        running = await self._begin_briefed(method, args, kwargs, limit)
        if limit is not None and key:
            self._under_way[running.outcome] = key, asyncio.get_running_loop().time()
            running.outcome.add_done_callback(self._under_way.pop)
        try:
            done, _ = await asyncio.wait({running.outcome}, timeout=limit)
        except asyncio.CancelledError:
            self._leave(key, running)
            raise
        if not done:
            self._leave(key, running)
            raise Unavailable(f"{self.spec.kind}: {name} took longer than {limit:g} s")
        return running.read(running.outcome.result())

    async def _begin_briefed(
        self, method: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], limit: float | None
    ) -> Running[T]:
        if self.brief is None:
            return await self._begin(method, args, kwargs, limit, None)
        briefed = self.brief(args)
        try:
            running = await self._begin(method, args, kwargs, limit, briefed.briefing)
        except BaseException:
            briefed.end()
            raise
        # Not when its caller gives up: until the driver has ended it may call back.
        running.outcome.add_done_callback(lambda _: briefed.end())
        return running

    def held_up(self, seconds: float) -> frozenset[str]:
        """What calls work on that began longer ago and have not ended, whether their callers still wait or not."""
        before = asyncio.get_running_loop().time() - seconds
        return frozenset(key for key, since in self._under_way.values() if since < before)

    @abstractmethod
    async def _begin(
        self,
        method: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        limit: float | None,
        briefing: Briefing | None,
    ) -> Running[T]:
        """Set the call going; if it has not begun within the limit, it never does."""

    def _leave(self, key: str, running: Running[Any]) -> None:
        """Give a call up: tell the driver, and remember it until it ends."""
        running.cancel()
        left = self._left_running.setdefault(key, set())
        left.add(running.outcome)

        def ended(outcome: asyncio.Future[Any]) -> None:
            if not outcome.cancelled():
                # Nobody is left to be told, and asyncio complains of errors that nobody looked at.
                outcome.exception()
            left.discard(outcome)
            if not left:
                self._left_running.pop(key, None)

        running.outcome.add_done_callback(ended)

    async def _wait_for_left(self, name: str, key: str) -> None:
        if not key:
            return
        _, pending = await asyncio.wait(set(self._left_running[key]), timeout=self.spec.timeout)
        if pending:
            raise Unavailable(f"{self.spec.kind}: {name} cannot begin: an earlier call on {key} has not ended")


def subject(args: tuple[Any, ...]) -> str:
    """What a call works on: the uuid of a domain or of a repository, the name of a bridge; empty: nothing special."""
    first = args[0] if args else ""
    if isinstance(first, str):
        return first
    first = getattr(first, "active", first)
    named = getattr(first, "sr", first)
    return str(getattr(named, "uuid", ""))


class InProcessAgent(Agent):
    """A driver in this process: one that never blocks is called at once, others on threads of their own."""

    def __init__(self, backend: Backend, watchers: list[Callable[[Any], None]], kill_point: KillPoint) -> None:
        super().__init__(backend.spec, kill_point)
        self._backend = backend
        self._watchers = watchers

    @property
    def ephemeral(self) -> bool:
        return self.spec.immediate

    async def info(self) -> DriverInfo:
        info: DriverInfo = self._backend.driver().info
        return info

    def watch(self, callback: Callable[[Any], None]) -> None:
        self._watchers.append(callback)

    async def _perform(self, method: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        if not self.spec.immediate:
            return await super()._perform(method, args, kwargs)
        faults = self._backend.faults
        if faults and (seconds := faults.delays.get(method.__name__)):
            await asyncio.sleep(seconds)
        result: T = self._backend.invoke(method.__name__, args, kwargs)
        return result

    async def _begin(
        self,
        method: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        limit: float | None,
        told: Briefing | None,
    ) -> Running[T]:
        cancellation = Cancellation()
        context = contextvars.Context()
        if told is not None:
            context.run(briefing.current.set, told)
        context.run(process.current.set, cancellation)
        work = self._backend.submit(subject(args), context.run, self._backend.work, method.__name__, args, kwargs)
        outcome = asyncio.wrap_future(work)
        return Running(outcome, _as_it_is, cancellation.cancel)


def _as_it_is(value: T) -> T:
    return value


class ProcessAgent(Agent):
    """A driver in an agent process, which may hang or die without harm to this one."""

    def __init__(self, spec: DriverSpec, agent: AgentProcess, kill_point: KillPoint, agent_kill: KillPoint) -> None:
        super().__init__(spec, kill_point)
        self._agent = agent
        self._agent_kill = agent_kill
        self._interface = interface_of(spec.kind)

    async def info(self) -> DriverInfo:
        await self._agent.ready()
        number, pending = self._agent.submit(self.spec.kind, INFO, framing.pack(()), self.spec.timeout)
        try:
            async with asyncio.timeout(self.spec.timeout):
                return read_info(await pending)
        except TimeoutError as error:
            self._agent.cancel(number)
            raise Unavailable(f"{self.spec.kind}: the driver does not answer") from error

    def watch(self, callback: Callable[[Any], None]) -> None:
        self._agent.watch(self.spec.kind, callback)

    async def _perform(self, method: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        last = self._agent_kill.before()
        result = await super()._perform(method, args, kwargs)
        if last:
            self._agent_kill.after()
        return result

    async def _begin(
        self,
        method: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        limit: float | None,
        told: Briefing | None,
    ) -> Running[T]:
        signature = framing.signature(self._interface, method.__name__)
        arguments = signature.pack(args, kwargs)
        await self._agent.ready()
        number, pending = self._agent.submit(self.spec.kind, method.__name__, arguments, limit, subject(args), told)
        return Running(pending, signature.result, lambda: self._agent.cancel(number))


class LocalBackends:
    """The back ends of this host: in this process, or apart in an agent of their own."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        apart: bool,
        restarts: Restarts | None = None,
        kill_point: KillPoint | None = None,
    ) -> None:
        kill_point = kill_point or KillPoint.calls()
        self._process: AgentProcess | None = None
        self._backends: dict[str, Backend] = {}
        self._watchers: dict[str, list[Callable[[Any], None]]] = {spec.kind: [] for spec in config.drivers}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._agents: dict[str, Agent]
        self._kill_point = kill_point
        self._agent_kill = KillPoint.calls_of(lambda: self.pid)
        self.brief: Brief | None = None
        """Briefs drivers of third parties."""
        if apart:
            self._process = AgentProcess(config, restarts)
            self._agents = {
                spec.kind: ProcessAgent(spec, self._process, kill_point, self._agent_kill) for spec in config.drivers
            }
        else:
            self._backends = backends(config, self._tell)
            self._agents = {
                kind: InProcessAgent(backend, self._watchers[kind], kill_point)
                for kind, backend in self._backends.items()
            }

    def serve(self, spec: DriverSpec) -> None:
        """Have one more driver, or another one of that kind."""
        if self._process is not None:
            self._process.serve(spec)
            agent: Agent = ProcessAgent(spec, self._process, self._kill_point, self._agent_kill)
        else:
            backend = self._backends[spec.kind] = Backend(spec, self._backends, self._tell)
            agent = InProcessAgent(backend, self._watchers.setdefault(spec.kind, []), self._kill_point)
        if spec.foreign:
            agent.brief = self._brief
        self._agents[spec.kind] = agent

    def _brief(self, args: tuple[Any, ...]) -> Briefed:
        if self.brief is None:
            raise Unavailable("nobody is there yet whom the driver could call back")
        return self.brief(args)

    def drop(self, kind: str) -> None:
        """Let go of a driver. What it is at goes on to its end."""
        del self._agents[kind]
        if self._process is not None:
            self._process.drop(kind)
        else:
            self._backends.pop(kind).close()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind of back end there is: domain, storage:file, ..."""
        return tuple(self._agents)

    @property
    def pid(self) -> int:
        """Of the agent process as it is now; 0: there is none."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """To be called when everybody watches who means to: the first events may come at once."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        if self._process:
            await self._process.start()
        for backend in self._backends.values():
            if backend.spec.immediate:
                backend.driver()
            else:
                backend.submit("", backend.driver)

    async def stop(self) -> None:
        """Let go of the drivers. Guests and volumes stay as they are."""
        if self._process:
            await self._process.stop()
        for backend in self._backends.values():
            backend.close()

    def agent(self, host: str, kind: str) -> Agent:
        """The agent of a back end. Raises SR_UNKNOWN_DRIVER for a kind of storage that nobody knows.

        ``host`` is this one: who knows others asks them for theirs.
        """
        agent = self._agents.get(kind)
        if agent is None:
            raise SR_UNKNOWN_DRIVER(kind.removeprefix("storage:"))
        return agent

    def driver(self, kind: str) -> Any:
        """The driver itself, for tests that tell a simulator what to do. Only in this process."""
        return self._backends[kind].driver()

    def translate(self, kind: str) -> Callable[[BackendError, Store], ApiError]:
        """What an error of that kind of back end is in the API."""
        return functools.partial(to_api_error, backend_kind=kind)

    def _tell(self, kind: str, event: Any) -> None:
        """Bring an event of a driver, from whatever thread, to those who watch."""
        if self._loop is None:
            return
        later = self._loop.call_soon
        if threading.get_ident() != self._loop_thread:
            later = self._loop.call_soon_threadsafe
        for callback in self._watchers[kind]:
            later(callback, event)

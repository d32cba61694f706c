"""News of domains turned into records: what starts, stops and crashes by itself, and what is true after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from xapid.backends.domain.interface import Domain, DomainDriver, DomainEvent, DomainEventKind, Endpoint
from xapid.datamodel import VM, Console, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmPowerState
from xapid.runtime.context import Context, Runtime

log = logging.getLogger(__name__)

CONFIRMED = {
    DomainEventKind.started: (VmPowerState.Running, VmPowerState.Paused),
    DomainEventKind.resumed: (VmPowerState.Running,),
    DomainEventKind.paused: (VmPowerState.Paused,),
    DomainEventKind.stopped: (VmPowerState.Halted, VmPowerState.Suspended),
    DomainEventKind.crashed: (VmPowerState.Halted, VmPowerState.Suspended),
}
"""Power states of which an event is no news."""

LIVE = (VmPowerState.Running, VmPowerState.Paused)
GONE = (DomainEventKind.stopped, DomainEventKind.crashed)


class Aftermath(Protocol):
    """What the operations on machines do about news: the module ``ops.vm.aftermath``."""

    async def settle(
        self, ctx: Context, host: Host, uuid: str, domain: Domain | None, event: DomainEvent | None = None
    ) -> None:
        """Make the records of a machine agree with its domain, None if there is none."""

    async def tidy(self, ctx: Context, host: Host) -> None:
        """Put right what a crash may have left in the records of machines that do not run."""


class Hold:
    """News of one machine, for the operation that works on it."""

    def __init__(self) -> None:
        self.events: list[DomainEvent] = []
        self.before: DomainEvent | None = None
        """What was heard just before, and came to nothing because the operation began."""
        self.missed = False
        """The records are to be compared at the end: events were lost, or what was done to the machine went wrong."""
        self._heard = asyncio.Event()

    def hear(self, event: DomainEvent) -> None:
        self.events.append(event)
        self._heard.set()

    async def until(self, kinds: Collection[DomainEventKind], seconds: float) -> DomainEvent | None:
        """The first event of these kinds since the operation began; None if there is none in time."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for event in self.events:
                        if event.kind in kinds:
                            return event
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return None


class DomainWatch:
    """Hears of the domains of this host.

    An operation that changes a machine's state holds its news meanwhile; whatever else happens makes the records be
    compared with what really runs.
    """

    def __init__(self, runtime: Runtime, aftermath: Aftermath) -> None:
        self._runtime = runtime
        self._aftermath = aftermath
        self._holds: dict[str, list[Hold]] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._latest: dict[str, DomainEvent | None] = {}
        """Machines whose records are to be compared, with what was heard of them."""
        self._looking: dict[str, DomainEvent | None] = {}
        """Machines that are being looked at because of an event, and no operation began to work on them meanwhile."""
        self._lost = False
        self._closed = False
        self._endpoints: dict[str, Endpoint] = {}

    # Consoles

    def know_consoles(self, endpoints: dict[str, Endpoint]) -> None:
        """Where consoles are, by their references."""
        self._endpoints.update(endpoints)

    def endpoint(self, console: str) -> Endpoint | None:
        """Where a console is served on this host."""
        return self._endpoints.get(console)

    def _forget_consoles(self) -> None:
        rows = self._runtime.store.tables[Console.spec.name].rows
        self._endpoints = {ref: endpoint for ref, endpoint in self._endpoints.items() if ref in rows}

    # Events

    @contextmanager
    def hold(self, uuid: str) -> Iterator[Hold]:
        """While held, what happens to the machine is the holder's affair and changes no records by itself.

        A comparison that was under way is made up for at the end. So is one if the holder's work fails: the machine
        may be gone without a word.
        """
        hold = Hold()
        hold.missed = uuid in self._latest or uuid in self._looking
        looking = self._looking.pop(uuid, None)
        hold.before = self._latest.pop(uuid, None) or looking
        holds = self._holds.setdefault(uuid, [])
        holds.append(hold)
        try:
            yield hold
        except Exception:
            hold.missed = True
            raise
        finally:
            holds.remove(hold)
            if holds:
                holds[0].missed |= hold.missed
                holds[0].before = holds[0].before or hold.before
            else:
                del self._holds[uuid]
                self._released(uuid, hold)

    def _released(self, uuid: str, hold: Hold) -> None:
        """What the holder heard last may be news for the records."""
        event = hold.events[-1] if hold.events else hold.before
        if hold.missed:
            self._compare(uuid, event)
        elif event is not None:
            self.heard(event)

    def heard(self, event: DomainEvent) -> None:
        """Something happened to a domain; called in the loop."""
        if self._closed or event.kind is DomainEventKind.changed:
            return
        if event.kind is DomainEventKind.lost:
            self._lost = True
            if NULL not in self._work:
                self._start(NULL, self._catch_up)
        elif event.uuid in self._holds:
            for hold in self._holds[event.uuid]:
                hold.hear(event)
        elif not self._is_known(event):
            self._compare(event.uuid, event)

    def _is_known(self, event: DomainEvent) -> bool:
        """Whether the records say already what the event tells."""
        vm = self._runtime.store.find_uuid(VM, event.uuid)
        if vm is None:
            return event.kind in GONE
        if vm.power_state in LIVE and event.id not in (vm.domid, -1):
            # The end of a domain that it had before is history; another domain that lives is news.
            return event.kind in GONE
        return vm.power_state in CONFIRMED.get(event.kind, ())

    def _start(self, key: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        task = self._work[key] = asyncio.ensure_future(self._run(key, work))
        return task

    async def _run(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            log.exception("the records of %s may be wrong", key)
        finally:
            # At once, so that what is heard from now on begins work of its own.
            del self._work[key]

    # Comparing

    def _compare(self, uuid: str, event: DomainEvent | None) -> asyncio.Task[None]:
        """Compare the records of one machine with what runs, after the comparison that is under way, if one is."""
        self._latest[uuid] = event or self._latest.get(uuid)
        return self._work.get(uuid) or self._start(uuid, partial(self._look_at, uuid))

    async def settle(self, uuid: str) -> None:
        """Compare the records of one machine with what runs now, without any news of it."""
        await self._compare(uuid, None)

    async def _look_at(self, uuid: str) -> None:
        """Compare until nothing new was heard meanwhile. What an operation works on is left to it."""
        ctx, host = self._context(), self._host()
        while uuid in self._latest and uuid not in self._holds:
            event = self._looking[uuid] = self._latest.pop(uuid)
            try:
                domain = await ctx.domains(host).call(DomainDriver.find, uuid)
            except ApiError as error:
                log.error("what became of domain %s cannot be told: %s", uuid, error)
                continue
            finally:
                disturbed = uuid not in self._looking
                self._looking.pop(uuid, None)
            if not disturbed:
                await self._settle(ctx, host, uuid, domain, event)

    async def _settle(
        self, ctx: Context, host: Host, uuid: str, domain: Domain | None, event: DomainEvent | None
    ) -> None:
        try:
            await self._aftermath.settle(ctx, host, uuid, domain, event)
        except ApiError as error:
            log.error("the records of domain %s cannot be put right: %s", uuid, error)

    async def _catch_up(self) -> None:
        while self._lost:
            self._lost = False
            await self.reconcile()

    async def reconcile(self) -> None:
        """Compare the records of all machines with what runs on this host: at its start, and when events were lost.

        While the hypervisor does not answer nothing changes: once it does, its driver reports that events were lost.
        """
        ctx, host = self._context(), self._host()
        try:
            found = await ctx.domains(host).call(DomainDriver.domains)
        except ApiError as error:
            log.error("what runs on this host cannot be told: %s", error)
            return
        recorded = [vm.uuid for vm in ctx.store.where(VM, resident_on=host.ref) if not vm.is_control_domain]
        uuids = {domain.uuid for domain in found}.union(recorded) - self._holds.keys()
        for holds in self._holds.values():
            holds[0].missed = True
        await asyncio.gather(*[self._compare(uuid, None) for uuid in uuids], return_exceptions=True)
        await self._aftermath.tidy(ctx, host)
        self._forget_consoles()

    def _host(self) -> Host:
        return self._runtime.store.get(Host, self._runtime.localhost)

    def _context(self) -> Context:
        return Context(self._runtime, self._runtime.tasks.dummy("observe.domains"))

    async def close(self) -> None:
        """Let the comparisons under way end; what is heard from now on is for the next start of the daemon."""
        self._closed = True
        work = list(self._work.values())
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)

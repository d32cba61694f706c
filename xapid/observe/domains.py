"""News of domains turned into records: what starts, stops and crashes by itself, and what is true after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

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
        self._latest: dict[str, DomainEvent] = {}
        """What was heard of a machine while its records were being compared."""
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
        """While held, what happens to the machine is the holder's affair and changes no records by itself."""
        hold = Hold()
        holds = self._holds.setdefault(uuid, [])
        holds.append(hold)
        try:
            yield hold
        finally:
            holds.remove(hold)
            if not holds:
                del self._holds[uuid]
                for event in hold.events[-1:]:
                    self.heard(event)

    def heard(self, event: DomainEvent) -> None:
        """Something happened to a domain; called in the loop."""
        if event.kind is DomainEventKind.lost:
            self._start(NULL, self.reconcile())
        elif event.uuid in self._holds:
            for hold in self._holds[event.uuid]:
                hold.hear(event)
        elif not self._is_known(event):
            self._latest[event.uuid] = event
            if event.uuid not in self._work:
                self._start(event.uuid, self._look_at(event.uuid))

    def _is_known(self, event: DomainEvent) -> bool:
        """Whether the records say already what the event tells."""
        vm = self._runtime.store.find_uuid(VM, event.uuid)
        if vm is None:
            return event.kind not in (DomainEventKind.started, DomainEventKind.resumed)
        if vm.power_state not in CONFIRMED.get(event.kind, ()):
            return False
        return event.id in (vm.domid, -1) or vm.power_state not in LIVE

    def _start(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work[key] = task
        task.add_done_callback(lambda done: self._work.pop(key, None))

    async def _look_at(self, uuid: str) -> None:
        """Compare the records of one machine with what runs, until nothing new was heard meanwhile."""
        while (event := self._latest.pop(uuid, None)) is not None:
            ctx, host = self._context(), self._host()
            try:
                domain = await ctx.domains(host).call(DomainDriver.find, uuid)
                if uuid not in self._holds:
                    await self._aftermath.settle(ctx, host, uuid, domain, event)
            except ApiError as error:
                log.error("what became of domain %s cannot be told: %s", uuid, error)

    # Everything at once

    async def reconcile(self) -> None:
        """Compare the records of all machines with what runs on this host: at its start, and when events were lost."""
        ctx, host = self._context(), self._host()
        domains = {domain.uuid: domain for domain in await ctx.domains(host).call(DomainDriver.domains)}
        recorded = [vm for vm in ctx.store.where(VM, resident_on=host.ref) if not vm.is_control_domain]
        for uuid in domains.keys() | {vm.uuid for vm in recorded}:
            if uuid in self._holds:
                continue
            try:
                await self._aftermath.settle(ctx, host, uuid, domains.get(uuid))
            except ApiError as error:
                log.error("the records of domain %s may be wrong: %s", uuid, error)
        await self._aftermath.tidy(ctx, host)
        self._forget_consoles()

    def _host(self) -> Host:
        return self._runtime.store.get(Host, self._runtime.localhost)

    def _context(self) -> Context:
        return Context(self._runtime, self._runtime.tasks.dummy("observe.domains"))

    async def close(self) -> None:
        """Let the comparisons under way end."""
        work = list(self._work.values())
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)

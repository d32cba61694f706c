"""Work that changes whether a machine runs: its mark, its undo stack, and the news of its domain meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from xapid.backends.domain.interface import DomainEvent, DomainEventKind, Endpoint
from xapid.datamodel import VM, Host
from xapid.datamodel.errors import HOST_OFFLINE
from xapid.datamodel.vm import VmOperations
from xapid.runtime.context import Context
from xapid.runtime.guard import STANDARD
from xapid.runtime.undo import Undo

GONE = frozenset({DomainEventKind.stopped, DomainEventKind.crashed})


class News(Protocol):
    """What a hypervisor tells of one machine while an operation works on it."""

    async def until(self, kinds: Collection[DomainEventKind], seconds: float) -> DomainEvent | None:
        """The first event of these kinds since the operation began; None if there is none in time."""


class DomainEvents(Protocol):
    """The service that hears what happens to domains (``observe.domains``)."""

    def hold(self, uuid: str) -> AbstractContextManager[News]:
        """While held, what happens to the machine is the holder's affair and changes no rows by itself."""

    def know_consoles(self, endpoints: dict[str, Endpoint]) -> None:
        """Where consoles are, by their references."""


def domain_events(ctx: Context) -> DomainEvents:
    events: DomainEvents = ctx.runtime.services["domain_events"]
    return events


@dataclass(frozen=True)
class Change:
    """One change of state under way."""

    undo: Undo
    news: News


@asynccontextmanager
async def changing(
    ctx: Context, vm: VM, operation: VmOperations, *, patience: float = STANDARD, strict: bool = True
) -> AsyncIterator[Change]:
    """Wait for the turn, check, mark; meanwhile the news of the domain comes here."""
    async with ctx.operation(vm, operation, patience=patience, strict=strict) as undo:
        with domain_events(ctx).hold(vm.uuid) as news:
            yield Change(undo, news)


def stay_off(ctx: Context, vm: VM) -> None:
    """A client wants the machine off: high availability is not to start it again."""
    if ctx.now(vm).ha_always_run:
        with ctx.write() as tx:
            tx.set(vm, ha_always_run=False)


def host_of(ctx: Context, vm: VM) -> Host:
    """The host that a machine runs on. Raises HOST_OFFLINE."""
    host = ctx.store.find(Host, vm.resident_on)
    if host is None:
        raise HOST_OFFLINE(vm.resident_on)
    return host

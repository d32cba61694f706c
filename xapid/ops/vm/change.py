"""Work that changes whether a machine runs: its mark, its undo stack, and the news of its domain meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from xapid.backends.domain.interface import DomainEvent, DomainEventKind, Endpoint
from xapid.datamodel import VM, Host
from xapid.datamodel.errors import HOST_OFFLINE, VM_BAD_POWER_STATE
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.rules.vm import check_power_state
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

    async def settle(self, uuid: str) -> None:
        """Compare the records of one machine with what runs now."""

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
    ctx: Context,
    vm: VM,
    operation: VmOperations,
    *,
    patience: float = STANDARD,
    strict: bool = True,
    displacing: frozenset[VmOperations] = frozenset(),
) -> AsyncIterator[Change]:
    """Wait for the turn, check, mark; meanwhile the news of the domain comes here.

    Some operations may begin while others go on, which are cancelled if they are among ``displacing``. But one at a
    time works on the domain, so that none finds it in the middle of something: what the machine is by then is to be
    looked at in the block.
    """
    async with ctx.operation(vm, operation, patience=patience, strict=strict) as undo:
        _cancel(ctx, vm, displacing)
        async with _alone(ctx, vm):
            with domain_events(ctx).hold(vm.uuid) as news:
                yield Change(undo, news)


def _cancel(ctx: Context, vm: VM, operations: frozenset[VmOperations]) -> None:
    for ref, operation in ctx.now(vm).current_operations.items():
        task = ctx.runtime.tasks.active.get(ref)
        if operation in operations and task is not None and task is not ctx.task:
            task.cancel()


@asynccontextmanager
async def _alone(ctx: Context, vm: VM) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        lock = ctx.lock(vm)
        if ctx.runtime.locks.taken(vm.ref):
            with ctx.task.cancellable():
                await stack.enter_async_context(lock)
        else:
            await stack.enter_async_context(lock)
        yield


def assert_same_domain(ctx: Context, vm: VM) -> None:
    """Before what was done to a running machine is recorded. Raises VM_BAD_POWER_STATE if it ended meanwhile."""
    latest = ctx.now(vm)
    if latest.domid != vm.domid:
        raise VM_BAD_POWER_STATE(vm.ref, VmPowerState.Running.lower(), latest.power_state.lower())


def stay_off(ctx: Context, vm: VM) -> None:
    """A client wants the machine off: high availability is not to start it again."""
    if ctx.now(vm).ha_always_run:
        with ctx.write() as tx:
            tx.set(vm, ha_always_run=False)


def host_of(ctx: Context, vm: VM) -> Host:
    """The host that a machine runs on. Raises VM_BAD_POWER_STATE if it runs nowhere, HOST_OFFLINE."""
    if vm.resident_on == NULL:
        check_power_state(vm, VmPowerState.Running)
    host = ctx.store.find(Host, vm.resident_on)
    if host is None:
        raise HOST_OFFLINE(vm.resident_on)
    return host

"""Balloons: guests give memory back when others on their host need it, and get what is left over.

Only on hosts that squeeze their guests (setting ``guests.ballooning``). A guest that does not do as it was told within
a while is left alone, and counts for what it has, until its memory changes or it starts anew.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from xapid.backends.domain.interface import DomainDriver
from xapid.datamodel import VM, Host, VM_metrics
from xapid.datamodel.errors import HOST_NOT_ENOUGH_FREE_MEMORY, ApiError
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops.vm.memory import CLOSE_ENOUGH, memory_now
from xapid.rules import memory
from xapid.rules.ballooning import Holder, Step, step
from xapid.rules.memory import Counted, Limits
from xapid.runtime.context import Context, Runtime
from xapid.store.store import Store

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks."""
PATIENCE = 10.0
"""Seconds that a guest has for a change of its memory."""
LOOK_AGAIN = 0.1
"""Seconds between two looks at guests that are to make room for one that starts."""
HARMLESS = frozenset(
    {VmOperations.changing_dynamic_range, VmOperations.awaiting_memory_live, VmOperations.changing_memory_live}
)
"""Operations beside which a guest may be told another target."""


@dataclass
class _Told:
    """What a guest was told last."""

    domid: int
    target: int
    had: int
    """What it had when its memory changed last, as far as is known."""
    since: float
    """When that was, or when it was told."""

    def is_done(self, has: int) -> bool:
        return abs(has - self.target) <= CLOSE_ENOUGH

    def is_late(self, has: int, now: float) -> bool:
        """Whether its memory should have changed by now, and did not."""
        if has != self.had:
            self.had, self.since = has, now
        return not self.is_done(has) and now - self.since >= PATIENCE


class Balloons:
    """Those of the guests on this host."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._told: dict[str, _Told] = {}
        self._stepping = asyncio.Lock()

    async def look(self) -> None:
        """Tell guests what they are to have now; to be called often."""
        host = self._runtime.store.find(Host, self._runtime.localhost)
        if host is not None and memory.counted_on(host) is Counted.dynamic_min:
            await self._step(Context(self._runtime, self._runtime.tasks.dummy("ops.balloons")), host)

    async def make_room(self, ctx: Context, vm: VM, host: Host) -> int:
        """Have others give back what a VM needs that is about to start on a host. Returns what it is to start with.

        Raises HOST_NOT_ENOUGH_FREE_MEMORY if they do not.
        """
        if memory.counted_on(host) is Counted.static_max or self._fit_in_full(vm, host):
            return _range(ctx.store, vm)[1]
        while True:
            taken = await self._step(ctx, host, vm)
            kept = taken.kept[vm.ref]
            if taken.reached:
                return kept
            if self._pending(host):
                with ctx.task.cancellable():
                    await ctx.clock.sleep(LOOK_AGAIN)
            elif not taken.tell:
                break
        if kept < _range(ctx.store, vm)[0]:
            raise HOST_NOT_ENOUGH_FREE_MEMORY(memory.start_memory(ctx.store, vm, Counted.dynamic_min), kept)
        return kept

    async def give(self, ctx: Context, vm: VM, host: Host, limits: Limits) -> None:
        """Let a guest have what its new limits say, as far as others leave it that now; one that has all keeps it."""
        if memory.starts_with_all(ctx.store, vm):
            return
        if memory.counted_on(host) is Counted.static_max:
            await self._set(ctx, host, vm, limits.dynamic_max)
            return
        available, holders = self._holders(host)
        room = available - sum(each.holds for each in holders.values())
        await self._tell(ctx, host, vm, min(limits.dynamic_max, self._holds(vm) + max(0, room)))

    async def _step(self, ctx: Context, host: Host, comes: VM | None = None) -> Step:
        async with self._stepping:
            for vm in self._pending(host):
                await memory_now(ctx, vm)
            taken = step(*self._holders(host, comes))
            for ref, target in taken.tell.items():
                vm = ctx.store.get(VM, ref)
                if self._target(vm) != target:
                    try:
                        await self._tell(ctx, host, vm, target)
                    except ApiError as error:
                        log.info("the memory of %s stays as it is: %s", vm.uuid, error)
        return taken

    async def _tell(self, ctx: Context, host: Host, vm: VM, target: int) -> None:
        now = ctx.clock.monotonic()
        told = self._told.setdefault(vm.ref, _Told(vm.domid, target, _has(ctx.store, vm), now))
        if told.is_done(_has(ctx.store, vm)):
            told.since = now
        told.target = target
        try:
            await self._set(ctx, host, vm, target)
        except ApiError:
            # It keeps what it has, and is not waited for.
            told.target, told.since = min(target, _has(ctx.store, vm)), now - PATIENCE
            raise

    @staticmethod
    async def _set(ctx: Context, host: Host, vm: VM, target: int) -> None:
        await ctx.domains(host).call(DomainDriver.set_memory, vm.uuid, target)
        await memory_now(ctx, vm)

    def _holders(self, host: Host, comes: VM | None = None) -> tuple[int, dict[str, Holder]]:
        """What there is for guests that can be moved, and those guests. ``comes``: one that is about to start.

        The record of that one may say that it runs: until it is started anew, while it reboots.
        """
        store = self._runtime.store
        guests = memory.guests_of(store, host)
        if comes is not None:
            guests[comes.ref] = comes
        self._told = {
            ref: told for ref, told in self._told.items() if ref in guests and told.domid == guests[ref].domid
        }
        available = memory.for_guests(store, host, guests.values())
        holders: dict[str, Holder] = {}
        for ref, vm in guests.items():
            if vm.resident_on != host.ref or vm is comes:
                holders[ref] = Holder(*_range(store, vm), 0, came=False)
            elif self._obeys(vm):
                holders[ref] = Holder(*_range(store, vm), self._holds(vm))
            else:
                available -= self._holds(vm)
        return available, holders

    def _fit_in_full(self, vm: VM, host: Host) -> bool:
        """Whether nobody has to give anything back, which is seen sooner than who could."""
        store = self._runtime.store
        others = memory.free_memory(store, host, vm.ref, Counted.static_max)
        return memory.start_memory(store, vm, Counted.static_max) <= others

    def _obeys(self, vm: VM) -> bool:
        """Whether a guest can be told another target now."""
        told = self._told.get(vm.ref)
        late = told is not None and told.is_late(_has(self._runtime.store, vm), self._runtime.clock.monotonic())
        busy = not HARMLESS.issuperset(vm.current_operations.values())
        return vm.power_state is VmPowerState.Running and not vm.is_control_domain and not busy and not late

    def _holds(self, vm: VM) -> int:
        """What it has, or may take at any moment."""
        return max(_has(self._runtime.store, vm), self._target(vm))

    def _target(self, vm: VM) -> int:
        """What it was told last; 0: nothing."""
        told = self._told.get(vm.ref)
        return told.target if told is not None else 0

    def _pending(self, host: Host) -> list[VM]:
        """Guests that were told something, may still do it, and have not done it yet."""
        guests = memory.guests_of(self._runtime.store, host)
        return [
            guests[ref]
            for ref, told in self._told.items()
            if ref in guests and self._obeys(guests[ref]) and not told.is_done(_has(self._runtime.store, guests[ref]))
        ]


def _has(store: Store, vm: VM) -> int:
    """How many bytes a guest has, as far as is known."""
    metrics = store.find(VM_metrics, vm.metrics)
    return metrics.memory_actual if metrics is not None and metrics.memory_actual else _range(store, vm)[1]


def _range(store: Store, vm: VM) -> tuple[int, int]:
    """The least and the most that it may have."""
    if memory.starts_with_all(store, vm) or vm.is_control_domain:
        return vm.memory_static_max, vm.memory_static_max
    return vm.memory_dynamic_min, max(vm.memory_dynamic_min, min(vm.memory_dynamic_max, vm.memory_static_max))

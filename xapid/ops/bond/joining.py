"""Interfaces are joined into one, and parted again: with their addresses, their VLANs and the guests on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from xapid.backends.network.interface import NetworkDriver
from xapid.datamodel import PIF, VIF, VM, Bond, Host, Network
from xapid.datamodel.bond import BondMode
from xapid.datamodel.errors import PIF_BOND_NEEDS_MORE_MEMBERS
from xapid.datamodel.vif import VifOperations
from xapid.ops import guest_ports, management
from xapid.ops.bond import rows
from xapid.ops.bond.rows import Order, Target
from xapid.ops.pif.rewiring import Moved, Rewiring
from xapid.rules import bond as rules
from xapid.rules.guest import has_domain
from xapid.runtime.context import Context
from xapid.store.transaction import Transaction


async def create(
    ctx: Context, network: str, members: tuple[str, ...], MAC: str, mode: BondMode, properties: dict[str, str]
) -> str:
    """Join interfaces of a host into one, which is up then. If that cannot be had, all is as it was."""
    if not members:
        raise PIF_BOND_NEEDS_MORE_MEMBERS
    store = ctx.store
    first = store.get(PIF, members[0])
    place = store.get(Network, network)
    rules.check_place(store, first.host, place)
    rules.check_settings(MAC, mode, properties)
    # Who is named twice is one member, where it is named last.
    pifs = [store.get(PIF, ref) for ref in reversed(dict.fromkeys(reversed(members)))]
    rules.check_members(store, pifs)
    host = store.get(Host, first.host)
    async with _settled(ctx, host, pifs, place.ref) as targets:
        pifs = [ctx.now(pif) for pif in pifs]
        rules.check_place(store, host.ref, place)
        rules.check_members(store, pifs)
        devices = [nic.device for nic in await ctx.network(host).call(NetworkDriver.nics)]
        device, primary = rules.free_device(store, host.ref, devices), rules.primary_of(pifs)
        order = Order(
            device, place, tuple(pifs), primary, MAC, mode, rules.completed(mode, properties), ctx.clock.date()
        )
        made: list[Bond] = []
        await _carry_out(ctx, host, primary, targets, lambda tx: made.append(rows.join(tx, order, targets)))
        if any(pif.management for pif in pifs):
            await management.passed_on(ctx, host.ref)
        return str(made[-1].ref)


async def destroy(ctx: Context, self: Bond) -> None:
    """Part the interfaces. What the bond had goes to its primary member."""
    store = ctx.store
    master = store.get(PIF, self.master)
    if master.management:
        rules.check_ha(store)
    host = store.get(Host, master.host)
    onto = rows.primary_of(store, self).network
    async with _settled(ctx, host, [master], onto) as targets:
        bond, master = ctx.now(self), ctx.now(master)
        if master.management:
            rules.check_ha(store)
        primary = rows.primary_of(store, bond)
        await _carry_out(ctx, host, primary, targets, lambda tx: rows.part(tx, ctx.now(bond), targets))
        if master.management:
            await management.passed_on(ctx, host.ref)


@asynccontextmanager
async def _settled(ctx: Context, host: Host, pifs: list[PIF], onto: str) -> AsyncIterator[list[Target]]:
    """Within the block nobody else works on interfaces of the host, their networks, or what is joined to these."""
    store = ctx.store
    while True:
        async with AsyncExitStack() as stack:
            # Marks before locks: the start of a machine waits for the lock of a network with its own marks on.
            marked: set[str] = set()
            for vif in _unmarked(rows.targets_of(store, host, [ctx.now(pif) for pif in pifs], onto), marked):
                await stack.enter_async_context(ctx.operation(vif, VifOperations.attach))
                marked.add(vif.ref)
            networks = rows.networks_of(store, [ctx.now(pif) for pif in pifs]) | {onto}
            await stack.enter_async_context(ctx.lock(host, *(store.get(Network, ref) for ref in networks)))
            latest = [ctx.now(pif) for pif in pifs]
            targets = rows.targets_of(store, host, latest, onto)
            if not _unmarked(targets, marked) and rows.networks_of(store, latest) <= networks:
                yield targets
                return


def _unmarked(targets: Iterable[Target], marked: set[str]) -> list[VIF]:
    found = {target.vif.ref: target.vif for target in targets if target.vif.ref not in marked}
    return [found[ref] for ref in sorted(found)]


async def _carry_out(
    ctx: Context, host: Host, subject: PIF, targets: list[Target], change: Callable[[Transaction], object]
) -> None:
    rewiring = Rewiring(ctx, host, change, subject)
    await rewiring.plan()
    moves = _moves(ctx, host, targets)
    async with ctx.undoing() as undo, AsyncExitStack() as bounds:
        for move in moves:
            await bounds.enter_async_context(guest_ports.moving(ctx, host, move.vif, move.network))
        await rewiring.take_down(undo)
        ctx.progress(0.2)
        await rewiring.lay_anew(undo)
        ctx.progress(0.4)
        await rewiring.move_guests(undo, moves)
        ctx.progress(0.6)
        await rewiring.remove_empty(undo)
        ctx.progress(0.8)
        with ctx.write() as tx:
            rewiring.record(tx)
    await guest_ports.follow(ctx, host, rewiring.links)
    ctx.progress(1.0)


def _moves(ctx: Context, host: Host, targets: Iterable[Target]) -> list[Moved]:
    """Those of machines that run there now."""
    found = []
    for target in targets:
        vm, network = ctx.store.get(VM, target.vif.VM), ctx.store.get(Network, target.network)
        if target.vif.currently_attached and vm.resident_on == host.ref and has_domain(vm):
            found.append(Moved(target.vif, network))
    return found

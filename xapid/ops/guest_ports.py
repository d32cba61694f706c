"""What guests may send by their interfaces: told to the host before a guest has one, and whenever it changes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from xapid.backends.interface import BackendError
from xapid.backends.network.interface import GuestPort, NetworkDriver
from xapid.datamodel import VIF, VM, Host, Network
from xapid.datamodel.errors import ApiError
from xapid.rules.guest_ports import guest_port, is_bounded, is_tighter
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.rows import copy_row

log = logging.getLogger(__name__)


@dataclass
class Guarded:
    """What this daemon knows of ports beside the records."""

    vifs: set[str] = field(default_factory=set)
    """uuids of those whose bounds were told to a host since it began, or were there before"""
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """how they are called, where the hypervisor chose that"""


async def guard(ctx: Context, undo: Undo, host: Host, vifs: Sequence[VIF]) -> bool:
    """Bound what will come from interfaces that a guest is about to get. Of those without bounds nobody is told.

    Returns whether there are any bounds.
    """
    async with ctx.lock(*vifs):
        ports = [port for vif in vifs if is_bounded(port := port_of(ctx, ctx.now(vif)))]
        if ports:
            channel = ctx.network(host)
            undo.push(channel, NetworkDriver.unguard, [port.vif for port in ports])
            await _guard(ctx, host, ports)
    return bool(ports)


async def follow(ctx: Context, host: Host, links: Mapping[str, tuple[str, ...]]) -> None:
    """The same for interfaces that the hypervisor has named, by the uuids of their VIFs."""
    if not links:
        return
    _guarded(ctx).links.update(links)
    vifs = [vif for uuid in links if (vif := ctx.store.find_uuid(VIF, uuid)) is not None]
    async with ctx.lock(*vifs):
        await _guard(ctx, host, [port for vif in vifs if is_bounded(port := port_of(ctx, ctx.now(vif)))])


async def release(ctx: Context, host: Host, vifs: Iterable[VIF]) -> None:
    """Forget the bounds of interfaces that no guest has any more. What goes wrong is logged."""
    guarded, uuids = _guarded(ctx), []
    for vif in vifs:
        guarded.links.pop(vif.uuid, None)
        if vif.uuid in guarded.vifs:
            uuids.append(vif.uuid)
    if uuids:
        try:
            await ctx.network(host).letting_through(BackendError).repeatable(NetworkDriver.unguard, uuids)
        except BackendError as error:
            log.error("the bounds of VIFs %s stay: %s", ", ".join(uuids), error)
        else:
            guarded.vifs.difference_update(uuids)


async def change(ctx: Context, vif: VIF, of: Callable[[VIF], dict[str, Any]]) -> None:
    """Record other bounds of an interface, in force at once if a guest has it or is about to get it.

    ``of``: says which fields of the row, as it is by then, change to what.
    """
    async with ctx.lock(vif):
        latest = ctx.now(vif)
        wanted, changes = copy_row(latest), of(latest)
        wanted.__dict__.update(changes)
        await _apply(ctx, wanted)
        with ctx.write() as tx:
            tx.set(ctx.now(vif), **changes)


async def follow_network(ctx: Context, network: Network) -> None:
    """Interfaces that guests are about to get are bounded as their network says now."""
    for vif in ctx.store.where(VIF, network=network.ref):
        if vif.current_operations:
            async with ctx.lock(vif):
                await _apply(ctx, ctx.now(vif))


@asynccontextmanager
async def moving(ctx: Context, host: Host, vif: VIF, network: Network) -> AsyncIterator[None]:
    """Within the block an interface goes to another network, and is at no moment less bounded than in either."""
    async with ctx.lock(vif):
        latest = ctx.now(vif)
        before, after = port_of(ctx, latest), _port(ctx, latest, ctx.now(network))
        if before == after:
            yield
        elif is_tighter(after, before):
            await _guard(ctx, host, [after])
            try:
                yield
            except BaseException:
                await _guard(ctx, host, [before])
                raise
        else:
            yield
            await _guard(ctx, host, [after])


async def restore(ctx: Context, host: Host) -> None:
    """At the start of a host, and whenever it may have lost something: bounds that are missing are set again.

    Those of interfaces which no guest has any more are forgotten. Ports of others, which we do not know, are left.
    """
    try:
        there = await ctx.network(host).call(NetworkDriver.dropped)
        ports = {port.vif: port for vif in ctx.store.all(VIF) if _is_on(ctx, vif, host) for port in [port_of(ctx, vif)]}
        _guarded(ctx).vifs.update(there)
        await _guard(ctx, host, [port for port in ports.values() if is_bounded(port) or port.vif in there])
    except ApiError as error:
        log.error("what guests on this host may send is not bounded as it should be: %s", error)
        return
    left = [vif for uuid in there if uuid not in ports and (vif := ctx.store.find_uuid(VIF, uuid)) is not None]
    await release(ctx, host, [vif for vif in left if not vif.current_operations])


def bounded(ctx: Context, host: Host) -> list[VIF]:
    """The interfaces of guests on a host that are not to send whatever they like."""
    return [vif for vif in ctx.store.all(VIF) if _is_on(ctx, vif, host) and is_bounded(port_of(ctx, vif))]


def port_of(ctx: Context, vif: VIF) -> GuestPort:
    return _port(ctx, vif, ctx.store.get(Network, vif.network))


def _port(ctx: Context, vif: VIF, network: Network) -> GuestPort:
    port = guest_port(vif, network)
    return replace(port, links=_guarded(ctx).links.get(vif.uuid, port.links))


async def _apply(ctx: Context, vif: VIF) -> None:
    vm = ctx.store.get(VM, vif.VM)
    host = ctx.store.find(Host, vm.resident_on) or ctx.store.find(Host, vm.scheduled_to_be_resident_on)
    if host is not None and (vif.currently_attached or vif.current_operations):
        await _guard(ctx, host, [port_of(ctx, vif)])


async def _guard(ctx: Context, host: Host, ports: Sequence[GuestPort]) -> None:
    if ports:
        _guarded(ctx).vifs.update(port.vif for port in ports)
        await ctx.network(host).call(NetworkDriver.guard, ports)


def _is_on(ctx: Context, vif: VIF, host: Host) -> bool:
    vm = ctx.store.find(VM, vif.VM)
    return vif.currently_attached and vm is not None and vm.resident_on == host.ref


def _guarded(ctx: Context) -> Guarded:
    guarded: Guarded = ctx.runtime.services["guarded"]
    return guarded

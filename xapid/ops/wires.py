"""Bridges that guests are joined to: made when the first needs one, removed with the last."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.interface import AlreadyExists, BackendError, InUse
from xapid.backends.network.interface import Bridge, NetworkDriver
from xapid.datamodel import PIF, VIF, VM, Host, Network
from xapid.datamodel.errors import NOT_IMPLEMENTED
from xapid.ops import guest_ports
from xapid.ops.pif.plugging import connect, places
from xapid.ops.vm.change import assert_same_domain, host_of
from xapid.rules import bridges
from xapid.rules.domain_spec import nic_spec
from xapid.rules.network import is_sriov
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.store import Store

log = logging.getLogger(__name__)

NAMES_TRIED = 1000
"""Names of bridges that links of others may have before it is given up."""


async def ensure_bridges(ctx: Context, host: Host, vifs: Iterable[VIF]) -> None:
    """See to it that the bridges of these interfaces' networks are there.

    The caller has marked the interfaces, so that nobody removes a bridge before they are joined to it. Bridges of
    unmanaged networks are somebody else's affair, and must be there. Raises BRIDGE_NOT_AVAILABLE.
    """
    for ref in sorted({vif.network for vif in vifs}):
        _check_bridged(ctx.store, ref)
        await ensure_bridge(ctx, host, ctx.store.get(Network, ref))


async def ensure_bridge(ctx: Context, host: Host, network: Network) -> None:
    """The same of one network."""
    async with ctx.lock(*_places(ctx.store, host, network)):
        await _ensure_bridge(ctx, host, network)


def _check_bridged(store: Store, network: str) -> None:
    """Machines are joined to bridges: no driver of ours hands virtual functions to them."""
    if is_sriov(store, network):
        raise NOT_IMPLEMENTED("machines with virtual functions of network cards")


def _places(store: Store, host: Host, network: Network) -> list[Network]:
    """The networks to be locked before one is led out of a host: itself, and those beneath it there."""
    pifs = store.where(PIF, network=network.ref, host=host.ref)
    return [network, *(each for pif in pifs for each in places(store, pif))]


async def _ensure_bridge(ctx: Context, host: Host, network: Network) -> None:
    network = ctx.now(network)
    if not network.managed:
        await ctx.network(host).call(NetworkDriver.check_bridge, network.bridge)
        return
    for pif in ctx.store.where(PIF, network=network.ref, host=host.ref):
        if pif.managed and not pif.currently_attached:
            await connect(ctx, pif)
    if is_sriov(ctx.store, network.ref):
        return
    channel = ctx.network(host)
    taken: set[str] = set()
    while True:
        bridge = Bridge(network.bridge, network.uuid, network.MTU)
        try:
            await channel.letting_through(AlreadyExists).call(NetworkDriver.ensure_bridge, bridge)
            return
        except AlreadyExists as error:
            network = ctx.now(network)
            if not _may_be_renamed(ctx.store, network, host) or len(taken) > NAMES_TRIED:
                raise channel.translated(error) from error
            log.info("%s: the bridge of network %s gets another name", error.message, network.uuid)
        taken |= {network.bridge, *(other.name for other in await channel.call(NetworkDriver.bridges))}
        with ctx.write() as tx:
            tx.set(network, bridge=bridges.free_name(ctx.store, taken))
        network = ctx.now(network)


def _may_be_renamed(store: Store, network: Network, host: Host) -> bool:
    """Whether the bridge of a network may be called differently, where another daemon has one of that name.

    Nobody chose the name, and no guest is joined to it.
    """
    unused = not any(vif.currently_attached for vif in store.where(VIF, network=network.ref))
    return unused and bridges.is_numbered(network.bridge) and is_internal(store, network, host)


async def release_bridges(ctx: Context, host: Host, networks: Iterable[str]) -> None:
    """Remove the bridges of internal networks that no guest on the host is joined to, or about to be."""
    for ref in sorted(set(networks)):
        network = ctx.store.find(Network, ref)
        if network is None or not is_internal(ctx.store, network, host):
            continue
        async with ctx.lock(network):
            if not wanted(ctx.store, network, host):
                await remove_bridge(ctx, host, network.bridge)


async def remove_bridge(ctx: Context, host: Host, bridge: str) -> None:
    """Remove a bridge unless something is joined to it after all. What goes wrong is logged."""
    try:
        await ctx.network(host).letting_through(BackendError).repeatable(NetworkDriver.remove_bridge, bridge)
    except InUse:
        log.info("bridge %s is still in use", bridge)
    except BackendError as error:
        log.error("bridge %s cannot be removed: %s", bridge, error)


@asynccontextmanager
async def letting_go(ctx: Context, vif: VIF) -> AsyncIterator[None]:
    """After the block, however it ends, the bridge goes if nobody needs it. The marks of the block are off by then."""
    host = ctx.store.find(Host, ctx.store.get(VM, vif.VM).resident_on)
    try:
        yield
    finally:
        if host is not None:
            latest = ctx.store.find(VIF, vif.ref) or vif
            await release_bridges(ctx, host, [vif.network, latest.network])


async def join(ctx: Context, undo: Undo, vif: VIF) -> None:
    """Give a running machine an interface, and record it."""
    vm = ctx.store.get(VM, vif.VM)
    host = host_of(ctx, vm)
    await ensure_bridges(ctx, host, [vif])
    await guest_ports.guard(ctx, undo, host, [vif])
    channel = ctx.domains(host)
    undo.push(channel, DomainDriver.detach_nic, vm.uuid, vif.uuid)
    links = await channel.call(DomainDriver.attach_nic, vm.uuid, nic_spec(ctx.store, vif))
    if links:
        await guest_ports.follow(ctx, host, {vif.uuid: links})
    assert_same_domain(ctx, vm)
    with ctx.write() as tx:
        tx.set(vif, currently_attached=True)


async def part(ctx: Context, vif: VIF) -> None:
    """Take an interface from a running machine, and record it."""
    vm = ctx.store.get(VM, vif.VM)
    host = host_of(ctx, vm)
    await ctx.domains(host).call(DomainDriver.detach_nic, vm.uuid, vif.uuid)
    with ctx.write() as tx:
        tx.set(vif, currently_attached=False)
    await guest_ports.release(ctx, host, [vif])


async def move(ctx: Context, undo: Undo, vif: VIF, network: Network, host: Host) -> None:
    """Join the interface of a running machine to another network, and record it."""
    vm = ctx.store.get(VM, vif.VM)
    _check_bridged(ctx.store, network.ref)
    async with ctx.lock(*_places(ctx.store, host, network)):
        try:
            await _ensure_bridge(ctx, host, network)
            latest, before, channel = ctx.now(network), nic_spec(ctx.store, vif), ctx.domains(host)
            spec = nic_spec(ctx.store, vif, latest)
            async with guest_ports.moving(ctx, host, vif, network):
                undo.push(channel, DomainDriver.move_nic, vm.uuid, before)
                links = await channel.call(DomainDriver.move_nic, vm.uuid, spec)
                with ctx.write() as tx:
                    tx.set(vif, network=network.ref)
                    undo.settle(tx)
            if links:
                await guest_ports.follow(ctx, host, {vif.uuid: links})
        except BaseException:
            if is_internal(ctx.store, network, host) and not wanted(ctx.store, network, host):
                await remove_bridge(ctx, host, network.bridge)
            raise


def is_internal(store: Store, network: Network, host: Host) -> bool:
    """Whether a network ends at the host: no interface of the host belongs to it."""
    return network.managed and not any(pif.host == host.ref for pif in store.where(PIF, network=network.ref))


def wanted(store: Store, network: Network, host: Host) -> bool:
    """Whether a guest on the host is joined to a network, or about to be."""
    for vif in store.where(VIF, network=network.ref):
        vm = store.find(VM, vif.VM)
        if vm is None or not (vif.currently_attached or vif.current_operations):
            continue
        if host.ref in (vm.resident_on, vm.scheduled_to_be_resident_on):
            return True
    return False


async def remove_unused(ctx: Context, host: Host) -> None:
    """At the start of a host: remove the bridges of ours that a crash left behind."""
    networks = {network.uuid: network for network in ctx.store.all(Network)}
    for bridge in await ctx.network(host).call(NetworkDriver.bridges):
        network = networks.get(bridge.uuid)
        if network is None:
            await remove_bridge(ctx, host, bridge.name)
        else:
            await release_bridges(ctx, host, [network.ref])

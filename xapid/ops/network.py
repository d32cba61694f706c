"""Messages of class network: making and removing networks, and what they are for."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import PIF, VIF, VM, Host, Network
from xapid.datamodel.errors import (
    CANNOT_DESTROY_SYSTEM_NETWORK,
    NETWORK_CONTAINS_PIF,
    NETWORK_CONTAINS_VIF,
    NETWORK_INCOMPATIBLE_PURPOSES,
    NETWORK_UNMANAGED,
    VIF_IN_USE,
)
from xapid.datamodel.map_keys import INTERNAL_MANAGEMENT
from xapid.datamodel.network import NetworkDefaultLockingMode, NetworkPurpose
from xapid.ops import guest_ports, wires
from xapid.ops.blob import attach_new_blob
from xapid.ops.vm.create import remove_nic
from xapid.rules import bridges
from xapid.runtime.context import Context

USUAL_MTU = 1500
EXCLUDES = {
    NetworkPurpose.nbd: NetworkPurpose.insecure_nbd,
    NetworkPurpose.insecure_nbd: NetworkPurpose.nbd,
}
"""Disks are offered either with TLS or without, in the whole pool."""


def create(ctx: Context, args: dict[str, Any]) -> str:
    """An object only: the bridge comes when the first guest needs it."""
    bridge = args["bridge"]
    if bridge and not ctx.session.pool:
        bridges.check_name(ctx.store, bridge)
    bridge = bridge or bridges.free_name(ctx.store)
    mtu = args["MTU"] if args["MTU"] > 0 else USUAL_MTU
    with ctx.write() as tx:
        return str(tx.create(Network, **{**args, "bridge": bridge, "MTU": mtu}).ref)


def pool_introduce(
    ctx: Context,
    name_label: str,
    name_description: str,
    MTU: int,
    other_config: dict[str, str],
    bridge: str,
    managed: bool,
    purpose: tuple[NetworkPurpose, ...],
) -> str:
    """The record alone, as a host that joins the pool brings it along."""
    with ctx.write() as tx:
        made = tx.create(
            Network,
            name_label=name_label,
            name_description=name_description,
            MTU=MTU,
            other_config=other_config,
            bridge=bridge,
            managed=managed,
            purpose=purpose,
        )
    return str(made.ref)


def destroy(ctx: Context, self: str) -> None:
    """Remove a network that nobody uses, with the interfaces of guests that are plugged into it no more."""
    network = ctx.store.get(Network, self)
    vifs = ctx.store.where(VIF, network=self)
    used = [vif.ref for vif in vifs if vif.currently_attached or vif.current_operations]
    if used:
        raise NETWORK_CONTAINS_VIF(*used)
    pifs = [pif.ref for pif in ctx.store.where(PIF, network=self)]
    if pifs:
        raise NETWORK_CONTAINS_PIF(*pifs)
    if INTERNAL_MANAGEMENT.of(network):
        raise CANNOT_DESTROY_SYSTEM_NETWORK(self)
    with ctx.write() as tx:
        for vif in vifs:
            remove_nic(tx, ctx.store, vif)
        tx.delete(network)


async def attach(ctx: Context, network: Network, host: Host) -> None:
    """Let guests of a host be joined to a network: its interface comes up, or a bridge that leads nowhere."""
    await wires.ensure_bridge(ctx, host, network)


async def attach_for_vm(ctx: Context, host: Host, vm: VM) -> None:
    """The same with all networks of a machine that is about to come to a host."""
    await wires.ensure_bridges(ctx, host, ctx.store.where(VIF, VM=vm.ref))


async def detach_for_vm(ctx: Context, host: Host, vm: VM) -> None:
    """Let go of what nobody on a host needs once a machine is not there any more."""
    await wires.release_bridges(ctx, host, [vif.network for vif in ctx.store.where(VIF, VM=vm.ref)])


async def set_default_locking_mode(ctx: Context, network: Network, value: NetworkDefaultLockingMode) -> None:
    """What guests may send whose interface says nothing else. Not while one of them is plugged in."""
    for vif in ctx.store.where(VIF, network=network.ref):
        if vif.currently_attached:
            raise VIF_IN_USE(network.ref, vif.ref)
    with ctx.write() as tx:
        tx.set(network, default_locking_mode=value)
    await guest_ports.follow_network(ctx, network)


def add_purpose(ctx: Context, self: Network, value: NetworkPurpose) -> None:
    if not self.managed:
        raise NETWORK_UNMANAGED(self.ref)
    excluded = EXCLUDES[value]
    if any(excluded in network.purpose for network in ctx.store.all(Network)):
        raise NETWORK_INCOMPATIBLE_PURPOSES(value, excluded)
    if value not in self.purpose:
        with ctx.write() as tx:
            tx.set(self, purpose=(*self.purpose, value))


def remove_purpose(ctx: Context, self: Network, value: NetworkPurpose) -> None:
    with ctx.write() as tx:
        tx.set(self, purpose=tuple(each for each in self.purpose if each != value))


def create_new_blob(ctx: Context, network: Network, name: str, mime_type: str, public: bool) -> str:
    return attach_new_blob(ctx, network, name, mime_type, public)

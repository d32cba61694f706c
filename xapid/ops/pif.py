"""Messages of class PIF: which interfaces of a host are known, and to what networks they lead."""

from __future__ import annotations

import re
from typing import NoReturn

from xapid.backends.network.interface import NetworkDriver, Nic
from xapid.datamodel import PIF, VLAN, Host, Network, NetworkSriov, PIF_metrics, Tunnel
from xapid.datamodel.errors import (
    CANNOT_FORGET_SRIOV_LOGICAL,
    COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS,
    DUPLICATE_PIF_DEVICE_NAME,
    INVALID_VALUE,
    MAC_INVALID,
    NOT_IMPLEMENTED,
    PIF_ALREADY_BONDED,
    PIF_IS_MANAGEMENT_INTERFACE,
    PIF_IS_PHYSICAL,
    PIF_SRIOV_STILL_EXISTS,
    PIF_TUNNEL_STILL_EXISTS,
    PIF_VLAN_STILL_EXISTS,
)
from xapid.datamodel.types import NULL
from xapid.ops.pool.membership import has_untagged_pif
from xapid.rules.nics import NO_VLAN, metrics_fields, network_fields, new_pif_fields
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


async def introduce(ctx: Context, host: Host, MAC: str, device: str, managed: bool) -> str:
    """Make an interface known that the host has. An empty MAC is looked up."""
    nics = {nic.device: nic for nic in await ctx.network(host).call(NetworkDriver.nics)}
    mac = MAC.lower() or (nics[device].mac if device in nics else "")
    if not _MAC.fullmatch(mac):
        raise MAC_INVALID(MAC)
    if _physical(ctx.store, host, device) is not None:
        raise DUPLICATE_PIF_DEVICE_NAME(device)
    nic = nics.get(device)
    if nic is None or nic.mac != mac:
        raise COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS(device, mac)
    with ctx.write() as tx:
        return str(_create(ctx, tx, host, nic, managed=managed).ref)


async def scan(ctx: Context, host: Host) -> None:
    """Make every interface of the host known, and look at those that were anew."""
    nics = await ctx.network(host).call(NetworkDriver.nics)
    with ctx.write() as tx:
        for nic in nics:
            pif = _physical(ctx.store, host, nic.device)
            if pif is None:
                _create(ctx, tx, host, nic, managed=True)
            else:
                tx.set(pif, MAC=nic.mac, MTU=nic.mtu)


def _physical(store: Store, host: Host, device: str) -> PIF | None:
    return next((pif for pif in store.where(PIF, host=host.ref) if pif.physical and pif.device == device), None)


def _create(ctx: Context, tx: Transaction, host: Host, nic: Nic, *, managed: bool) -> PIF:
    fields = network_fields(nic)
    network = next((each for each in ctx.store.all(Network) if each.bridge == fields["bridge"]), None)
    if network is None:
        network = tx.create(Network, **fields)
    metrics = tx.create(PIF_metrics, **metrics_fields(nic, ctx.clock.date()))
    return tx.create(
        PIF,
        host=host.ref,
        network=network.ref,
        metrics=metrics.ref,
        currently_attached=bool(nic.bridge),
        managed=managed and not nic.bridge,
        **new_pif_fields(nic),
    )


# --- Forgetting --------------------------------------------------------------------------------------


def forget(ctx: Context, self: PIF) -> None:
    """The interface stays as it is; only its object goes."""
    _assert_unused(ctx.store, self)
    if self.currently_attached and self.managed:
        raise NOT_IMPLEMENTED("PIF.forget")
    db_forget(ctx, self)


def db_forget(ctx: Context, self: PIF) -> None:
    metrics = ctx.store.find(PIF_metrics, self.metrics)
    with ctx.write() as tx:
        if metrics is not None and self.physical:
            tx.delete(metrics)
        tx.delete(self)


def _assert_unused(store: Store, pif: PIF) -> None:
    """Raises the first of the things that still need it, in the order of the original."""
    if pif.management:
        raise PIF_IS_MANAGEMENT_INTERFACE(pif.ref)
    if pif.bond_slave_of != NULL or store.members(pif, "bond_master_of"):
        raise PIF_ALREADY_BONDED(pif.ref)
    if pif.VLAN != NO_VLAN or store.where(VLAN, tagged_PIF=pif.ref):
        raise PIF_VLAN_STILL_EXISTS(pif.ref)
    if store.where(Tunnel, transport_PIF=pif.ref) or store.where(Tunnel, access_PIF=pif.ref):
        raise PIF_TUNNEL_STILL_EXISTS(pif.ref)
    if store.where(NetworkSriov, logical_PIF=pif.ref):
        raise CANNOT_FORGET_SRIOV_LOGICAL(pif.ref)
    if store.where(NetworkSriov, physical_PIF=pif.ref):
        raise PIF_SRIOV_STILL_EXISTS(pif.ref)


def destroy(ctx: Context, self: PIF) -> NoReturn:
    """Once took VLANs away, which are objects of their own now."""
    if self.VLAN == NO_VLAN:
        raise PIF_IS_PHYSICAL()
    raise NOT_IMPLEMENTED("PIF.destroy")


def create_VLAN(ctx: Context, device: str, network: str, host: Host, VLAN: int) -> NoReturn:
    if not has_untagged_pif(ctx.store, device, host.ref):
        raise INVALID_VALUE("device", device)
    ctx.store.get(Network, network)
    raise NOT_IMPLEMENTED("PIF.create_VLAN")


def set_disallow_unplug(ctx: Context, self: PIF, value: bool) -> None:
    with ctx.write() as tx:
        tx.set(self, disallow_unplug=value)

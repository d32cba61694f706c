"""Interfaces of a host become known, and are looked at anew."""

from __future__ import annotations

import re

from xapid.backends.network.interface import NetworkDriver, Nic
from xapid.datamodel import PIF, Host, Network, PIF_metrics
from xapid.datamodel.errors import (
    COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS,
    DUPLICATE_PIF_DEVICE_NAME,
    MAC_INVALID,
)
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode, PrimaryAddressType
from xapid.rules.nics import device_fields, metrics_fields, network_fields, new_pif_fields
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
                tx.set(pif, **device_fields(nic))


def db_introduce(
    ctx: Context,
    device: str,
    network: Network,
    host: Host,
    MAC: str,
    MTU: int,
    VLAN: int,
    physical: bool,
    ip_configuration_mode: IpConfigurationMode,
    IP: str,
    netmask: str,
    gateway: str,
    DNS: str,
    bond_slave_of: str,
    VLAN_master_of: str,
    management: bool,
    other_config: dict[str, str],
    disallow_unplug: bool,
    ipv6_configuration_mode: Ipv6ConfigurationMode,
    IPv6: tuple[str, ...],
    ipv6_gateway: str,
    primary_address_type: PrimaryAddressType,
    managed: bool,
    properties: dict[str, str],
) -> str:
    """Make a record by hand. It has metrics of its own, of which nothing is known."""
    with ctx.write() as tx:
        metrics = tx.create(PIF_metrics, last_updated=ctx.clock.date())
        made = tx.create(
            PIF,
            device=device,
            network=network.ref,
            host=host.ref,
            MAC=MAC,
            MTU=MTU,
            VLAN=VLAN,
            metrics=metrics.ref,
            physical=physical,
            currently_attached=False,
            ip_configuration_mode=ip_configuration_mode,
            IP=IP,
            netmask=netmask,
            gateway=gateway,
            DNS=DNS,
            bond_slave_of=bond_slave_of,
            VLAN_master_of=VLAN_master_of,
            management=management,
            other_config=other_config,
            disallow_unplug=disallow_unplug,
            ipv6_configuration_mode=ipv6_configuration_mode,
            IPv6=IPv6,
            ipv6_gateway=ipv6_gateway,
            primary_address_type=primary_address_type,
            managed=managed,
            properties=properties,
        )
    return str(made.ref)


pool_introduce = db_introduce
"""As a host that joins the pool brings it along."""


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

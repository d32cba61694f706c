"""How hosts are reached by their interfaces: the addresses are changed, at once where an interface is up."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import PIF
from xapid.datamodel.errors import PIF_IS_MANAGEMENT_INTERFACE
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode, PrimaryAddressType
from xapid.ops import management
from xapid.ops.pif.rewiring import change_one
from xapid.rules import addresses
from xapid.rules import pif as rules
from xapid.runtime.context import Context


async def reconfigure_ip(
    ctx: Context, self: PIF, mode: IpConfigurationMode, IP: str, netmask: str, gateway: str, DNS: str
) -> None:
    rules.check_managed(self)
    if not _only_names_change(self, mode, IP, netmask, gateway):
        rules.check_ha(ctx.store, self)
    static = mode is IpConfigurationMode.Static
    for name, text in (("IP", IP), ("netmask", netmask), ("gateway", gateway)):
        addresses.check_host_address(name, text, 4, may_lack=not static or name == "gateway")
    _check_names(DNS)
    if mode is IpConfigurationMode.None_ and _is_managed_by(self, PrimaryAddressType.IPv4):
        raise PIF_IS_MANAGEMENT_INTERFACE(self.ref)
    kept = [each for each in self.DNS.split(",") if ":" in each]
    names = ",".join([*(each for each in DNS.split(",") if each), *kept])
    await _reconfigured(ctx, self, ip_configuration_mode=mode, IP=IP, netmask=netmask, gateway=gateway, DNS=names)


async def reconfigure_ipv6(
    ctx: Context, self: PIF, mode: Ipv6ConfigurationMode, IPv6: str, gateway: str, DNS: str
) -> None:
    rules.check_managed(self)
    rules.check_ha(ctx.store, self)
    addresses.check_host_network("IPv6", IPv6, 6, may_lack=mode is not Ipv6ConfigurationMode.Static)
    addresses.check_host_address("gateway", gateway, 6, may_lack=True)
    _check_names(DNS)
    if mode is Ipv6ConfigurationMode.None_ and _is_managed_by(self, PrimaryAddressType.IPv6):
        raise PIF_IS_MANAGEMENT_INTERFACE(self.ref)
    kept = [each for each in self.DNS.split(",") if each and ":" not in each]
    names = ",".join([*kept, *(each for each in DNS.split(",") if each)])
    await _reconfigured(ctx, self, ipv6_configuration_mode=mode, IPv6=(IPv6,), ipv6_gateway=gateway, DNS=names)


def set_primary_address_type(ctx: Context, self: PIF, primary_address_type: PrimaryAddressType) -> None:
    rules.check_ha(ctx.store, self)
    if self.management:
        raise PIF_IS_MANAGEMENT_INTERFACE(self.ref)
    with ctx.write() as tx:
        tx.set(self, primary_address_type=primary_address_type)


async def _reconfigured(ctx: Context, pif: PIF, **fields: Any) -> None:
    """Write new settings down; where they cannot be had, or we die meanwhile, the interface has its old ones again."""
    old = {name: getattr(ctx.now(pif), name) for name in fields}
    if ctx.now(pif).currently_attached:
        await change_one(ctx, pif, lambda tx: tx.set(ctx.now(pif), **fields))
    else:
        with ctx.write() as tx:
            tx.set(pif, **fields)
    if ctx.now(pif).management:
        await management.readdressed(ctx, pif, old)


def _only_names_change(pif: PIF, mode: IpConfigurationMode, IP: str, netmask: str, gateway: str) -> bool:
    static = mode is pif.ip_configuration_mode is IpConfigurationMode.Static
    return static and (IP, netmask, gateway) == (pif.IP, pif.netmask, pif.gateway)


def _is_managed_by(pif: PIF, kind: PrimaryAddressType) -> bool:
    return pif.management and pif.primary_address_type is kind


def _check_names(servers: str) -> None:
    for each in servers.split(",") if servers else ():
        addresses.check_host_address("DNS", each, None)

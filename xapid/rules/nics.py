"""What a network interface of a host looks like in the API: its PIF, its metrics, the network it makes."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any

from xapid.backends.network.interface import UNTAGGED, Nic
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode
from xapid.datamodel.types import DateTime

SRIOV = "sriov"
"""The capability of a card that can have virtual functions."""
NAME_LENGTH = 15
"""Of a link, at most."""


def bridge_name(device: str) -> str:
    """The bridge over an interface: ``xenbr0`` over ``eth0``, ``brens3`` over ``ens3``."""
    numbered = re.fullmatch(r"eth(\d+)", device)
    return f"xenbr{numbered[1]}" if numbered else f"br{device}"[:NAME_LENGTH]


def network_fields(nic: Nic) -> dict[str, Any]:
    """The network of an interface. One that is a port of somebody's bridge already lends us that bridge."""
    return {
        "name_label": f"Pool-wide network associated with {nic.device}",
        "MTU": nic.mtu,
        "bridge": nic.bridge or bridge_name(nic.device),
        "managed": not nic.bridge,
    }


def device_fields(nic: Nic) -> dict[str, Any]:
    """The fields of a physical PIF that are the device's, whoever says how it is reached."""
    return {"MAC": nic.mac, "MTU": nic.mtu, "capabilities": (SRIOV,) if nic.functions else ()}


def pif_fields(nic: Nic) -> dict[str, Any]:
    """The fields of a physical PIF that the interface decides. Its addresses count as static: they are not ours."""
    addresses = [ip_interface(address) for address in nic.addresses]
    ipv4 = next((each for each in addresses if isinstance(each, IPv4Interface)), None)
    ipv6 = tuple(str(each) for each in addresses if isinstance(each, IPv6Interface) and not each.is_link_local)
    return device_fields(nic) | {
        "device": nic.device,
        "IP": str(ipv4.ip) if ipv4 else "",
        "netmask": str(ipv4.netmask) if ipv4 else "",
        "gateway": nic.gateway,
        "ip_configuration_mode": IpConfigurationMode.Static if ipv4 else IpConfigurationMode.None_,
        "IPv6": ipv6,
        "ipv6_configuration_mode": Ipv6ConfigurationMode.Static if ipv6 else Ipv6ConfigurationMode.None_,
    }


def new_pif_fields(nic: Nic) -> dict[str, Any]:
    """Those, and the ones that every physical PIF has from the first."""
    return pif_fields(nic) | {"VLAN": UNTAGGED, "physical": True, "properties": {"gro": "on"}}


def metrics_fields(nic: Nic, now: DateTime) -> dict[str, Any]:
    """The fields of a PIF's metrics."""
    return {
        "carrier": nic.carrier,
        "speed": nic.speed,
        "duplex": nic.duplex,
        "vendor_id": nic.vendor_id,
        "vendor_name": nic.vendor_name,
        "device_id": nic.device_id,
        "device_name": nic.device_name,
        "pci_bus_path": nic.pci_bus_path,
        "last_updated": now,
    }

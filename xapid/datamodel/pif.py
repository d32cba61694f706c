"""The class PIF."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import (
    CLUSTERING_ENABLED,
    HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN,
    OTHER_OPERATION_IN_PROGRESS,
    PIF_DOES_NOT_ALLOW_UNPLUG,
    PIF_HAS_FCOE_SR_IN_USE,
    PIF_IS_PHYSICAL,
    PIF_TUNNEL_STILL_EXISTS,
    TRANSPORT_PIF_NOT_CONFIGURED,
    VIF_IN_USE,
    VLAN_TAG_INVALID,
)
from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import (
    BOOL,
    INT,
    NULL,
    STRING,
    STRING_MAP,
    Object,
    Param,
    Ref,
    Set,
    dynamic,
    enum_of,
    inverse,
    message,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel import vlan
    from xapid.datamodel.bond import Bond
    from xapid.datamodel.host import Host
    from xapid.datamodel.network import Network
    from xapid.datamodel.network_sriov import NetworkSriov
    from xapid.datamodel.pci import PCI
    from xapid.datamodel.pif_metrics import PIF_metrics
    from xapid.datamodel.tunnel import Tunnel


class PifIgmpStatus(enum.StrEnum):
    ""

    enabled = "enabled"
    disabled = "disabled"
    unknown = "unknown"


class IpConfigurationMode(enum.StrEnum):
    ""

    None_ = "None"
    DHCP = "DHCP"
    Static = "Static"


class Ipv6ConfigurationMode(enum.StrEnum):
    ""

    None_ = "None"
    DHCP = "DHCP"
    Static = "Static"
    Autoconf = "Autoconf"


class PrimaryAddressType(enum.StrEnum):
    ""

    IPv4 = "IPv4"
    IPv6 = "IPv6"


class PIF(Object, roles=POOL_OPERATOR):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    device: str = static()
    network: Ref[Network] = static()
    host: Ref[Host] = static()
    MAC: str = static()
    MTU: int = static()
    VLAN: int = static()
    metrics: Ref[PIF_metrics] = dynamic()
    physical: bool = dynamic(False, since="miami")
    currently_attached: bool = dynamic(True, since="miami")
    ip_configuration_mode: IpConfigurationMode = dynamic(IpConfigurationMode.None_, since="miami")
    IP: str = dynamic("", since="miami")
    netmask: str = dynamic("", since="miami")
    gateway: str = dynamic("", since="miami")
    DNS: str = dynamic("", since="miami")
    bond_slave_of: Ref[Bond] = dynamic(NULL, since="miami")
    bond_master_of: Set[Ref[Bond]] = inverse("Bond.master", since="miami")
    VLAN_master_of: Ref[vlan.VLAN] = dynamic(NULL, since="miami")
    VLAN_slave_of: Set[Ref[vlan.VLAN]] = inverse("VLAN.tagged_PIF", since="miami")
    management: bool = dynamic(False, since="miami")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")
    disallow_unplug: bool = dynamic(False, since="orlando")
    tunnel_access_PIF_of: Set[Ref[Tunnel]] = inverse("tunnel.access_PIF", since="cowley")
    tunnel_transport_PIF_of: Set[Ref[Tunnel]] = inverse("tunnel.transport_PIF", since="cowley")
    ipv6_configuration_mode: Ipv6ConfigurationMode = dynamic(Ipv6ConfigurationMode.None_, since="tampa")
    IPv6: Set[str] = dynamic((), since="tampa")
    ipv6_gateway: str = dynamic("", since="tampa")
    primary_address_type: PrimaryAddressType = dynamic(PrimaryAddressType.IPv4, since="tampa")
    managed: bool = static(True, since="vgpu-productisation")
    properties: dict[str, str] = dynamic({}, since="creedence")
    capabilities: Set[str] = dynamic((), since="dundee")
    igmp_snooping_status: PifIgmpStatus = dynamic(PifIgmpStatus.unknown, since="inverness")
    sriov_physical_PIF_of: Set[Ref[NetworkSriov]] = inverse("network_sriov.physical_PIF", since="kolkata")
    sriov_logical_PIF_of: Set[Ref[NetworkSriov]] = inverse("network_sriov.logical_PIF", since="kolkata")
    PCI: Ref[PCI] = dynamic(NULL, since="kolkata")

    create_VLAN = message(
        "",
        Param("device", STRING),
        Param("network", ref("network"), late=True),
        Param("host", ref("host")),
        Param("VLAN", INT),
        result=ref("PIF"),
        errors=(VLAN_TAG_INVALID,),
        state="deprecated",
        deprecated="miami",
        runs_on="host",
    )
    destroy = message(
        "",
        Param("self", ref("PIF")),
        errors=(PIF_IS_PHYSICAL,),
        state="deprecated",
        deprecated="miami",
    )
    reconfigure_ip = message(
        "",
        Param("self", ref("PIF")),
        Param("mode", enum_of(IpConfigurationMode)),
        Param("IP", STRING),
        Param("netmask", STRING),
        Param("gateway", STRING),
        Param("DNS", STRING),
        errors=(CLUSTERING_ENABLED,),
        since="miami",
    )
    reconfigure_ipv6 = message(
        "",
        Param("self", ref("PIF")),
        Param("mode", enum_of(Ipv6ConfigurationMode)),
        Param("IPv6", STRING),
        Param("gateway", STRING),
        Param("DNS", STRING),
        errors=(CLUSTERING_ENABLED,),
        since="tampa",
    )
    set_primary_address_type = message(
        "",
        Param("self", ref("PIF")),
        Param("primary_address_type", enum_of(PrimaryAddressType)),
        since="tampa",
    )
    scan = message("", Param("host", ref("host")), since="miami")
    introduce = message(
        "",
        Param("host", ref("host")),
        Param("MAC", STRING),
        Param("device", STRING),
        Param("managed", BOOL, default=True),
        result=ref("PIF"),
        since="miami",
        runs_on="host",
    )
    forget = message(
        "",
        Param("self", ref("PIF")),
        errors=(
            PIF_TUNNEL_STILL_EXISTS,
            CLUSTERING_ENABLED,
        ),
        since="miami",
    )
    unplug = message(
        "",
        Param("self", ref("PIF")),
        errors=(
            HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN,
            VIF_IN_USE,
            PIF_DOES_NOT_ALLOW_UNPLUG,
            PIF_HAS_FCOE_SR_IN_USE,
        ),
        since="miami",
    )
    set_disallow_unplug = message(
        "",
        Param("self", ref("PIF")),
        Param("value", BOOL),
        errors=(
            OTHER_OPERATION_IN_PROGRESS,
            CLUSTERING_ENABLED,
        ),
        since="orlando",
    )
    plug = message("", Param("self", ref("PIF")), errors=(TRANSPORT_PIF_NOT_CONFIGURED,), since="miami")
    pool_introduce = message("", hidden=True, arity=16)
    db_introduce = message(
        "",
        Param("device", STRING),
        Param("network", ref("network")),
        Param("host", ref("host")),
        Param("MAC", STRING),
        Param("MTU", INT),
        Param("VLAN", INT),
        Param("physical", BOOL),
        Param("ip_configuration_mode", enum_of(IpConfigurationMode)),
        Param("IP", STRING),
        Param("netmask", STRING),
        Param("gateway", STRING),
        Param("DNS", STRING),
        Param("bond_slave_of", ref("Bond"), late=True),
        Param("VLAN_master_of", ref("VLAN"), late=True),
        Param("management", BOOL),
        Param("other_config", STRING_MAP),
        Param("disallow_unplug", BOOL, default=False),
        Param("ipv6_configuration_mode", enum_of(Ipv6ConfigurationMode), default=Ipv6ConfigurationMode.None_),
        Param("IPv6", set_of(STRING), default=()),
        Param("ipv6_gateway", STRING, default=""),
        Param("primary_address_type", enum_of(PrimaryAddressType), default=PrimaryAddressType.IPv4),
        Param("managed", BOOL, default=True),
        Param("properties", STRING_MAP, default={}),
        result=ref("PIF"),
        since="orlando",
    )
    db_forget = message("", Param("self", ref("PIF")), since="orlando")
    set_property = message(
        "",
        Param("self", ref("PIF")),
        Param("name", STRING),
        Param("value", STRING),
        since="creedence",
    )

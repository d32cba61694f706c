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
    """Whether the bridge of a host interface looks at multicast memberships (IGMP snooping)."""

    enabled = "enabled"
    """It looks."""
    disabled = "disabled"
    """It does not look."""
    unknown = "unknown"
    """It is not known whether it looks."""


class IpConfigurationMode(enum.StrEnum):
    """Where the IPv4 address of a host interface comes from; None for no address."""

    None_ = "None"
    """There is no address."""
    DHCP = "DHCP"
    """A server gives it."""
    Static = "Static"
    """It is set here."""


class Ipv6ConfigurationMode(enum.StrEnum):
    """Where the IPv6 address of a host interface comes from; None for no address."""

    None_ = "None"
    """There is no address."""
    DHCP = "DHCP"
    """A server gives it."""
    Static = "Static"
    """It is set here."""
    Autoconf = "Autoconf"
    """It is made up from what routers announce."""


class PrimaryAddressType(enum.StrEnum):
    """Which of its addresses a host interface is known by."""

    IPv4 = "IPv4"
    """By that of version 4."""
    IPv6 = "IPv6"
    """By that of version 6."""


_KNOWN = (
    Param("device", STRING, "What the host calls the device."),
    Param("network", ref("network"), "The network."),
    Param("host", ref("host"), "The host."),
    Param("MAC", STRING, "The MAC address."),
    Param("MTU", INT, "The largest payload of a frame in bytes."),
    Param("VLAN", INT, "The VLAN tag; -1 for none."),
    Param("physical", BOOL, "Whether it stands for a network card."),
    Param("ip_configuration_mode", enum_of(IpConfigurationMode), "Where the IPv4 address comes from."),
    Param("IP", STRING, "The IPv4 address; empty for none."),
    Param("netmask", STRING, "The network mask of the IPv4 address; empty for none."),
    Param("gateway", STRING, "The address of the IPv4 gateway; empty for none."),
    Param("DNS", STRING, "The addresses of name servers, with commas between."),
    Param("bond_slave_of", ref("Bond"), "The bond that it is part of; NULL for none.", late=True),
    Param("VLAN_master_of", ref("VLAN"), "The VLAN that it is the untagged side of; NULL for none.", late=True),
    Param("management", BOOL, "Whether the host is managed over it."),
    Param("other_config", STRING_MAP, "Free keys of clients."),
    Param("disallow_unplug", BOOL, "Whether it must stay up.", default=False),
    Param(
        "ipv6_configuration_mode",
        enum_of(Ipv6ConfigurationMode),
        "Where the IPv6 address comes from.",
        default=Ipv6ConfigurationMode.None_,
    ),
    Param("IPv6", set_of(STRING), "The IPv6 addresses with their prefix lengths.", default=()),
    Param("ipv6_gateway", STRING, "The address of the IPv6 gateway; empty for none.", default=""),
    Param(
        "primary_address_type",
        enum_of(PrimaryAddressType),
        "Which address the host is known by.",
        default=PrimaryAddressType.IPv4,
    ),
    Param("managed", BOOL, "Whether the toolstack makes the bridge on it.", default=True),
    Param("properties", STRING_MAP, "Settings of the device.", default={}),
)
"""What whoever makes a record of an interface knows of it."""


class PIF(Object, roles=POOL_OPERATOR):
    """How one host reaches one network: a network card, or a VLAN, bond, tunnel or virtual functions on top of some."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    device: str = static(doc="What the host calls the device, such as eth0; a VLAN has that of its card.")
    network: Ref[Network] = static(doc="The network.")
    host: Ref[Host] = static(doc="The host.")
    MAC: str = static(doc="The MAC address of the device, as six pairs of hexadecimal digits with colons between.")
    MTU: int = static(doc="The largest payload of a frame in bytes, as the device has it.")
    VLAN: int = static(doc="The VLAN tag of packets on the wire; -1 for none.")
    metrics: Ref[PIF_metrics] = dynamic(doc="What is known of the device and its link; VLANs share that of their card.")
    physical: bool = dynamic(False, "Whether the host interface stands for a network card.", since="miami")
    currently_attached: bool = dynamic(
        True, "Whether the host interface is up, with the bridge of its network on it.", since="miami"
    )
    ip_configuration_mode: IpConfigurationMode = dynamic(
        IpConfigurationMode.None_,
        "Where the IPv4 address comes from; one that the host has by itself counts as Static.",
        since="miami",
    )
    IP: str = dynamic("", "The IPv4 address; empty if there is none.", since="miami")
    netmask: str = dynamic(
        "", "The network mask of the IPv4 address, such as 255.255.255.0; empty if there is none.", since="miami"
    )
    gateway: str = dynamic("", "The address of the IPv4 gateway; empty if there is none.", since="miami")
    DNS: str = dynamic("", "The addresses of the name servers, with commas between.", since="miami")
    bond_slave_of: Ref[Bond] = dynamic(
        NULL, "The bond that the host interface is part of; NULL if it is in none.", since="miami"
    )
    bond_master_of: Set[Ref[Bond]] = inverse(
        "Bond.master", "The bond that the host interface stands for, if it does.", since="miami"
    )
    VLAN_master_of: Ref[vlan.VLAN] = dynamic(
        NULL, "The VLAN that the host interface is the untagged side of; NULL if it is no VLAN.", since="miami"
    )
    VLAN_slave_of: Set[Ref[vlan.VLAN]] = inverse(
        "VLAN.tagged_PIF", "The VLANs on top of the host interface.", since="miami"
    )
    management: bool = dynamic(False, "Whether the host is managed over this interface.", since="miami")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")
    disallow_unplug: bool = dynamic(
        False, "Whether the host interface must stay up, as one for storage should.", since="orlando"
    )
    tunnel_access_PIF_of: Set[Ref[Tunnel]] = inverse(
        "tunnel.access_PIF", "The tunnel of which the host interface is the near end, if it is.", since="cowley"
    )
    tunnel_transport_PIF_of: Set[Ref[Tunnel]] = inverse(
        "tunnel.transport_PIF", "The tunnels that go over the host interface.", since="cowley"
    )
    ipv6_configuration_mode: Ipv6ConfigurationMode = dynamic(
        Ipv6ConfigurationMode.None_,
        "Where the IPv6 addresses come from; those that the host has by itself count as Static.",
        since="tampa",
    )
    IPv6: Set[str] = dynamic(
        (), "The IPv6 addresses with their prefix lengths, link-local ones left out.", since="tampa"
    )
    ipv6_gateway: str = dynamic("", "The address of the IPv6 gateway; empty if there is none.", since="tampa")
    primary_address_type: PrimaryAddressType = dynamic(
        PrimaryAddressType.IPv4,
        "Which address the host is known by if it is managed over this interface.",
        since="tampa",
    )
    managed: bool = static(
        True,
        "Whether the toolstack makes the bridge on the device; false if somebody else did.",
        since="vgpu-productisation",
    )
    properties: dict[str, str] = dynamic({}, "Settings of the device: gro, on or off.", since="creedence")
    capabilities: Set[str] = dynamic(
        (), "What the card can do, such as sriov; empty if nothing special.", since="dundee"
    )
    igmp_snooping_status: PifIgmpStatus = dynamic(
        PifIgmpStatus.unknown, "Whether the bridge looks at multicast memberships (IGMP snooping).", since="inverness"
    )
    sriov_physical_PIF_of: Set[Ref[NetworkSriov]] = inverse(
        "network_sriov.physical_PIF", "The virtual functions of the card, if they are enabled.", since="kolkata"
    )
    sriov_logical_PIF_of: Set[Ref[NetworkSriov]] = inverse(
        "network_sriov.logical_PIF",
        "The virtual functions that the host interface stands for, if it does.",
        since="kolkata",
    )
    PCI: Ref[PCI] = dynamic(NULL, "The PCI device that the card is; NULL if that is not known.", since="kolkata")

    create_VLAN = message(
        "Make a VLAN on one host, by the name of the device; VLAN.create does the same.",
        Param("device", STRING, "The name of the device to put it on, which the host must have."),
        Param("network", ref("network"), "The network for packets without their tag.", late=True),
        Param("host", ref("host"), "The host."),
        Param("VLAN", INT, "The tag."),
        result=ref("PIF"),
        errors=(VLAN_TAG_INVALID,),
        state="deprecated",
        deprecated="miami",
        runs_on="host",
    )
    destroy = message(
        "Remove a VLAN by its untagged host interface; any other is refused with PIF_IS_PHYSICAL.",
        Param("self", ref("PIF"), "The host interface."),
        errors=(PIF_IS_PHYSICAL,),
        state="deprecated",
        deprecated="miami",
    )
    reconfigure_ip = message(
        "Change the IPv4 configuration of the host interface, at once if it is up.",
        Param("self", ref("PIF"), "The host interface."),
        Param("mode", enum_of(IpConfigurationMode), "Where the address comes from."),
        Param("IP", STRING, "The address, for mode Static."),
        Param("netmask", STRING, "The network mask, for mode Static."),
        Param("gateway", STRING, "The address of the gateway, for mode Static; empty for none."),
        Param("DNS", STRING, "The addresses of name servers, with commas between; empty for none."),
        errors=(CLUSTERING_ENABLED,),
        since="miami",
    )
    reconfigure_ipv6 = message(
        "Change the IPv6 configuration of the host interface, at once if it is up.",
        Param("self", ref("PIF"), "The host interface."),
        Param("mode", enum_of(Ipv6ConfigurationMode), "Where the address comes from."),
        Param("IPv6", STRING, "The address with its prefix length, for mode Static."),
        Param("gateway", STRING, "The address of the gateway, for mode Static; empty for none."),
        Param("DNS", STRING, "The addresses of name servers, with commas between; empty for none."),
        errors=(CLUSTERING_ENABLED,),
        since="tampa",
    )
    set_primary_address_type = message(
        "Choose by which kind of address the host is known.",
        Param("self", ref("PIF"), "The host interface."),
        Param("primary_address_type", enum_of(PrimaryAddressType), "The kind of address."),
        since="tampa",
    )
    scan = message(
        "Make a PIF for every network card of the host that has none, and look at the others anew.",
        Param("host", ref("host"), "The host."),
        since="miami",
    )
    introduce = message(
        "Make a PIF for a network card that the host has, with a network for it if its bridge belongs to none.",
        Param("host", ref("host"), "The host."),
        Param("MAC", STRING, "The MAC address of the card; empty lets it be looked up."),
        Param("device", STRING, "What the host calls the card, such as eth0."),
        Param("managed", BOOL, "Whether the toolstack is to make the bridge on it.", default=True),
        result=ref("PIF"),
        since="miami",
        runs_on="host",
    )
    forget = message(
        "Take the host interface down and remove its PIF; refused while management, a bond, VLAN or tunnel needs it.",
        Param("self", ref("PIF"), "The host interface."),
        errors=(
            PIF_TUNNEL_STILL_EXISTS,
            CLUSTERING_ENABLED,
        ),
        since="miami",
    )
    unplug = message(
        "Take the host interface from the bridge of its network, which goes unless guests are joined to it.",
        Param("self", ref("PIF"), "The host interface."),
        errors=(
            HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN,
            VIF_IN_USE,
            PIF_DOES_NOT_ALLOW_UNPLUG,
            PIF_HAS_FCOE_SR_IN_USE,
        ),
        since="miami",
    )
    set_disallow_unplug = message(
        "Say whether the host interface must stay up.",
        Param("self", ref("PIF"), "The host interface."),
        Param("value", BOOL, "True if it must."),
        errors=(
            OTHER_OPERATION_IN_PROGRESS,
            CLUSTERING_ENABLED,
        ),
        since="orlando",
    )
    plug = message(
        "Bring the host interface up: the bridge of its network leads out over it, and has its addresses.",
        Param("self", ref("PIF"), "The host interface."),
        errors=(TRANSPORT_PIF_NOT_CONFIGURED,),
        since="miami",
    )
    pool_introduce = message(
        "Make the record of an interface as a host that joins the pool brings it along; nothing is done to the device.",
        *_KNOWN,
        result=ref("PIF"),
        hidden=True,
    )
    db_introduce = message(
        "Make a record of a host interface by hand; nothing is done to the device.",
        *_KNOWN,
        result=ref("PIF"),
        since="orlando",
    )
    db_forget = message(
        "Remove the PIF without looking at what needs it, and leave the device as it is.",
        Param("self", ref("PIF"), "The host interface."),
        since="orlando",
    )
    set_property = message(
        "Change a setting of the device.",
        Param("self", ref("PIF"), "The host interface."),
        Param("name", STRING, "The name of the setting: gro."),
        Param("value", STRING, "On or off."),
        since="creedence",
    )

"""The class network_sriov."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import INT, NULL, Object, Param, Ref, dynamic, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel.pif import PIF


class SriovConfigurationMode(enum.StrEnum):
    """How the driver of a card is told its number of virtual functions."""

    sysfs = "sysfs"
    """By a file of the running kernel, at once."""
    modprobe = "modprobe"
    """By an option of the driver, which takes a restart."""
    manual = "manual"
    """By hand: the toolstack does not know how."""
    unknown = "unknown"
    """It was not found out yet."""


class NetworkSriov(Object, name="network_sriov", roles=POOL_OPERATOR, since="kolkata"):
    """The virtual functions (SR-IOV) of one network card, given to machines in place of interfaces on a bridge."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    physical_PIF: Ref[PIF] = static(NULL, "The host interface that stands for the card.")
    logical_PIF: Ref[PIF] = static(
        NULL, "The host interface that stands for the virtual functions, on the network of those machines."
    )
    requires_reboot: bool = dynamic(False, "Whether the virtual functions only come or go when the host reboots.")
    configuration_mode: SriovConfigurationMode = dynamic(
        SriovConfigurationMode.unknown, "How the driver of the card is told the number; unknown until it was tried."
    )

    create = message(
        "Make the virtual functions of a card, and let a network consist of them. Machines cannot be given any yet.",
        Param("pif", ref("PIF"), "The host interface that stands for the card."),
        Param("network", ref("network"), "The network."),
        result=ref("network_sriov"),
    )
    destroy = message(
        "Take the virtual functions away, unless somebody made them by hand, and remove what stands for them.",
        Param("self", ref("network_sriov"), "The virtual functions."),
    )
    get_remaining_capacity = message(
        "Count the virtual functions that are held for no machine.",
        Param("self", ref("network_sriov"), "The virtual functions."),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )

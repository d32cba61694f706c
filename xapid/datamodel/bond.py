"""The class Bond."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import (
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
    from xapid.datamodel.pif import PIF


class BondMode(enum.StrEnum):
    """How a bond spreads its packets: by machine, over one link at a time, or as agreed with the switch."""

    balance_slb = "balance-slb"
    """Each machine goes over one link, and machines are spread over all."""
    active_backup = "active-backup"
    """All go over one link, and over another when that fails."""
    lacp = "lacp"
    """All links are used as host and switch agree by LACP."""


class Bond(Object, roles=POOL_OPERATOR, since="miami"):
    """Several interfaces of a host joined into one, which works as long as one of them does."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    master: Ref[PIF] = static(NULL, "The host interface that the bond is used as.")
    slaves: Set[Ref[PIF]] = inverse("PIF.bond_slave_of", "The host interfaces that are joined.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    primary_slave: Ref[PIF] = dynamic(
        NULL, "The joined host interface whose address and IP configuration the bond took over.", since="boston"
    )
    mode: BondMode = dynamic(BondMode.balance_slb, "How the bond spreads its packets.", since="boston")
    properties: dict[str, str] = dynamic(
        {},
        (
            "Settings that depend on the mode; for lacp: hashing_algorithm, lacp-time, lacp-aggregation-key, "
            "lacp-fallback-ab."
        ),
        since="tampa",
    )
    links_up: int = dynamic(0, "How many of the joined host interfaces have a link.", since="tampa")
    auto_update_mac: bool = dynamic(
        True, "Whether the bond has the MAC address of its primary_slave, and not one that was given.", since="quebec"
    )

    create = message(
        "Join interfaces of a host into one, which takes over their addresses, VLANs and guests, and is up then.",
        Param("network", ref("network"), "The network that the bond is to lead to.", late=True),
        Param("members", set_of(ref("PIF")), "The host interfaces to be joined; at least one."),
        Param("MAC", STRING, "The MAC address of the bond; empty for that of its primary_slave."),
        Param("mode", enum_of(BondMode), "How it spreads its packets.", default=BondMode.balance_slb),
        Param("properties", STRING_MAP, "Settings that depend on the mode.", default={}),
        result=ref("Bond"),
    )
    destroy = message(
        "Take the bond apart; what it had goes to its primary_slave.",
        Param("self", ref("Bond"), "The bond."),
    )
    set_mode = message(
        "Change how the bond spreads its packets; properties that the mode does not have go.",
        Param("self", ref("Bond"), "The bond."),
        Param("value", enum_of(BondMode), "How it is to spread them."),
        since="boston",
    )
    set_property = message(
        "Change a setting of the bond.",
        Param("self", ref("Bond"), "The bond."),
        Param("name", STRING, "The name of the setting."),
        Param("value", STRING, "Its new value."),
        since="tampa",
    )

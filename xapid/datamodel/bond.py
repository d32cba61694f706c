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
    ""

    balance_slb = "balance-slb"
    active_backup = "active-backup"
    lacp = "lacp"


class Bond(Object, roles=POOL_OPERATOR, since="miami"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    master: Ref[PIF] = static(NULL)
    slaves: Set[Ref[PIF]] = inverse("PIF.bond_slave_of")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    primary_slave: Ref[PIF] = dynamic(NULL, since="boston")
    mode: BondMode = dynamic(BondMode.balance_slb, since="boston")
    properties: dict[str, str] = dynamic({}, since="tampa")
    links_up: int = dynamic(0, since="tampa")
    auto_update_mac: bool = dynamic(True, since="quebec")

    create = message(
        "",
        Param("network", ref("network"), late=True),
        Param("members", set_of(ref("PIF"))),
        Param("MAC", STRING),
        Param("mode", enum_of(BondMode), default=BondMode.balance_slb),
        Param("properties", STRING_MAP, default={}),
        result=ref("Bond"),
    )
    destroy = message("", Param("self", ref("Bond")))
    set_mode = message("", Param("self", ref("Bond")), Param("value", enum_of(BondMode)), since="boston")
    set_property = message(
        "",
        Param("self", ref("Bond")),
        Param("name", STRING),
        Param("value", STRING),
        since="tampa",
    )

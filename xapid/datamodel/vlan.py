"""The class VLAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import INT, NULL, STRING_MAP, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.pif import PIF


class VLAN(Object, roles=POOL_OPERATOR, since="miami"):
    """A VLAN on one host: which interface it is on, by which tag, and the interface for its packets without tag."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    tagged_PIF: Ref[PIF] = static(NULL, "The host interface on whose wire the packets have the tag.")
    untagged_PIF: Ref[PIF] = dynamic(
        NULL, "The host interface that carries them without it, on the network of the VLAN."
    )
    tag: int = static(-1, "The tag, from 0 to 4094; -1 if it was never set.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    pool_introduce = message(
        "Make the record of a VLAN as a host that joins the pool brings it along; nothing is done to the devices.",
        Param("tagged_PIF", ref("PIF"), "The host interface on whose wire the packets have the tag."),
        Param("untagged_PIF", ref("PIF"), "The host interface that carries them without it."),
        Param("tag", INT, "The tag on the wire, which is not looked at."),
        Param("other_config", STRING_MAP, "Free keys."),
        result=ref("VLAN"),
        hidden=True,
    )
    create = message(
        "Make a VLAN on a host interface, and bring it up.",
        Param("tagged_PIF", ref("PIF"), "The host interface to put it on."),
        Param("tag", INT, "The tag, from 0 to 4094."),
        Param("network", ref("network"), "The network for packets without their tag."),
        result=ref("VLAN"),
    )
    destroy = message(
        "Take the VLAN down and remove it, with its untagged host interface.",
        Param("self", ref("VLAN"), "The VLAN."),
    )

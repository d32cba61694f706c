"""The class PBD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.errors import SR_UNKNOWN_DRIVER
from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import STRING_MAP, Object, Param, Passwords, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.sr import SR


class PBD(Object, roles=POOL_OPERATOR, constructor=True):
    """How one host sees one repository: the configuration by which it gets there, and whether it is plugged."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = static(doc="The host.")
    SR: Ref[SR] = static(doc="The repository.")
    device_config: dict[str, str] = static(
        doc=(
            "Where the repository is and how to get there, in keys that depend on its type; a password's key "
            "ends in _secret and holds the uuid of a secret."
        ),
        passwords=Passwords.copied,
    )
    currently_attached: bool = dynamic(
        doc="Whether the host has the repository plugged, so that its disks can be used there."
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")

    plug = message(
        "Let the host see the repository, and take up the disks found in it; nothing happens if it is plugged.",
        Param("self", ref("PBD"), "The PBD."),
        errors=(SR_UNKNOWN_DRIVER,),
    )
    unplug = message(
        "Let the host let go of the repository; no running machine there may have a disk of it open.",
        Param("self", ref("PBD"), "The PBD."),
    )
    set_device_config = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others, who make a new PBD: record the configuration.",
        Param("self", ref("PBD"), "The PBD."),
        Param("value", STRING_MAP, "The configuration by which the host gets to its repository."),
        since="miami",
    )

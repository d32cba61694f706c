"""The class host_patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, STRING, DateTime, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.pool_patch import PoolPatch


class HostPatch(Object, name="host_patch", roles=POOL_OPERATOR, state="deprecated", deprecated="ely"):
    """Deprecated: a patch as one host has it; updates have taken the place of patches."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    version: str = static(doc="The version of the patch.")
    host: Ref[Host] = static(doc="The host.")
    applied: bool = dynamic(doc="Whether the patch is in force on the host.")
    timestamp_applied: DateTime = dynamic(doc="When it was applied; the epoch if never.")
    size: int = dynamic(doc="The size of the patch in bytes.")
    pool_patch: Ref[PoolPatch] = static(NULL, "The patch.", since="miami")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")

    destroy = message(
        "Meant to remove the patch from the host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("host_patch"), "The patch on its host."),
        state="deprecated",
        deprecated="miami",
    )
    apply = message(
        "Meant to apply the patch to the host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("host_patch"), "The patch on its host."),
        result=STRING,
        state="deprecated",
        deprecated="miami",
    )

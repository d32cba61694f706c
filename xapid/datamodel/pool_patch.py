"""The class pool_patch."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, STRING, Object, Param, Ref, Set, dynamic, inverse, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host_patch import HostPatch
    from xapid.datamodel.pool_update import PoolUpdate


class AfterApplyGuidance(enum.StrEnum):
    """What must be restarted once a patch was applied."""

    restartHVM = "restartHVM"
    """Machines with emulated hardware."""
    restartPV = "restartPV"
    """Paravirtual machines."""
    restartHost = "restartHost"
    """The whole host."""
    restartXAPI = "restartXAPI"
    """The toolstack alone."""


class PoolPatch(Object, name="pool_patch", roles=POOL_OPERATOR, since="miami", state="deprecated", deprecated="ely"):
    """Deprecated: a patch for the hosts of the pool; updates have taken its place."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = static("", "The name, for people; need not be unique.", since="rio")
    name_description: str = static("", "A description, for people.", since="rio")
    version: str = static("", "The version of the patch.")
    size: int = dynamic(0, "The size of the patch in bytes.")
    pool_applied: bool = dynamic(False, "Whether every host has the patch in force.")
    host_patches: Set[Ref[HostPatch]] = inverse("host_patch.pool_patch", "The patch on the hosts that have it.")
    after_apply_guidance: Set[AfterApplyGuidance] = dynamic((), "What must be restarted once the patch was applied.")
    pool_update: Ref[PoolUpdate] = static(
        NULL, "The update that the patch stands for; NULL for a patch from before there were updates.", since="ely"
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    apply = message(
        "Meant to apply the patch to a host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_patch"), "The patch."),
        Param("host", ref("host"), "The host."),
        result=STRING,
        state="deprecated",
        deprecated="ely",
        runs_on="host",
    )
    pool_apply = message(
        "Meant to apply the patch to every host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_patch"), "The patch."),
        state="deprecated",
        deprecated="ely",
    )
    precheck = message(
        "Meant to see whether a host could have the patch. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_patch"), "The patch."),
        Param("host", ref("host"), "The host."),
        result=STRING,
        state="deprecated",
        deprecated="ely",
        runs_on="host",
    )
    clean = message(
        "Remove what was unpacked of the patch on the coordinator; nothing ever is.",
        Param("self", ref("pool_patch"), "The patch, which is not looked at.", late=True),
        state="deprecated",
        deprecated="ely",
    )
    pool_clean = message(
        "Meant to remove what was unpacked of the patch on every host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_patch"), "The patch."),
        since="tampa",
        state="deprecated",
        deprecated="ely",
    )
    destroy = message(
        "Meant to remove a patch that no host has in force. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_patch"), "The patch."),
        state="deprecated",
        deprecated="ely",
    )
    clean_on_host = message(
        "Meant to remove what was unpacked of the patch on a host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_patch"), "The patch."),
        Param("host", ref("host"), "The host."),
        since="tampa",
        state="deprecated",
        deprecated="ely",
        runs_on="host",
    )

"""The class pool_update."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Param, Ref, Set, dynamic, enum_of, inverse, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host
    from xapid.datamodel.vdi import VDI


class UpdateAfterApplyGuidance(enum.StrEnum):
    """What must be restarted once an update was applied."""

    restartHVM = "restartHVM"
    """Machines with emulated hardware."""
    restartPV = "restartPV"
    """Paravirtual machines."""
    restartHost = "restartHost"
    """The whole host."""
    restartXAPI = "restartXAPI"
    """The toolstack alone."""


class LivepatchStatus(enum.StrEnum):
    """Whether an update reaches what runs already by live patches: wholly, partly, or with no need to."""

    ok_livepatch_complete = "ok_livepatch_complete"
    """Live patches do all that the update does."""
    ok_livepatch_incomplete = "ok_livepatch_incomplete"
    """Live patches do a part; the rest takes a restart."""
    ok = "ok"
    """There are no live patches in the update."""


class PoolUpdate(Object, name="pool_update", roles=POOL_OPERATOR, since="ely"):
    """An update for the hosts of the pool that came as a disk; sources of updates have taken its place."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = static("", "The name, for people; need not be unique.", since="rio")
    name_description: str = static("", "A description, for people.", since="rio")
    version: str = static("", "The version of the update.")
    installation_size: int = static(0, "How many bytes the update needs on a host.")
    key: str = static("", "The key by which the update is signed.")
    after_apply_guidance: Set[UpdateAfterApplyGuidance] = static(
        (), "What must be restarted once the update was applied."
    )
    vdi: Ref[VDI] = static(
        doc="The disk that has the update; NULL or dangling once pool_clean removed it.", since="rio"
    )
    hosts: Set[Ref[Host]] = inverse("host.updates", "The hosts that have the update in force.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="inverness")
    enforce_homogeneity: bool = static(False, "Whether all hosts must have the update or none.", since="inverness")

    introduce = message(
        "Meant to make the record of an update that is on a disk. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("vdi", ref("VDI"), "The disk."),
        result=ref("pool_update"),
    )
    precheck = message(
        "Meant to see whether a host could have the update. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_update"), "The update."),
        Param("host", ref("host"), "The host."),
        result=enum_of(LivepatchStatus),
        runs_on="host",
    )
    apply = message(
        "Meant to apply the update to a host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_update"), "The update."),
        Param("host", ref("host"), "The host."),
        runs_on="host",
    )
    pool_apply = message(
        "Meant to apply the update to every host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_update"), "The update."),
    )
    pool_clean = message(
        "Meant to remove the disk that has the update. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_update"), "The update."),
    )
    destroy = message(
        "Meant to remove an update that no host has in force. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_update"), "The update."),
    )
    attach = message(
        "Meant to give hosts access to the files of the update. Not built yet: it answers NOT_IMPLEMENTED.",
        hidden=True,
        arity=1,
    )
    detach = message(
        "Meant to end the access of hosts to the files of the update. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool_update"), "The update."),
        hidden=True,
    )
    resync_host = message(
        "Meant to record anew which updates a host has. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        hidden=True,
    )

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
    ""

    restartHVM = "restartHVM"
    restartPV = "restartPV"
    restartHost = "restartHost"
    restartXAPI = "restartXAPI"


class LivepatchStatus(enum.StrEnum):
    ""

    ok_livepatch_complete = "ok_livepatch_complete"
    ok_livepatch_incomplete = "ok_livepatch_incomplete"
    ok = "ok"


class PoolUpdate(Object, name="pool_update", roles=POOL_OPERATOR, since="ely"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = static("", "The name, for people; need not be unique.", since="rio")
    name_description: str = static("", "A description, for people.", since="rio")
    version: str = static("")
    installation_size: int = static(0)
    key: str = static("")
    after_apply_guidance: Set[UpdateAfterApplyGuidance] = static(())
    vdi: Ref[VDI] = static(since="rio")
    hosts: Set[Ref[Host]] = inverse("host.updates")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="inverness")
    enforce_homogeneity: bool = static(False, since="inverness")

    introduce = message("", Param("vdi", ref("VDI")), result=ref("pool_update"))
    precheck = message(
        "",
        Param("self", ref("pool_update")),
        Param("host", ref("host")),
        result=enum_of(LivepatchStatus),
        runs_on="host",
    )
    apply = message("", Param("self", ref("pool_update")), Param("host", ref("host")), runs_on="host")
    pool_apply = message("", Param("self", ref("pool_update")))
    pool_clean = message("", Param("self", ref("pool_update")))
    destroy = message("", Param("self", ref("pool_update")))
    attach = message("", hidden=True, arity=1)
    detach = message("", Param("self", ref("pool_update")), hidden=True)
    resync_host = message("", Param("host", ref("host")), hidden=True)

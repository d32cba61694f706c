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
    ""

    restartHVM = "restartHVM"
    restartPV = "restartPV"
    restartHost = "restartHost"
    restartXAPI = "restartXAPI"


class PoolPatch(Object, name="pool_patch", roles=POOL_OPERATOR, since="miami", state="deprecated", deprecated="ely"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = static("", "The name, for people; need not be unique.", since="rio")
    name_description: str = static("", "A description, for people.", since="rio")
    version: str = static("")
    size: int = dynamic(0)
    pool_applied: bool = dynamic(False)
    host_patches: Set[Ref[HostPatch]] = inverse("host_patch.pool_patch")
    after_apply_guidance: Set[AfterApplyGuidance] = dynamic(())
    pool_update: Ref[PoolUpdate] = static(NULL, since="ely")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    apply = message(
        "",
        Param("self", ref("pool_patch")),
        Param("host", ref("host")),
        result=STRING,
        state="deprecated",
        deprecated="ely",
        runs_on="host",
    )
    pool_apply = message("", Param("self", ref("pool_patch")), state="deprecated", deprecated="ely")
    precheck = message(
        "",
        Param("self", ref("pool_patch")),
        Param("host", ref("host")),
        result=STRING,
        state="deprecated",
        deprecated="ely",
        runs_on="host",
    )
    clean = message("", Param("self", ref("pool_patch"), late=True), state="deprecated", deprecated="ely")
    pool_clean = message("", Param("self", ref("pool_patch")), since="tampa", state="deprecated", deprecated="ely")
    destroy = message("", Param("self", ref("pool_patch")), state="deprecated", deprecated="ely")
    clean_on_host = message(
        "",
        Param("self", ref("pool_patch")),
        Param("host", ref("host")),
        since="tampa",
        state="deprecated",
        deprecated="ely",
        runs_on="host",
    )

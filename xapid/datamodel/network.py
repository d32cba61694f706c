"""The class network."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import NETWORK_INCOMPATIBLE_PURPOSES
from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.types import (
    BOOL,
    STRING,
    Object,
    Param,
    Ref,
    Set,
    derived,
    dynamic,
    enum_of,
    inverse,
    message,
    ref,
    rw,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.blob import Blob
    from xapid.datamodel.pif import PIF
    from xapid.datamodel.vif import VIF


class NetworkOperations(enum.StrEnum):
    ""

    attaching = "attaching"


class NetworkDefaultLockingMode(enum.StrEnum):
    ""

    unlocked = "unlocked"
    disabled = "disabled"


class NetworkPurpose(enum.StrEnum):
    ""

    nbd = "nbd"
    insecure_nbd = "insecure_nbd"


class Network(
    Object,
    name="network",
    roles=POOL_OPERATOR,
    constructor=True,
    implicit_roles={"create": VM_ADMIN, "destroy": VM_ADMIN},
):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    allowed_operations: Set[NetworkOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, NetworkOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    VIFs: Set[Ref[VIF]] = inverse("VIF.network")
    PIFs: Set[Ref[PIF]] = inverse("PIF.network")
    MTU: int = rw(1500, roles=VM_ADMIN, since="midnight-ride")
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.",
        key_roles={
            "folder": VM_OPERATOR,
            "XenCenter.CustomFields.*": VM_OPERATOR,
            "XenCenterCreateInProgress": VM_OPERATOR,
        },
    )
    bridge: str = static("")
    managed: bool = static(True, since="falcon")
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    default_locking_mode: NetworkDefaultLockingMode = dynamic(NetworkDefaultLockingMode.unlocked, since="tampa")
    assigned_ips: dict[Ref[VIF], str] = dynamic({}, since="creedence")
    purpose: Set[NetworkPurpose] = dynamic((), since="inverness")

    attach = message("", Param("network", ref("network")), Param("host", ref("host")), hidden=True)
    pool_introduce = message("", hidden=True, arity=7)
    create_new_blob = message(
        "",
        Param("network", ref("network")),
        Param("name", STRING),
        Param("mime_type", STRING),
        Param("public", BOOL, default=False),
        result=ref("blob"),
        since="orlando",
    )
    set_default_locking_mode = message(
        "",
        Param("network", ref("network")),
        Param("value", enum_of(NetworkDefaultLockingMode)),
        since="tampa",
    )
    attach_for_vm = message("", Param("host", ref("host")), Param("vm", ref("VM")), roles=VM_POWER_ADMIN, hidden=True)
    detach_for_vm = message("", Param("host", ref("host")), Param("vm", ref("VM")), roles=VM_POWER_ADMIN, hidden=True)
    add_purpose = message(
        "",
        Param("self", ref("network")),
        Param("value", enum_of(NetworkPurpose)),
        errors=(NETWORK_INCOMPATIBLE_PURPOSES,),
        roles=POOL_ADMIN,
        since="inverness",
    )
    remove_purpose = message(
        "",
        Param("self", ref("network")),
        Param("value", enum_of(NetworkPurpose)),
        roles=POOL_ADMIN,
        since="inverness",
    )

"""The class network."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import NETWORK_INCOMPATIBLE_PURPOSES
from xapid.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapid.datamodel.types import (
    BOOL,
    INT,
    STRING,
    STRING_MAP,
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
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.blob import Blob
    from xapid.datamodel.pif import PIF
    from xapid.datamodel.vif import VIF


class NetworkOperations(enum.StrEnum):
    """What can be going on with a network."""

    attaching = "attaching"
    """An interface is being connected to it."""


class NetworkDefaultLockingMode(enum.StrEnum):
    """What machines may send whose interface says nothing else: anything, or nothing."""

    unlocked = "unlocked"
    """They may send anything."""
    disabled = "disabled"
    """They may send nothing."""


class NetworkPurpose(enum.StrEnum):
    """What a network is for beside machines: access to disks by NBD, with TLS or without it."""

    nbd = "nbd"
    """Disks may be reached over it by NBD with TLS."""
    insecure_nbd = "insecure_nbd"
    """Disks may be reached over it by NBD without TLS."""


class Network(
    Object,
    name="network",
    roles=POOL_OPERATOR,
    constructor=True,
    implicit_roles={"create": VM_ADMIN, "destroy": VM_ADMIN},
):
    """A network: a bridge on each host, to which machines are joined by interfaces and hosts by theirs."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    allowed_operations: Set[NetworkOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, NetworkOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    VIFs: Set[Ref[VIF]] = inverse("VIF.network", "The interfaces of machines that are on the network.")
    PIFs: Set[Ref[PIF]] = inverse(
        "PIF.network", "The interfaces by which hosts reach the network; none if it stays inside each host."
    )
    MTU: int = rw(
        1500,
        "The largest payload of a frame in bytes; 0 or less at creation means 1500.",
        roles=VM_ADMIN,
        since="midnight-ride",
    )
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.",
        key_roles={
            "folder": VM_OPERATOR,
            "XenCenter.CustomFields.*": VM_OPERATOR,
            "XenCenterCreateInProgress": VM_OPERATOR,
        },
    )
    bridge: str = static(
        "", "The name of the bridge on the hosts; empty at creation lets the toolstack choose a free one."
    )
    managed: bool = static(
        True, "Whether the toolstack makes and removes the bridge; if not, it must be there already.", since="falcon"
    )
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    default_locking_mode: NetworkDefaultLockingMode = dynamic(
        NetworkDefaultLockingMode.unlocked,
        "What machines may send whose interface has locking_mode network_default.",
        since="tampa",
    )
    assigned_ips: dict[Ref[VIF], str] = dynamic(
        {},
        "The addresses that the internal network of the hosts gave to interfaces; none are given so far.",
        since="creedence",
    )
    purpose: Set[NetworkPurpose] = dynamic(
        (), "What the network is for beside machines; empty for an ordinary one.", since="inverness"
    )

    attach = message(
        "Make the network reachable on a host at once, and not when the first machine needs it.",
        Param("network", ref("network"), "The network."),
        Param("host", ref("host"), "The host."),
        hidden=True,
    )
    pool_introduce = message(
        "Make the record of a network as a host that joins the pool brings it along, with the bridge that it has there.",
        Param("name_label", STRING, "What people call it."),
        Param("name_description", STRING, "What people say of it; may be empty."),
        Param("MTU", INT, "The largest payload of a frame in bytes."),
        Param("other_config", STRING_MAP, "Free keys."),
        Param("bridge", STRING, "What the bridge is called, which may be in use already."),
        Param("managed", BOOL, "Whether the toolstack makes and removes the bridge."),
        Param("purpose", set_of(enum_of(NetworkPurpose)), "What the network is for beside machines."),
        result=ref("network"),
        hidden=True,
    )
    create_new_blob = message(
        "Make a blob and enter it by its name into blobs of the network.",
        Param("network", ref("network"), "The network."),
        Param("name", STRING, "The name in blobs, which must be free."),
        Param("mime_type", STRING, "The MIME type of the contents; empty for application/octet-stream."),
        Param("public", BOOL, "Whether anybody may read it without a session.", default=False),
        result=ref("blob"),
        since="orlando",
    )
    set_default_locking_mode = message(
        "Say what machines may send whose interface says nothing else; none may be plugged in meanwhile.",
        Param("network", ref("network"), "The network."),
        Param("value", enum_of(NetworkDefaultLockingMode), "Unlocked for anything, disabled for nothing."),
        since="tampa",
    )
    attach_for_vm = message(
        "Make the networks of a machine reachable on a host that it is about to come to.",
        Param("host", ref("host"), "The host."),
        Param("vm", ref("VM"), "The machine."),
        roles=VM_POWER_ADMIN,
        hidden=True,
    )
    detach_for_vm = message(
        "Let go of the networks of a machine on a host that it has left.",
        Param("host", ref("host"), "The host."),
        Param("vm", ref("VM"), "The machine."),
        roles=VM_POWER_ADMIN,
        hidden=True,
    )
    add_purpose = message(
        "Let the network serve a purpose; nbd and insecure_nbd exclude each other over all networks.",
        Param("self", ref("network"), "The network."),
        Param("value", enum_of(NetworkPurpose), "The purpose."),
        errors=(NETWORK_INCOMPATIBLE_PURPOSES,),
        roles=POOL_ADMIN,
        since="inverness",
    )
    remove_purpose = message(
        "Let the network serve a purpose no longer; nothing happens if it did not.",
        Param("self", ref("network"), "The network."),
        Param("value", enum_of(NetworkPurpose), "The purpose."),
        roles=POOL_ADMIN,
        since="inverness",
    )

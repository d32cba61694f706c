"""The class Cluster."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import (
    CLUSTER_DOES_NOT_HAVE_ONE_NODE,
    CLUSTER_FORCE_DESTROY_FAILED,
    CLUSTER_HOST_IS_LAST,
    CLUSTER_STACK_IN_USE,
    CLUSTERING_DISABLED,
    INVALID_CLUSTER_STACK,
    INVALID_VALUE,
    PIF_ALLOWS_UNPLUG,
    REQUIRED_PIF_IS_UNPLUGGED,
)
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import (
    BOOL,
    FLOAT,
    STRING,
    Object,
    Param,
    Ref,
    Set,
    derived,
    dynamic,
    inverse,
    message,
    ref,
    rw,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.cluster_host import Cluster_host


class ClusterOperation(enum.StrEnum):
    ""

    add = "add"
    remove = "remove"
    enable = "enable"
    disable = "disable"
    destroy = "destroy"


class Cluster(Object, roles=POOL_OPERATOR, since="kolkata"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    cluster_hosts: Set[Ref[Cluster_host]] = inverse("Cluster_host.cluster")
    pending_forget: Set[str] = dynamic((), since="lima")
    cluster_token: str = static("")
    cluster_stack: str = static("corosync")
    cluster_stack_version: int = static(2, since="24.15.0", state="prototyped")
    is_quorate: bool = dynamic(False, since="24.3.0", state="prototyped")
    quorum: int = dynamic(0, since="24.3.0", state="prototyped")
    live_hosts: int = dynamic(0, since="24.3.0", state="prototyped")
    expected_hosts: int = dynamic(0, since="25.17.0", state="prototyped")
    allowed_operations: Set[ClusterOperation] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, ClusterOperation] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    pool_auto_join: bool = static(True)
    token_timeout: float = static(20.0)
    token_timeout_coefficient: float = static(1.0)
    cluster_config: dict[str, str] = static({})
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    create = message(
        "",
        Param("PIF", ref("PIF")),
        Param("cluster_stack", STRING),
        Param("pool_auto_join", BOOL),
        Param("token_timeout", FLOAT, default=20.0),
        Param("token_timeout_coefficient", FLOAT, default=1.0),
        result=ref("Cluster"),
        errors=(
            INVALID_CLUSTER_STACK,
            INVALID_VALUE,
            PIF_ALLOWS_UNPLUG,
            REQUIRED_PIF_IS_UNPLUGGED,
        ),
    )
    destroy = message(
        "",
        Param("self", ref("Cluster")),
        errors=(
            CLUSTER_DOES_NOT_HAVE_ONE_NODE,
            CLUSTER_STACK_IN_USE,
        ),
    )
    get_network = message(
        "",
        Param("self", ref("Cluster")),
        result=ref("network"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    pool_create = message(
        "",
        Param("network", ref("network"), late=True),
        Param("cluster_stack", STRING),
        Param("token_timeout", FLOAT, default=20.0),
        Param("token_timeout_coefficient", FLOAT, default=1.0),
        result=ref("Cluster"),
    )
    pool_force_destroy = message("", Param("self", ref("Cluster")), errors=(CLUSTER_FORCE_DESTROY_FAILED,))
    pool_destroy = message(
        "",
        Param("self", ref("Cluster")),
        errors=(
            CLUSTER_STACK_IN_USE,
            CLUSTERING_DISABLED,
            CLUSTER_HOST_IS_LAST,
        ),
    )
    pool_resync = message("", Param("self", ref("Cluster")))
    cstack_sync = message("", Param("self", ref("Cluster")), hidden=True)

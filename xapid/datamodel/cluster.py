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
    """What can be asked of a cluster, and what can be going on with it."""

    add = "add"
    """A host joins it."""
    remove = "remove"
    """A host leaves it for good."""
    enable = "enable"
    """A member takes part again."""
    disable = "disable"
    """A member does not take part for a while."""
    destroy = "destroy"
    """It is dissolved."""


class Cluster(Object, roles=POOL_OPERATOR, since="kolkata"):
    """The hosts of a pool joined in a cluster, so that they can use storage together that needs one."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    cluster_hosts: Set[Ref[Cluster_host]] = inverse("Cluster_host.cluster", "How the hosts take part in the cluster.")
    pending_forget: Set[str] = dynamic(
        (), "The addresses of dead hosts that are still to be taken out of the cluster.", since="lima"
    )
    cluster_token: str = static("", "The secret by which the hosts of the cluster know each other.")
    cluster_stack: str = static("corosync", "The program that makes the cluster: corosync.")
    cluster_stack_version: int = static(2, "The version of that program.", since="24.15.0", state="prototyped")
    is_quorate: bool = dynamic(
        False, "Whether enough hosts are alive for the cluster to go on.", since="24.3.0", state="prototyped"
    )
    quorum: int = dynamic(
        0, "How many hosts must be alive for the cluster to go on.", since="24.3.0", state="prototyped"
    )
    live_hosts: int = dynamic(0, "How many hosts of the cluster are alive.", since="24.3.0", state="prototyped")
    expected_hosts: int = dynamic(
        0, "How many hosts the cluster would have if all were alive.", since="25.17.0", state="prototyped"
    )
    allowed_operations: Set[ClusterOperation] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, ClusterOperation] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    pool_auto_join: bool = static(True, "Whether a host that joins the pool joins the cluster as well.")
    token_timeout: float = static(20.0, "The seconds without a sign of life after which a host counts as dead.")
    token_timeout_coefficient: float = static(1.0, "The seconds that each host beyond two adds to token_timeout.")
    cluster_config: dict[str, str] = static({}, "Settings of the program that makes the cluster.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")

    create = message(
        "Meant to make a cluster of this host alone. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("PIF", ref("PIF"), "The interface of this host for the cluster."),
        Param("cluster_stack", STRING, "The program that is to make it: corosync."),
        Param("pool_auto_join", BOOL, "Whether a host that joins the pool joins the cluster as well."),
        Param(
            "token_timeout",
            FLOAT,
            "The seconds without a sign of life after which a host counts as dead; 1 at least.",
            default=20.0,
        ),
        Param(
            "token_timeout_coefficient",
            FLOAT,
            "The seconds that each host beyond two adds to it; 0.65 at least.",
            default=1.0,
        ),
        result=ref("Cluster"),
        errors=(
            INVALID_CLUSTER_STACK,
            INVALID_VALUE,
            PIF_ALLOWS_UNPLUG,
            REQUIRED_PIF_IS_UNPLUGGED,
        ),
    )
    destroy = message(
        "Meant to end a cluster of one host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster"), "The cluster."),
        errors=(
            CLUSTER_DOES_NOT_HAVE_ONE_NODE,
            CLUSTER_STACK_IN_USE,
        ),
    )
    get_network = message(
        "Meant to find the network that the cluster uses. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster"), "The cluster."),
        result=ref("network"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    pool_create = message(
        "Meant to make a cluster of all hosts of the pool. Not built yet: it answers NOT_IMPLEMENTED.",
        Param(
            "network", ref("network"), "The network for the cluster, on which every host has an interface.", late=True
        ),
        Param("cluster_stack", STRING, "The program that is to make it: corosync."),
        Param(
            "token_timeout",
            FLOAT,
            "The seconds without a sign of life after which a host counts as dead; 1 at least.",
            default=20.0,
        ),
        Param(
            "token_timeout_coefficient",
            FLOAT,
            "The seconds that each host beyond two adds to it; 0.65 at least.",
            default=1.0,
        ),
        result=ref("Cluster"),
    )
    pool_force_destroy = message(
        "Meant to end the cluster on all hosts, even where one fails. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster"), "The cluster."),
        errors=(CLUSTER_FORCE_DESTROY_FAILED,),
    )
    pool_destroy = message(
        "Meant to end the cluster on all hosts. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster"), "The cluster."),
        errors=(
            CLUSTER_STACK_IN_USE,
            CLUSTERING_DISABLED,
            CLUSTER_HOST_IS_LAST,
        ),
    )
    pool_resync = message(
        "Meant to make every host of the pool take part in the cluster. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster"), "The cluster."),
    )
    cstack_sync = message(
        "Meant to read anew how the cluster is. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster"), "The cluster."),
        hidden=True,
    )

"""The class Cluster_host."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import (
    CLUSTER_HOST_IS_LAST,
    CLUSTER_STACK_IN_USE,
    CLUSTERING_DISABLED,
    NO_CLUSTER_HOSTS_REACHABLE,
    PIF_ALLOWS_UNPLUG,
    PIF_NOT_ATTACHED_TO_HOST,
    REQUIRED_PIF_IS_UNPLUGGED,
)
from xapid.datamodel.roles import LOCAL_ROOT, POOL_OPERATOR
from xapid.datamodel.types import EPOCH, NULL, DateTime, Object, Param, Ref, Set, derived, dynamic, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel.cluster import Cluster
    from xapid.datamodel.host import Host
    from xapid.datamodel.pif import PIF


class ClusterHostOperation(enum.StrEnum):
    """What can be asked of a host's part in a cluster, and what can be going on with it."""

    enable = "enable"
    """The host takes part again."""
    disable = "disable"
    """The host does not take part for a while."""
    destroy = "destroy"
    """The host leaves the cluster for good."""


class Cluster_host(Object, roles=POOL_OPERATOR, since="kolkata"):
    """One host's part in a cluster."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    cluster: Ref[Cluster] = static(NULL, "The cluster.")
    host: Ref[Host] = static(NULL, "The host.")
    enabled: bool = dynamic(False, "Whether the host is meant to take part.")
    PIF: Ref[PIF] = static(NULL, "The interface of the host for the cluster.")
    joined: bool = dynamic(True, "Whether the host has joined the cluster.")
    live: bool = dynamic(False, "Whether the cluster takes the host to be alive.", since="24.3.0", state="prototyped")
    last_update_live: DateTime = dynamic(
        EPOCH, "When live last changed; the epoch if never.", since="24.3.0", state="prototyped"
    )
    allowed_operations: Set[ClusterHostOperation] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, ClusterHostOperation] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    other_config: dict[str, str] = static({}, "Free keys of clients.")

    create = message(
        "Meant to let a host join the cluster. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("cluster", ref("Cluster"), "The cluster."),
        Param("host", ref("host"), "The host."),
        Param("pif", ref("PIF"), "The interface of the host for the cluster."),
        result=ref("Cluster_host"),
        errors=(
            PIF_NOT_ATTACHED_TO_HOST,
            NO_CLUSTER_HOSTS_REACHABLE,
        ),
    )
    destroy = message(
        "Meant to take a host out of the cluster. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster_host"), "The host's part in the cluster."),
        errors=(
            CLUSTER_STACK_IN_USE,
            CLUSTERING_DISABLED,
            CLUSTER_HOST_IS_LAST,
        ),
    )
    enable = message(
        "Meant to let the host take part. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster_host"), "The host's part in the cluster."),
        errors=(
            PIF_ALLOWS_UNPLUG,
            REQUIRED_PIF_IS_UNPLUGGED,
        ),
    )
    force_destroy = message(
        (
            "Meant to take a host out of the cluster whether it agrees or not. Not built yet: it answers "
            "NOT_IMPLEMENTED."
        ),
        Param("self", ref("Cluster_host"), "The host's part in the cluster."),
        errors=(CLUSTER_STACK_IN_USE,),
    )
    forget = message(
        "Meant to take a host out of the cluster that is dead for good. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=LOCAL_ROOT,
        hidden=True,
        arity=1,
    )
    disable = message(
        "Meant to let the host take no part until it is enabled again. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("Cluster_host"), "The host's part in the cluster."),
        errors=(CLUSTER_STACK_IN_USE,),
    )

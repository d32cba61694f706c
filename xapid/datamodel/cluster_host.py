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
    ""

    enable = "enable"
    disable = "disable"
    destroy = "destroy"


class Cluster_host(Object, roles=POOL_OPERATOR, since="kolkata"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    cluster: Ref[Cluster] = static(NULL)
    host: Ref[Host] = static(NULL)
    enabled: bool = dynamic(False)
    PIF: Ref[PIF] = static(NULL)
    joined: bool = dynamic(True)
    live: bool = dynamic(False, since="24.3.0", state="prototyped")
    last_update_live: DateTime = dynamic(EPOCH, since="24.3.0", state="prototyped")
    allowed_operations: Set[ClusterHostOperation] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, ClusterHostOperation] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    other_config: dict[str, str] = static({}, "Free keys of clients.")

    create = message(
        "",
        Param("cluster", ref("Cluster")),
        Param("host", ref("host")),
        Param("pif", ref("PIF")),
        result=ref("Cluster_host"),
        errors=(
            PIF_NOT_ATTACHED_TO_HOST,
            NO_CLUSTER_HOSTS_REACHABLE,
        ),
    )
    destroy = message(
        "",
        Param("self", ref("Cluster_host")),
        errors=(
            CLUSTER_STACK_IN_USE,
            CLUSTERING_DISABLED,
            CLUSTER_HOST_IS_LAST,
        ),
    )
    enable = message(
        "",
        Param("self", ref("Cluster_host")),
        errors=(
            PIF_ALLOWS_UNPLUG,
            REQUIRED_PIF_IS_UNPLUGGED,
        ),
    )
    force_destroy = message("", Param("self", ref("Cluster_host")), errors=(CLUSTER_STACK_IN_USE,))
    forget = message("", roles=LOCAL_ROOT, hidden=True, arity=1)
    disable = message("", Param("self", ref("Cluster_host")), errors=(CLUSTER_STACK_IN_USE,))

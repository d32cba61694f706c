"""The class host_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class HostMetrics(Object, name="host_metrics", roles=POOL_OPERATOR):
    """What changes about a host as it runs."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    memory_total: int = dynamic(doc="The memory of the host in bytes, all in all.")
    memory_free: int = dynamic(
        0,
        "Removed: bytes that were free when last looked at; host.compute_free_memory tells what machines could get.",
        state="removed",
        deprecated="midnight-ride",
    )
    live: bool = dynamic(doc="Whether the host is alive, as far as its coordinator knows.")
    last_updated: DateTime = dynamic(doc="When these figures were last taken.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

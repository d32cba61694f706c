"""The class host_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class HostMetrics(Object, name="host_metrics", roles=POOL_OPERATOR):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    memory_total: int = dynamic()
    memory_free: int = dynamic(0, state="removed", deprecated="midnight-ride")
    live: bool = dynamic()
    last_updated: DateTime = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

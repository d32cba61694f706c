"""The class VIF_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class VIF_metrics(Object, roles=VM_ADMIN, state="removed", deprecated="tampa", persistent=False):
    """Removed: figures about an interface, taken only where host.other_config:rrd_update_interval says so."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    io_read_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s received; 0, and MESSAGE_REMOVED where it is read by itself, unless the host takes figures.",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    io_write_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s sent; 0, and MESSAGE_REMOVED where it is read by itself, unless the host takes figures.",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    last_updated: DateTime = dynamic(doc="When the figures were last taken; the epoch if never.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

"""The class VBD_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import EPOCH, DateTime, Object, dynamic, rw


class VBD_metrics(Object, roles=VM_ADMIN, state="removed", deprecated="tampa", persistent=False):
    """Removed: figures about a drive; without host.other_config:rrd_update_interval messages answer MESSAGE_REMOVED."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    io_read_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s read from the drive; 0 unless the host takes figures.",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    io_write_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s written to the drive; 0 unless the host takes figures.",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    last_updated: DateTime = dynamic(
        EPOCH, "Removed: when the figures were last taken; the epoch if never.", state="removed", deprecated="tampa"
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando", state="removed", deprecated="tampa")

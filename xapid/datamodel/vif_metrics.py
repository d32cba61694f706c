"""The class VIF_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class VIF_metrics(Object, roles=VM_ADMIN, state="removed", deprecated="tampa", persistent=False):
    """Removed: figures about an interface, which nobody keeps any more."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    io_read_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s received; always 0, and reading it by itself answers MESSAGE_REMOVED.",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    io_write_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s sent; always 0, and reading it by itself answers MESSAGE_REMOVED.",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    last_updated: DateTime = dynamic(doc="When the figures were taken; always the epoch.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

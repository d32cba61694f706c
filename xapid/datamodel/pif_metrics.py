"""The class PIF_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class PIF_metrics(Object, roles=POOL_OPERATOR):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    io_read_kbs: float = dynamic(0.0, persistent=False, state="removed", deprecated="tampa")
    io_write_kbs: float = dynamic(0.0, persistent=False, state="removed", deprecated="tampa")
    carrier: bool = dynamic()
    vendor_id: str = dynamic()
    vendor_name: str = dynamic()
    device_id: str = dynamic()
    device_name: str = dynamic()
    speed: int = dynamic()
    duplex: bool = dynamic()
    pci_bus_path: str = dynamic()
    last_updated: DateTime = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

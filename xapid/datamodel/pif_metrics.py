"""The class PIF_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import DateTime, Object, dynamic, rw


class PIF_metrics(Object, roles=POOL_OPERATOR):
    """What is known of the device of a host interface and of its link."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    io_read_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s received; 0 unless the host takes figures (other_config:rrd_update_interval).",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    io_write_kbs: float = dynamic(
        0.0,
        "Removed: KiB/s sent; 0 unless the host takes figures (other_config:rrd_update_interval).",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    carrier: bool = dynamic(doc="Whether the device has a link.")
    vendor_id: str = dynamic(doc="The PCI number of the card's maker.")
    vendor_name: str = dynamic(doc="The maker of the card.")
    device_id: str = dynamic(doc="The PCI number of the card's kind.")
    device_name: str = dynamic(doc="The kind of card.")
    speed: int = dynamic(doc="The speed of the link in Mbit/s; 0 if it is not known.")
    duplex: bool = dynamic(doc="Whether the link sends and receives at the same time.")
    pci_bus_path: str = dynamic(doc="Where the card is on the PCI bus, such as 0000:02:00.0.")
    last_updated: DateTime = dynamic(doc="When the device was last looked at.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

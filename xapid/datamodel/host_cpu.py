"""The class host_cpu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Ref, dynamic, rw

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class HostCpu(Object, name="host_cpu", roles=POOL_OPERATOR, state="deprecated", deprecated="midnight-ride"):
    """Deprecated: one processor of a host, as its kernel counts them; host.cpu_info has what they share."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = dynamic(doc="The host.")
    number: int = dynamic(doc="The number of the processor, from 0.")
    vendor: str = dynamic(doc="The name of its maker, as in GenuineIntel.")
    speed: int = dynamic(doc="Its speed in MHz; 0 if it is not known.")
    modelname: str = dynamic(doc="The name of its kind.")
    family: int = dynamic(doc="The number of its family.")
    model: int = dynamic(doc="The number of its model within the family.")
    stepping: str = dynamic(doc="The number of its stepping, as text.")
    flags: str = dynamic(doc="What it can do, as the kernel names it, with blanks between.")
    features: str = dynamic(doc="Always empty: host.cpu_info says what is known of the features.")
    utilisation: float = dynamic(
        doc="How busy it is, from 0 to 1; 0 unless the host takes figures (other_config:rrd_update_interval).",
        persistent=False,
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

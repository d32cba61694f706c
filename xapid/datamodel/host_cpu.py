"""The class host_cpu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Ref, dynamic, rw

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class HostCpu(Object, name="host_cpu", roles=POOL_OPERATOR, state="deprecated", deprecated="midnight-ride"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = dynamic()
    number: int = dynamic()
    vendor: str = dynamic()
    speed: int = dynamic()
    modelname: str = dynamic()
    family: int = dynamic()
    model: int = dynamic()
    stepping: str = dynamic()
    flags: str = dynamic()
    features: str = dynamic()
    utilisation: float = dynamic(persistent=False)
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")

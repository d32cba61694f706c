"""The class probe_result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Option, Record, dynamic

if TYPE_CHECKING:
    from xapid.datamodel.sr_stat import SrStat


class ProbeResult(
    Object,
    name="probe_result",
    roles=POOL_OPERATOR,
    since="kolkata",
    in_db=False,
    persistent=False,
    events=False,
    listed=False,
):
    """What SR.probe_ext found: a repository, or a configuration that leads on."""

    configuration: dict[str, str] = dynamic(
        doc="The device_config for the next step: for PBD.create if it is complete, else for another SR.probe_ext."
    )
    complete: bool = dynamic(doc="Whether the configuration leads to one repository, which can be attached with it.")
    sr: Option[Record[SrStat]] = dynamic(doc="The repository that was found; absent if there is none yet.")
    extra_info: dict[str, str] = dynamic(doc="What else the driver tells of it; empty so far.")

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
    """"""

    configuration: dict[str, str] = dynamic()
    complete: bool = dynamic()
    sr: Option[Record[SrStat]] = dynamic()
    extra_info: dict[str, str] = dynamic()

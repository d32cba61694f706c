"""The class sr_stat."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Option, dynamic


class SrHealth(enum.StrEnum):
    ""

    healthy = "healthy"
    recovering = "recovering"
    unreachable = "unreachable"
    unavailable = "unavailable"


class SrStat(
    Object,
    name="sr_stat",
    roles=POOL_OPERATOR,
    since="kolkata",
    in_db=False,
    persistent=False,
    events=False,
    listed=False,
):
    """"""

    uuid: Option[str] = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = dynamic(doc="The name, for people; need not be unique.")
    name_description: str = dynamic(doc="A description, for people.")
    free_space: int = dynamic()
    total_space: int = dynamic()
    clustered: bool = dynamic()
    health: SrHealth = dynamic()

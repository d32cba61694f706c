"""The class sr_stat."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Option, dynamic


class SrHealth(enum.StrEnum):
    """How a repository is: well, mending itself, out of reach, or unusable."""

    healthy = "healthy"
    """All is well."""
    recovering = "recovering"
    """It mends itself, and serves meanwhile."""
    unreachable = "unreachable"
    """The host does not get through to it."""
    unavailable = "unavailable"
    """It cannot be used."""


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
    """What is known of a repository that SR.probe_ext found and that may have no record."""

    uuid: Option[str] = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = dynamic(doc="The name, for people; need not be unique.")
    name_description: str = dynamic(doc="A description, for people.")
    free_space: int = dynamic(doc="Bytes that are free in the repository.")
    total_space: int = dynamic(doc="Bytes that the repository can hold at all.")
    clustered: bool = dynamic(doc="Whether the hosts must form a cluster to use the repository.")
    health: SrHealth = dynamic(doc="How the repository is; healthy in every answer so far.")

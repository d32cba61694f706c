"""The class data_source."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, dynamic


class DataSource(
    Object,
    name="data_source",
    roles=POOL_OPERATOR,
    since="orlando",
    in_db=False,
    persistent=False,
    events=False,
    listed=False,
):
    """A figure that is taken of a host, a machine or a repository, and may be recorded over time."""

    name_label: str = dynamic("", "The name, for people; need not be unique.", since="rio")
    name_description: str = dynamic("", "A description, for people.", since="rio")
    enabled: bool = dynamic(doc="Whether the figure is recorded.", since="rio")
    standard: bool = dynamic(doc="Whether the figure is recorded unless somebody stops it.", since="rio")
    units: str = dynamic(doc="The unit of the figure; empty for a plain number.", since="rio")
    min: float = dynamic(doc="The least value that the figure can have.", since="rio")
    max: float = dynamic(doc="The greatest value that the figure can have; infinite if there is no limit.", since="rio")
    value: float = dynamic(doc="Always 0; query_data_source tells the latest value.", since="rio")

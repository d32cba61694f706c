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
    """"""

    name_label: str = dynamic("", "The name, for people; need not be unique.", since="rio")
    name_description: str = dynamic("", "A description, for people.", since="rio")
    enabled: bool = dynamic(since="rio")
    standard: bool = dynamic(since="rio")
    units: str = dynamic(since="rio")
    min: float = dynamic(since="rio")
    max: float = dynamic(since="rio")
    value: float = dynamic(since="rio")

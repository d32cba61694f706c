"""The class Feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Ref, dynamic, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class Feature(Object, roles=POOL_OPERATOR, since="falcon"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.", since="rio")
    name_description: str = static("", "A description, for people.", since="rio")
    enabled: bool = dynamic(False)
    experimental: bool = static(False)
    version: str = static("1.0")
    host: Ref[Host] = dynamic()

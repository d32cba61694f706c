"""The class Feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Ref, dynamic, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class Feature(Object, roles=POOL_OPERATOR, since="falcon"):
    """Something new that a host can do and that may be tried before it is finished."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.", since="rio")
    name_description: str = static("", "A description, for people.", since="rio")
    enabled: bool = dynamic(False, "Whether the host does it.")
    experimental: bool = static(False, "Whether it is not finished yet.")
    version: str = static("1.0", "The version of the feature.")
    host: Ref[Host] = dynamic(doc="The host that can do it.")

"""The class console."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import Object, Ref, dynamic, rw

if TYPE_CHECKING:
    from xapid.datamodel.vm import VM


class ConsoleProtocol(enum.StrEnum):
    ""

    vt100 = "vt100"
    rfb = "rfb"
    rdp = "rdp"


class Console(Object, name="console", roles=VM_ADMIN, constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    protocol: ConsoleProtocol = dynamic()
    location: str = dynamic()
    VM: Ref[VM] = dynamic()
    other_config: dict[str, str] = rw(doc="Free keys of clients.")

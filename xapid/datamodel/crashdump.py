"""The class crashdump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.vdi import VDI
    from xapid.datamodel.vm import VM


class Crashdump(Object, name="crashdump", roles=POOL_OPERATOR, state="deprecated", deprecated="inverness"):
    """Deprecated: a disk with the memory of a machine as it was when its guest crashed; none are made."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    VM: Ref[VM] = static(doc="The machine that crashed.")
    VDI: Ref[VDI] = static(doc="The disk with the dump.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")

    destroy = message(
        "Destroy the dump with its disk; a disk that cannot be destroyed stays.",
        Param("self", ref("crashdump"), "The crash dump."),
    )

"""The class VTPM."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import LOCAL_ROOT, VM_ADMIN
from xapid.datamodel.types import BOOL, NULL, STRING, Object, Param, Ref, Set, derived, dynamic, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel import vm
    from xapid.datamodel.vm import VM


class VtpmOperations(enum.StrEnum):
    ""

    destroy = "destroy"


class PersistenceBackend(enum.StrEnum):
    ""

    xapi = "xapi"


class VTPM(Object, roles=VM_ADMIN, since="22.26.0", state="prototyped"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    allowed_operations: Set[VtpmOperations] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, VtpmOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    VM: Ref[VM] = static(since="rio")
    backend: Ref[vm.VM] = dynamic(NULL, since="rio")
    persistence_backend: PersistenceBackend = dynamic(PersistenceBackend.xapi, state="prototyped")
    is_unique: bool = static(False, state="prototyped")
    is_protected: bool = dynamic(False, state="prototyped")

    create = message("", Param("vM", ref("VM")), Param("is_unique", BOOL), result=ref("VTPM"), state="prototyped")
    destroy = message("", Param("self", ref("VTPM")), state="prototyped")
    get_contents = message("", Param("self", ref("VTPM")), result=STRING, roles=LOCAL_ROOT, hidden=True)
    set_contents = message("", Param("self", ref("VTPM")), Param("contents", STRING), roles=LOCAL_ROOT, hidden=True)

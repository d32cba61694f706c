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
    """What can be asked of a virtual TPM, and what can be going on with it."""

    destroy = "destroy"
    """It is deleted with its contents."""


class PersistenceBackend(enum.StrEnum):
    """Where the contents of a virtual TPM are kept; xapi: in a secret of the database."""

    xapi = "xapi"
    """In a secret of the database."""


class VTPM(Object, roles=VM_ADMIN, since="22.26.0", state="prototyped"):
    """A virtual TPM of a machine that boots by UEFI, with what it keeps."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    allowed_operations: Set[VtpmOperations] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, VtpmOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    VM: Ref[VM] = static(doc="The machine that has the TPM.", since="rio")
    backend: Ref[vm.VM] = dynamic(NULL, "The domain that would emulate the TPM; always NULL.", since="rio")
    persistence_backend: PersistenceBackend = dynamic(
        PersistenceBackend.xapi, "Where the contents are kept.", state="prototyped"
    )
    is_unique: bool = static(
        False, "Whether copies of the machine get an empty TPM, instead of a copy of the contents.", state="prototyped"
    )
    is_protected: bool = dynamic(
        False, "Whether the contents are protected beyond other secrets; always false.", state="prototyped"
    )

    create = message(
        "Give the machine, which must be off and have none, an empty TPM; it cannot be started with one yet.",
        Param("vM", ref("VM"), "The machine."),
        Param("is_unique", BOOL, "Whether copies of the machine get an empty TPM, instead of a copy of the contents."),
        result=ref("VTPM"),
        state="prototyped",
    )
    destroy = message(
        "Destroy the TPM and what it keeps; its machine must be off or suspended.",
        Param("self", ref("VTPM"), "The TPM."),
        state="prototyped",
    )
    get_contents = message(
        "Return what the TPM keeps, in Base64; empty as long as nothing was stored.",
        Param("self", ref("VTPM"), "The TPM."),
        result=STRING,
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_contents = message(
        "Store what the TPM keeps, in place of all before.",
        Param("self", ref("VTPM"), "The TPM."),
        Param("contents", STRING, "The contents in Base64."),
        roles=LOCAL_ROOT,
        hidden=True,
    )

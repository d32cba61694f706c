"""The class VM_appliance."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import OPERATION_PARTIALLY_FAILED, VM_REQUIRES_SR
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import BOOL, Object, Param, Ref, Set, derived, dynamic, inverse, message, ref, rw, set_of

if TYPE_CHECKING:
    from xapid.datamodel.vm import VM


class VmApplianceOperation(enum.StrEnum):
    ""

    start = "start"
    clean_shutdown = "clean_shutdown"
    hard_shutdown = "hard_shutdown"
    shutdown = "shutdown"


class VM_appliance(Object, roles=POOL_OPERATOR, since="boston", constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    allowed_operations: Set[VmApplianceOperation] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, VmApplianceOperation] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    VMs: Set[Ref[VM]] = inverse("VM.appliance", since="rio")

    start = message(
        "",
        Param("self", ref("VM_appliance")),
        Param("paused", BOOL),
        errors=(OPERATION_PARTIALLY_FAILED,),
    )
    clean_shutdown = message("", Param("self", ref("VM_appliance")), errors=(OPERATION_PARTIALLY_FAILED,))
    hard_shutdown = message("", Param("self", ref("VM_appliance")), errors=(OPERATION_PARTIALLY_FAILED,))
    shutdown = message("", Param("self", ref("VM_appliance")), errors=(OPERATION_PARTIALLY_FAILED,))
    assert_can_be_recovered = message(
        "",
        Param("self", ref("VM_appliance")),
        Param("session_to", ref("session"), late=True),
        errors=(VM_REQUIRES_SR,),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    get_SRs_required_for_recovery = message(
        "",
        Param("self", ref("VM_appliance")),
        Param("session_to", ref("session"), late=True),
        result=set_of(ref("SR")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="creedence",
    )
    recover = message(
        "",
        Param("self", ref("VM_appliance"), late=True),
        Param("session_to", ref("session")),
        Param("force", BOOL),
        errors=(VM_REQUIRES_SR,),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )

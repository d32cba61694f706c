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
    """What can be asked of an appliance, and what can be going on with it."""

    start = "start"
    """All its machines are started, in their order."""
    clean_shutdown = "clean_shutdown"
    """The guests of all its machines are asked to shut down."""
    hard_shutdown = "hard_shutdown"
    """All its machines are switched off, whatever the guests do."""
    shutdown = "shutdown"
    """The guests are asked to shut down, and machines that do not are switched off."""


class VM_appliance(Object, roles=POOL_OPERATOR, since="boston", constructor=True):
    """Machines that are started and shut down together, in order."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    allowed_operations: Set[VmApplianceOperation] = derived((), "What may be asked for now.", since="rio")
    current_operations: dict[str, VmApplianceOperation] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False, since="rio"
    )
    VMs: Set[Ref[VM]] = inverse("VM.appliance", "The machines of this appliance.", since="rio")

    start = message(
        (
            "Start its machines that are off, the lowest order first, those of equal order at once. "
            "OPERATION_PARTIALLY_FAILED names those for which it failed."
        ),
        Param("self", ref("VM_appliance"), "The appliance."),
        Param("paused", BOOL, "Whether to leave the machines paused."),
        errors=(OPERATION_PARTIALLY_FAILED,),
    )
    clean_shutdown = message(
        (
            "Ask the guests of its running machines to shut down, the highest order first. "
            "OPERATION_PARTIALLY_FAILED names those for which it failed."
        ),
        Param("self", ref("VM_appliance"), "The appliance."),
        errors=(OPERATION_PARTIALLY_FAILED,),
    )
    hard_shutdown = message(
        (
            "Switch off its machines, suspended ones too, the highest order first. "
            "OPERATION_PARTIALLY_FAILED names those for which it failed."
        ),
        Param("self", ref("VM_appliance"), "The appliance."),
        errors=(OPERATION_PARTIALLY_FAILED,),
    )
    shutdown = message(
        (
            "Shut its machines down cleanly where the guest can and does, else switch them off, the highest order "
            "first. OPERATION_PARTIALLY_FAILED names those for which it failed."
        ),
        Param("self", ref("VM_appliance"), "The appliance."),
        errors=(OPERATION_PARTIALLY_FAILED,),
    )
    assert_can_be_recovered = message(
        "Raise what keeps the appliance from being recovered in another pool: so far nothing does.",
        Param("self", ref("VM_appliance"), "The appliance."),
        Param("session_to", ref("session"), "A session of the pool that is to recover the appliance.", late=True),
        errors=(VM_REQUIRES_SR,),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    get_SRs_required_for_recovery = message(
        "List the shared repositories with disks of its machines, which another pool needs to recover the appliance.",
        Param("self", ref("VM_appliance"), "The appliance."),
        Param("session_to", ref("session"), "A session of the pool that is to recover the appliance.", late=True),
        result=set_of(ref("SR")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="creedence",
    )
    recover = message(
        "Meant to recover the appliance into another pool. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("VM_appliance"), "The appliance.", late=True),
        Param("session_to", ref("session"), "A session of the pool that is to recover the appliance."),
        Param("force", BOOL, "Whether to take the place of newer machines that have the same uuids."),
        errors=(VM_REQUIRES_SR,),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )

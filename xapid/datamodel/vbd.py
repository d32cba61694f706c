"""The class VBD."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import (
    DEVICE_ALREADY_DETACHED,
    DEVICE_DETACH_REJECTED,
    VBD_IS_EMPTY,
    VBD_NOT_EMPTY,
    VBD_NOT_REMOVABLE_MEDIA,
)
from xapid.datamodel.roles import VM_ADMIN, VM_OPERATOR
from xapid.datamodel.types import (
    NULL,
    STRING,
    Object,
    Param,
    Ref,
    Set,
    derived,
    dynamic,
    enum_of,
    message,
    ref,
    rw,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.vbd_metrics import VBD_metrics
    from xapid.datamodel.vdi import VDI
    from xapid.datamodel.vm import VM


class VbdOperations(enum.StrEnum):
    """What can be asked of a drive, and what can be going on with it."""

    attach = "attach"
    """It is connected as the machine starts; no message does it."""
    eject = "eject"
    """Its medium is taken out."""
    insert = "insert"
    """A medium is put in."""
    plug = "plug"
    """It is put into a running machine."""
    unplug = "unplug"
    """It is taken out of a running machine."""
    unplug_force = "unplug_force"
    """It is taken out of a running machine, whatever the guest does."""
    pause = "pause"
    """Its requests are held back while the disk beneath is changed."""
    unpause = "unpause"
    """Its requests go on."""


class VbdType(enum.StrEnum):
    """What kind of drive the guest sees; only in CD drives the medium can be changed."""

    CD = "CD"
    """A drive with a medium that can be changed."""
    Disk = "Disk"
    """A hard disk."""
    Floppy = "Floppy"
    """A drive for floppy disks."""


class VbdMode(enum.StrEnum):
    """Whether the guest may write to the disk (RW) or only read it (RO)."""

    RO = "RO"
    """It may only read."""
    RW = "RW"
    """It may write, too."""


class VBD(Object, roles=VM_ADMIN, constructor=True):
    """A drive of a machine: the place at which it sees one disk, or a CD drive that may be empty."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    allowed_operations: Set[VbdOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, VbdOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    VM: Ref[VM] = static(doc="The machine that has the drive.")
    VDI: Ref[VDI] = static(doc="The disk in the drive; NULL while the drive is empty.")
    device: str = static("", "What the guest calls the drive while it is attached, such as xvda; else empty.")
    userdevice: str = rw(
        doc=(
            "The place of the drive: a number from 0, or a name such as xvdb; autodetect at creation takes the "
            "first free one."
        )
    )
    bootable: bool = rw(
        doc=(
            "Whether the boot loader of a paravirtual machine reads this disk; others boot from disks in order of "
            "place."
        )
    )
    mode: VbdMode = static(doc="Whether the guest may write to the disk; always RO for CD drives when they are made.")
    type: VbdType = rw(doc="Whether the guest sees a disk, a CD drive or a floppy drive.")
    unpluggable: bool = rw(True, "Whether the drive may be unplugged while the machine runs.", since="miami")
    storage_lock: bool = dynamic(doc="Left over from locks of old storage layers; always false.")
    empty: bool = static(doc="Whether there is no disk in the drive; only CD drives can be empty.")
    other_config: dict[str, str] = rw(doc="Free keys of clients.")
    currently_attached: bool = static(
        False, "Whether the machine has the drive plugged in; true also while it sleeps and will wake with the drive."
    )
    status_code: int = dynamic(doc="Always 0: why an attachment failed is said by the call that failed.")
    status_detail: str = dynamic(doc="Always empty: why an attachment failed is said by the call that failed.")
    runtime_properties: dict[str, str] = dynamic(
        doc="Always empty: nothing is told of an attached drive beyond its other fields."
    )
    qos_algorithm_type: str = rw(
        doc="How input and output are given precedence: ionice or empty; kept, not acted on yet."
    )
    qos_algorithm_params: dict[str, str] = rw(
        doc="Parameters of qos_algorithm_type, for ionice the keys sched and class; kept, not acted on yet."
    )
    qos_supported_algorithms: Set[str] = dynamic(
        doc="Always empty: the algorithms that could be chosen are not listed."
    )
    metrics: Ref[VBD_metrics] = dynamic(
        NULL, "Removed: an object whose figures nobody keeps any more.", state="removed", deprecated="tampa"
    )

    eject = message(
        "Take the medium out of the CD drive, whether the machine runs or is off.",
        Param("vbd", ref("VBD"), "The drive."),
        errors=(
            VBD_NOT_REMOVABLE_MEDIA,
            VBD_IS_EMPTY,
        ),
        roles=VM_OPERATOR,
    )
    insert = message(
        "Put a medium into the empty CD drive, whether the machine runs or is off.",
        Param("vbd", ref("VBD"), "The drive."),
        Param("vdi", ref("VDI"), "The disk to be put in."),
        errors=(
            VBD_NOT_REMOVABLE_MEDIA,
            VBD_NOT_EMPTY,
        ),
        roles=VM_OPERATOR,
    )
    plug = message("Plug the drive into the running machine.", Param("self", ref("VBD"), "The drive."))
    unplug = message(
        "Ask the running guest to let go of the drive, and take it; DEVICE_DETACH_REJECTED if the guest does not.",
        Param("self", ref("VBD"), "The drive."),
        errors=(
            DEVICE_DETACH_REJECTED,
            DEVICE_ALREADY_DETACHED,
        ),
    )
    unplug_force = message(
        "Take the drive from the running machine without asking the guest, which may lose what it was writing.",
        Param("self", ref("VBD"), "The drive."),
    )
    unplug_force_no_safety_check = message(
        "The same as unplug_force.",
        Param("self", ref("VBD"), "The drive."),
        hidden=True,
    )
    assert_attachable = message(
        "Raise what would keep the drive from being attached when its machine starts; nothing is done.",
        Param("self", ref("VBD"), "The drive."),
    )
    pause = message(
        "Refused with SR_OPERATION_NOT_SUPPORTED: pausing what lies behind a drive is the toolstack's own affair.",
        hidden=True,
        arity=1,
    )
    unpause = message(
        "Refused with SR_OPERATION_NOT_SUPPORTED: what lies behind a drive is the toolstack's own affair.",
        Param("self", ref("VBD"), "The drive."),
        Param("token", STRING, "What pausing it returned; not heeded.", default=""),
        hidden=True,
    )
    set_mode = message(
        "Say whether the guest may write to the disk; its machine must be off.",
        Param("self", ref("VBD"), "The drive."),
        Param("value", enum_of(VbdMode), "RW to let it write, RO not to."),
    )

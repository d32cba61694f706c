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
from xapid.datamodel.types import NULL, Object, Param, Ref, Set, derived, dynamic, enum_of, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.vbd_metrics import VBD_metrics
    from xapid.datamodel.vdi import VDI
    from xapid.datamodel.vm import VM


class VbdOperations(enum.StrEnum):
    ""

    attach = "attach"
    eject = "eject"
    insert = "insert"
    plug = "plug"
    unplug = "unplug"
    unplug_force = "unplug_force"
    pause = "pause"
    unpause = "unpause"


class VbdType(enum.StrEnum):
    ""

    CD = "CD"
    Disk = "Disk"
    Floppy = "Floppy"


class VbdMode(enum.StrEnum):
    ""

    RO = "RO"
    RW = "RW"


class VBD(Object, roles=VM_ADMIN, constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    allowed_operations: Set[VbdOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, VbdOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    VM: Ref[VM] = static()
    VDI: Ref[VDI] = static()
    device: str = static("")
    userdevice: str = rw()
    bootable: bool = rw()
    mode: VbdMode = static()
    type: VbdType = rw()
    unpluggable: bool = rw(True, since="miami")
    storage_lock: bool = dynamic()
    empty: bool = static()
    other_config: dict[str, str] = rw(doc="Free keys of clients.")
    currently_attached: bool = static(False)
    status_code: int = dynamic()
    status_detail: str = dynamic()
    runtime_properties: dict[str, str] = dynamic()
    qos_algorithm_type: str = rw()
    qos_algorithm_params: dict[str, str] = rw()
    qos_supported_algorithms: Set[str] = dynamic()
    metrics: Ref[VBD_metrics] = dynamic(NULL, state="removed", deprecated="tampa")

    eject = message(
        "",
        Param("vbd", ref("VBD")),
        errors=(
            VBD_NOT_REMOVABLE_MEDIA,
            VBD_IS_EMPTY,
        ),
        roles=VM_OPERATOR,
    )
    insert = message(
        "",
        Param("vbd", ref("VBD")),
        Param("vdi", ref("VDI")),
        errors=(
            VBD_NOT_REMOVABLE_MEDIA,
            VBD_NOT_EMPTY,
        ),
        roles=VM_OPERATOR,
    )
    plug = message("", Param("self", ref("VBD")))
    unplug = message(
        "",
        Param("self", ref("VBD")),
        errors=(
            DEVICE_DETACH_REJECTED,
            DEVICE_ALREADY_DETACHED,
        ),
    )
    unplug_force = message("", Param("self", ref("VBD")))
    unplug_force_no_safety_check = message("", Param("self", ref("VBD")), hidden=True)
    assert_attachable = message("", Param("self", ref("VBD")))
    pause = message("", hidden=True, arity=1)
    unpause = message("", Param("vm", ref("VM")), hidden=True)
    set_mode = message("", Param("self", ref("VBD")), Param("value", enum_of(VbdMode)))

"""The class VGPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import LOCAL_ROOT, POOL_OPERATOR
from xapid.datamodel.types import NULL, STRING, STRING_MAP, Object, Param, Ref, dynamic, message, ref, rw

if TYPE_CHECKING:
    from xapid.datamodel.gpu_group import GPU_group
    from xapid.datamodel.pci import PCI
    from xapid.datamodel.pgpu import PGPU
    from xapid.datamodel.vgpu_type import VGPU_type
    from xapid.datamodel.vm import VM


class VGPU(Object, roles=POOL_OPERATOR, since="boston"):
    """A virtual graphics processor of a machine: its share of a physical one, or all of it."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    VM: Ref[VM] = dynamic(doc="The machine that has the virtual GPU.")
    GPU_group: Ref[GPU_group] = dynamic(doc="The group out of which a physical GPU is chosen.")
    device: str = dynamic("0", "Number of its place in the machine, as text.")
    currently_attached: bool = dynamic(False, "Whether the machine has it plugged in.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    type: Ref[VGPU_type] = dynamic(NULL, "What kind of virtual GPU it is.", since="vgpu-tech-preview")
    resident_on: Ref[PGPU] = dynamic(
        NULL, "The physical GPU that serves it; NULL while its machine does not run.", since="vgpu-tech-preview"
    )
    scheduled_to_be_resident_on: Ref[PGPU] = dynamic(
        NULL,
        "The physical GPU that is to serve it, while its machine is about to run there; else NULL.",
        since="dundee",
    )
    compatibility_metadata: dict[str, str] = dynamic(
        {},
        "What tells whether another physical GPU could serve it while the machine runs; empty if nothing does.",
        since="inverness",
    )
    extra_args: str = rw("", "Further arguments for the program that provides it.", since="quebec")
    PCI: Ref[PCI] = dynamic(
        NULL, "The PCI device of the host that it got for itself; NULL if there is none.", since="quebec"
    )

    create = message(
        "Give a machine, which must be off, a virtual GPU, which is a whole physical one while it runs.",
        Param("VM", ref("VM"), "The machine."),
        Param("GPU_group", ref("GPU_group"), "The group out of which a physical GPU is chosen."),
        Param("device", STRING, "Number of its place, 0 to 20; 0 takes the first free one.", default="0"),
        Param("other_config", STRING_MAP, "Free keys of clients.", default={}),
        Param(
            "type",
            ref("VGPU_type"),
            "The kind of virtual GPU; NULL: a whole physical one.",
            default="OpaqueRef:NULL",
            late=True,
        ),
        result=ref("VGPU"),
    )
    destroy = message(
        "Destroy the virtual GPU; its machine must not run.",
        Param("self", ref("VGPU"), "The virtual GPU."),
    )
    atomic_set_resident_on = message(
        "Meant to record, between hosts, which physical GPU serves it. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=LOCAL_ROOT,
        hidden=True,
        arity=2,
    )

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
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    VM: Ref[VM] = dynamic()
    GPU_group: Ref[GPU_group] = dynamic()
    device: str = dynamic("0")
    currently_attached: bool = dynamic(False)
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    type: Ref[VGPU_type] = dynamic(NULL, since="vgpu-tech-preview")
    resident_on: Ref[PGPU] = dynamic(NULL, since="vgpu-tech-preview")
    scheduled_to_be_resident_on: Ref[PGPU] = dynamic(NULL, since="dundee")
    compatibility_metadata: dict[str, str] = dynamic({}, since="inverness")
    extra_args: str = rw("", since="quebec")
    PCI: Ref[PCI] = dynamic(NULL, since="quebec")

    create = message(
        "",
        Param("VM", ref("VM")),
        Param("GPU_group", ref("GPU_group")),
        Param("device", STRING, default="0"),
        Param("other_config", STRING_MAP, default={}),
        Param("type", ref("VGPU_type"), default="OpaqueRef:NULL", late=True),
        result=ref("VGPU"),
    )
    destroy = message("", Param("self", ref("VGPU")))
    atomic_set_resident_on = message("", roles=LOCAL_ROOT, hidden=True, arity=2)

"""The class GPU_group."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import INT, STRING, STRING_MAP, Object, Param, Ref, Set, dynamic, inverse, message, ref, rw

if TYPE_CHECKING:
    from xapid.datamodel.pgpu import PGPU
    from xapid.datamodel.vgpu import VGPU
    from xapid.datamodel.vgpu_type import VGPU_type


class AllocationAlgorithm(enum.StrEnum):
    ""

    breadth_first = "breadth_first"
    depth_first = "depth_first"


class GPU_group(Object, roles=POOL_OPERATOR, since="boston"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    PGPUs: Set[Ref[PGPU]] = inverse("PGPU.GPU_group")
    VGPUs: Set[Ref[VGPU]] = inverse("VGPU.GPU_group")
    GPU_types: Set[str] = dynamic(())
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    allocation_algorithm: AllocationAlgorithm = rw(AllocationAlgorithm.depth_first, since="vgpu-tech-preview")
    supported_VGPU_types: Set[Ref[VGPU_type]] = dynamic(since="vgpu-productisation")
    enabled_VGPU_types: Set[Ref[VGPU_type]] = dynamic(since="vgpu-productisation")

    create = message(
        "",
        Param("name_label", STRING, default=""),
        Param("name_description", STRING, default=""),
        Param("other_config", STRING_MAP, default={}),
        result=ref("GPU_group"),
    )
    destroy = message("", Param("self", ref("GPU_group")))
    update_enabled_VGPU_types = message("", Param("self", ref("GPU_group")), hidden=True)
    update_supported_VGPU_types = message("", Param("self", ref("GPU_group")), hidden=True)
    get_remaining_capacity = message(
        "",
        Param("self", ref("GPU_group")),
        Param("vgpu_type", ref("VGPU_type")),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="vgpu-tech-preview",
    )

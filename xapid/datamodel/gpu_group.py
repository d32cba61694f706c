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
    """How a physical GPU is chosen: the one with most room (breadth_first), or with least (depth_first)."""

    breadth_first = "breadth_first"
    """The one with most room, so that guests are spread."""
    depth_first = "depth_first"
    """The one with least room that will do, so that others stay empty."""


class GPU_group(Object, roles=POOL_OPERATOR, since="boston"):
    """Physical graphics processors of one kind in the pool; a virtual one is served by any of them."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    PGPUs: Set[Ref[PGPU]] = inverse("PGPU.GPU_group", "The physical GPUs in this group.")
    VGPUs: Set[Ref[VGPU]] = inverse("VGPU.GPU_group", "The virtual GPUs that are served by this group.")
    GPU_types: Set[str] = dynamic((), "Kinds of physical GPUs in the group, by numbers of vendor and device.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    allocation_algorithm: AllocationAlgorithm = rw(
        AllocationAlgorithm.depth_first,
        "Whether virtual GPUs are spread over the physical ones, or fill one after the other.",
        since="vgpu-tech-preview",
    )
    supported_VGPU_types: Set[Ref[VGPU_type]] = dynamic(
        doc="Kinds of virtual GPUs that one at least of its physical GPUs could serve.", since="vgpu-productisation"
    )
    enabled_VGPU_types: Set[Ref[VGPU_type]] = dynamic(
        doc="Kinds of virtual GPUs that one at least of its physical GPUs may serve.", since="vgpu-productisation"
    )

    create = message(
        "Make a group, which is empty at first.",
        Param("name_label", STRING, "Its name, for people.", default=""),
        Param("name_description", STRING, "Its description, for people.", default=""),
        Param("other_config", STRING_MAP, "Free keys of clients.", default={}),
        result=ref("GPU_group"),
    )
    destroy = message(
        "Destroy the group; refused as long as it has physical or virtual GPUs.",
        Param("self", ref("GPU_group"), "The group."),
    )
    update_enabled_VGPU_types = message(
        "Work out enabled_VGPU_types anew.",
        Param("self", ref("GPU_group"), "The group."),
        hidden=True,
    )
    update_supported_VGPU_types = message(
        "Work out supported_VGPU_types anew.",
        Param("self", ref("GPU_group"), "The group."),
        hidden=True,
    )
    get_remaining_capacity = message(
        "Tell how many more virtual GPUs of a kind the group could serve.",
        Param("self", ref("GPU_group"), "The group."),
        Param("vgpu_type", ref("VGPU_type"), "The kind of virtual GPU."),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="vgpu-tech-preview",
    )

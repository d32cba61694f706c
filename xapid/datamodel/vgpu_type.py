"""The class VGPU_type."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, Ref, Set, dynamic, inverse, static

if TYPE_CHECKING:
    from xapid.datamodel.gpu_group import GPU_group
    from xapid.datamodel.pgpu import PGPU
    from xapid.datamodel.vgpu import VGPU


class VgpuTypeImplementation(enum.StrEnum):
    """By which technique a physical GPU serves guests, whole or in shares."""

    passthrough = "passthrough"
    """The guest has the whole of it."""
    nvidia = "nvidia"
    """A manager of Nvidia's on the host divides it."""
    nvidia_sriov = "nvidia_sriov"
    """It shows virtual functions, which a manager of Nvidia's serves."""
    gvt_g = "gvt_g"
    """The driver of Intel's in the host divides it."""
    mxgpu = "mxgpu"
    """It shows virtual functions, as cards of AMD do."""


class VGPU_type(Object, roles=POOL_OPERATOR, since="vgpu-tech-preview"):
    """A kind of virtual graphics processor: what guests see of it, and which physical ones can serve it."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    vendor_name: str = static("", "Name of the maker of the card.")
    model_name: str = static("", "Name by which the vendor calls this kind.")
    framebuffer_size: int = static(0, "Bytes of video memory that a guest gets.")
    max_heads: int = static(0, "How many screens a guest can have.")
    max_resolution_x: int = static(0, "Pixels in the width of a screen, at most.", since="vgpu-productisation")
    max_resolution_y: int = static(0, "Pixels in the height of a screen, at most.", since="vgpu-productisation")
    supported_on_PGPUs: Set[Ref[PGPU]] = inverse(
        "PGPU.supported_VGPU_types", "The physical GPUs that could serve this kind."
    )
    enabled_on_PGPUs: Set[Ref[PGPU]] = inverse("PGPU.enabled_VGPU_types", "The physical GPUs that may serve this kind.")
    VGPUs: Set[Ref[VGPU]] = inverse("VGPU.type", "The virtual GPUs of this kind.")
    supported_on_GPU_groups: Set[Ref[GPU_group]] = inverse(
        "GPU_group.supported_VGPU_types",
        "The groups with a physical GPU that could serve this kind.",
        since="vgpu-productisation",
    )
    enabled_on_GPU_groups: Set[Ref[GPU_group]] = inverse(
        "GPU_group.enabled_VGPU_types",
        "The groups with a physical GPU that may serve this kind.",
        since="vgpu-productisation",
    )
    implementation: VgpuTypeImplementation = static(
        VgpuTypeImplementation.passthrough, "By which technique it is served.", since="dundee"
    )
    identifier: str = static("", "A text by which the same kind is found again in other pools.", since="dundee")
    experimental: bool = static(False, "Whether this kind is for trials only.", since="dundee")
    compatible_types_in_vm: Set[Ref[VGPU_type]] = dynamic(
        (), "Kinds of which a machine may have virtual GPUs beside one of this kind.", since="quebec"
    )

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
    ""

    passthrough = "passthrough"
    nvidia = "nvidia"
    nvidia_sriov = "nvidia_sriov"
    gvt_g = "gvt_g"
    mxgpu = "mxgpu"


class VGPU_type(Object, roles=POOL_OPERATOR, since="vgpu-tech-preview"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    vendor_name: str = static("")
    model_name: str = static("")
    framebuffer_size: int = static(0)
    max_heads: int = static(0)
    max_resolution_x: int = static(0, since="vgpu-productisation")
    max_resolution_y: int = static(0, since="vgpu-productisation")
    supported_on_PGPUs: Set[Ref[PGPU]] = inverse("PGPU.supported_VGPU_types")
    enabled_on_PGPUs: Set[Ref[PGPU]] = inverse("PGPU.enabled_VGPU_types")
    VGPUs: Set[Ref[VGPU]] = inverse("VGPU.type")
    supported_on_GPU_groups: Set[Ref[GPU_group]] = inverse(
        "GPU_group.supported_VGPU_types", since="vgpu-productisation"
    )
    enabled_on_GPU_groups: Set[Ref[GPU_group]] = inverse("GPU_group.enabled_VGPU_types", since="vgpu-productisation")
    implementation: VgpuTypeImplementation = static(VgpuTypeImplementation.passthrough, since="dundee")
    identifier: str = static("", since="dundee")
    experimental: bool = static(False, since="dundee")
    compatible_types_in_vm: Set[Ref[VGPU_type]] = dynamic((), since="quebec")

"""The class PGPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.pci import PciDom0Access
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import (
    INT,
    NULL,
    Object,
    Param,
    Ref,
    Set,
    dynamic,
    enum_of,
    inverse,
    message,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.gpu_group import GPU_group
    from xapid.datamodel.host import Host
    from xapid.datamodel.pci import PCI
    from xapid.datamodel.vgpu import VGPU
    from xapid.datamodel.vgpu_type import VGPU_type


class PGPU(Object, roles=POOL_OPERATOR, since="boston"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    PCI: Ref[PCI] = static(NULL)
    GPU_group: Ref[GPU_group] = static(NULL)
    host: Ref[Host] = dynamic(NULL)
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    supported_VGPU_types: Set[Ref[VGPU_type]] = dynamic(since="vgpu-tech-preview")
    enabled_VGPU_types: Set[Ref[VGPU_type]] = dynamic(since="vgpu-tech-preview")
    resident_VGPUs: Set[Ref[VGPU]] = inverse("VGPU.resident_on", since="vgpu-tech-preview")
    supported_VGPU_max_capacities: dict[Ref[VGPU_type], int] = dynamic({}, since="vgpu-productisation")
    dom0_access: PciDom0Access = dynamic(PciDom0Access.enabled, since="cream", state="deprecated", deprecated="24.14.0")
    is_system_display_device: bool = dynamic(False, since="cream")
    compatibility_metadata: dict[str, str] = dynamic({}, since="inverness")

    add_enabled_VGPU_types = message(
        "",
        Param("self", ref("PGPU")),
        Param("value", ref("VGPU_type")),
        since="vgpu-tech-preview",
    )
    remove_enabled_VGPU_types = message(
        "",
        Param("self", ref("PGPU")),
        Param("value", ref("VGPU_type")),
        since="vgpu-tech-preview",
    )
    set_enabled_VGPU_types = message(
        "",
        Param("self", ref("PGPU")),
        Param("value", set_of(ref("VGPU_type"))),
        since="vgpu-tech-preview",
    )
    set_GPU_group = message(
        "",
        Param("self", ref("PGPU"), late=True),
        Param("value", ref("GPU_group")),
        since="vgpu-tech-preview",
    )
    get_remaining_capacity = message(
        "",
        Param("self", ref("PGPU"), late=True),
        Param("vgpu_type", ref("VGPU_type"), late=True),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="vgpu-tech-preview",
    )
    enable_dom0_access = message(
        "",
        Param("self", ref("PGPU")),
        result=enum_of(PciDom0Access),
        since="cream",
        state="deprecated",
        deprecated="24.14.0",
    )
    disable_dom0_access = message(
        "",
        Param("self", ref("PGPU")),
        result=enum_of(PciDom0Access),
        since="cream",
        state="deprecated",
        deprecated="24.14.0",
    )

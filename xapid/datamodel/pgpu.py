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
    """A physical graphics processor of a host, which serves virtual ones."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    PCI: Ref[PCI] = static(NULL, "The PCI device that it is.")
    GPU_group: Ref[GPU_group] = static(NULL, "The group that it belongs to.")
    host: Ref[Host] = dynamic(NULL, "The host that it is in.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.")
    supported_VGPU_types: Set[Ref[VGPU_type]] = dynamic(
        doc="Kinds of virtual GPUs that it could serve.", since="vgpu-tech-preview"
    )
    enabled_VGPU_types: Set[Ref[VGPU_type]] = dynamic(
        doc="Kinds of virtual GPUs that it may serve, out of those that it could.", since="vgpu-tech-preview"
    )
    resident_VGPUs: Set[Ref[VGPU]] = inverse(
        "VGPU.resident_on", "The virtual GPUs that it serves now.", since="vgpu-tech-preview"
    )
    supported_VGPU_max_capacities: dict[Ref[VGPU_type], int] = dynamic(
        {}, "How many virtual GPUs it could serve at once, by their kind.", since="vgpu-productisation"
    )
    dom0_access: PciDom0Access = dynamic(
        PciDom0Access.enabled,
        "Deprecated: whether the host itself uses it, now and after its next start; ask PCI.get_dom0_access_status.",
        since="cream",
        state="deprecated",
        deprecated="24.14.0",
    )
    is_system_display_device: bool = dynamic(False, "Whether the host shows its own screen with it.", since="cream")
    compatibility_metadata: dict[str, str] = dynamic(
        {},
        "What tells whether virtual GPUs of other physical ones could go on here; empty if nothing does.",
        since="inverness",
    )

    add_enabled_VGPU_types = message(
        "Let it serve one more kind of virtual GPUs, out of those that it could.",
        Param("self", ref("PGPU"), "The physical GPU."),
        Param("value", ref("VGPU_type"), "The kind of virtual GPU."),
        since="vgpu-tech-preview",
    )
    remove_enabled_VGPU_types = message(
        "Let it serve a kind of virtual GPUs no longer; refused while it serves one.",
        Param("self", ref("PGPU"), "The physical GPU."),
        Param("value", ref("VGPU_type"), "The kind of virtual GPU."),
        since="vgpu-tech-preview",
    )
    set_enabled_VGPU_types = message(
        "Say which kinds of virtual GPUs it may serve, in place of all before.",
        Param("self", ref("PGPU"), "The physical GPU."),
        Param("value", set_of(ref("VGPU_type")), "Kinds of virtual GPUs."),
        since="vgpu-tech-preview",
    )
    set_GPU_group = message(
        "Put it into another group, of its own kind or empty; refused while it serves a machine.",
        Param("self", ref("PGPU"), "The physical GPU.", late=True),
        Param("value", ref("GPU_group"), "The group."),
        since="vgpu-tech-preview",
    )
    get_remaining_capacity = message(
        "Tell how many more virtual GPUs of a kind it could serve; 0 if there is no such processor.",
        Param("self", ref("PGPU"), "The physical GPU.", late=True),
        Param("vgpu_type", ref("VGPU_type"), "The kind of virtual GPU.", late=True),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="vgpu-tech-preview",
    )
    enable_dom0_access = message(
        "Deprecated: let the host itself use it after its next start.",
        Param("self", ref("PGPU"), "The physical GPU."),
        result=enum_of(PciDom0Access),
        since="cream",
        state="deprecated",
        deprecated="24.14.0",
    )
    disable_dom0_access = message(
        "Deprecated: keep the host itself from using it after its next start.",
        Param("self", ref("PGPU"), "The physical GPU."),
        result=enum_of(PciDom0Access),
        since="cream",
        state="deprecated",
        deprecated="24.14.0",
    )

"""The class VM_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import DateTime, Object, Set, dynamic, rw, static
from xapid.datamodel.vm import DomainType


class VM_metrics(Object, roles=VM_ADMIN):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    memory_actual: int = dynamic(persistent=False)
    VCPUs_number: int = dynamic()
    VCPUs_utilisation: dict[int, float] = dynamic({}, persistent=False, state="removed", deprecated="tampa")
    VCPUs_CPU: dict[int, int] = dynamic(persistent=False)
    VCPUs_params: dict[str, str] = dynamic(persistent=False)
    VCPUs_flags: dict[int, Set[str]] = dynamic(persistent=False)
    state: Set[str] = dynamic(persistent=False)
    start_time: DateTime = dynamic()
    install_time: DateTime = dynamic()
    last_updated: DateTime = dynamic(persistent=False)
    other_config: dict[str, str] = rw({}, "Free keys of clients.", persistent=False, since="orlando")
    hvm: bool = dynamic(False, persistent=False, since="ely")
    nested_virt: bool = dynamic(False, persistent=False, since="ely")
    nomigrate: bool = dynamic(False, persistent=False, since="ely")
    current_domain_type: DomainType = dynamic(DomainType.unspecified, since="jura")
    numa_optimised: bool = static(False, since="26.2.0", state="prototyped")
    numa_nodes: int = static(0, since="26.2.0", state="prototyped")
    numa_node_memory: dict[int, int] = dynamic({}, since="26.2.0", state="prototyped")

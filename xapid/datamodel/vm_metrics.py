"""The class VM_metrics."""

from __future__ import annotations

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import DateTime, Object, Set, dynamic, rw, static
from xapid.datamodel.vm import DomainType


class VM_metrics(Object, roles=VM_ADMIN):
    """What is known of how a machine runs: memory, processors, times. A copy begins with its original's figures."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    memory_actual: int = dynamic(
        doc=(
            "Bytes of memory that the machine has, as of the last look at it; 0 if it was not seen running since "
            "the server started."
        ),
        persistent=False,
    )
    VCPUs_number: int = dynamic(doc="How many virtual CPUs the machine has, as of its last start or change.")
    VCPUs_utilisation: dict[int, float] = dynamic(
        {},
        "Removed: how busy each virtual CPU is, from 0 to 1, by its number; only where the host takes such figures "
        "(its other_config:rrd_update_interval), else 0.",
        persistent=False,
        state="removed",
        deprecated="tampa",
    )
    VCPUs_CPU: dict[int, int] = dynamic(
        doc="The physical CPU on which each virtual CPU runs, by its number; always empty.", persistent=False
    )
    VCPUs_params: dict[str, str] = dynamic(
        doc="Weight, cap and the like with which the virtual CPUs run; always empty.", persistent=False
    )
    VCPUs_flags: dict[int, Set[str]] = dynamic(
        doc="Flags of each virtual CPU, by its number; always empty.", persistent=False
    )
    state: Set[str] = dynamic(
        doc="The hypervisor's words for what the machine does, such as running; filled for control domains only.",
        persistent=False,
    )
    start_time: DateTime = dynamic(doc="When the machine was last started; the epoch if never.")
    install_time: DateTime = dynamic(
        doc="When the machine was made from a template, or its control domain first recorded; the epoch if neither."
    )
    last_updated: DateTime = dynamic(
        doc=(
            "When what the hypervisor says of the machine was last recorded; the epoch if not since the server started."
        ),
        persistent=False,
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.", persistent=False, since="orlando")
    hvm: bool = dynamic(
        False, "Whether the machine was last started with emulated hardware.", persistent=False, since="ely"
    )
    nested_virt: bool = dynamic(
        False,
        "Whether the guest can run guests of its own, for which the machine was started with platform:nested-virt.",
        persistent=False,
        since="ely",
    )
    nomigrate: bool = dynamic(
        False,
        "Whether the machine must not be suspended or moved, for which it was started with platform:nomigrate.",
        persistent=False,
        since="ely",
    )
    current_domain_type: DomainType = dynamic(
        DomainType.unspecified, "As what kind of machine it was last started; unspecified if never.", since="jura"
    )
    numa_optimised: bool = static(
        False,
        "Whether its memory was placed with regard to NUMA nodes; always false, as this is not looked at yet.",
        since="26.2.0",
        state="prototyped",
    )
    numa_nodes: int = static(
        0,
        "On how many NUMA nodes its memory lies; always 0, as this is not looked at yet.",
        since="26.2.0",
        state="prototyped",
    )
    numa_node_memory: dict[int, int] = dynamic(
        {},
        "Bytes of its memory on each NUMA node, by the node's number; always empty, as this is not looked at yet.",
        since="26.2.0",
        state="prototyped",
    )

"""The class VM_group."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import Object, Ref, Set, dynamic, inverse, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.vm import VM


class PlacementPolicy(enum.StrEnum):
    """How hosts are chosen for a group: its machines on different hosts, or as for any other."""

    anti_affinity = "anti_affinity"
    """On different hosts, as far as there are enough."""
    normal = "normal"
    """As for machines without a group."""


class VM_group(Object, roles=VM_ADMIN, since="24.19.1", state="prototyped", constructor=True):
    """Machines for which hosts are chosen with regard to each other."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    placement: PlacementPolicy = static(
        PlacementPolicy.normal,
        "Whether its machines are started apart from each other as far as hosts allow, or anywhere.",
        state="prototyped",
    )
    VMs: Set[Ref[VM]] = inverse("VM.groups", "The machines of this group.", state="prototyped")

"""Chains of images in a repository: what in them nobody needs, and which two may become one."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from xapid.datamodel import SR, VBD, VDI, VM
from xapid.datamodel.map_keys import COALESCE, GARBAGE, LEAF_COALESCE, LEAF_COALESCE_OF_DISK, PARENT
from xapid.datamodel.types import NULL, Object
from xapid.datamodel.vbd import VbdMode
from xapid.datamodel.vdi import OnBoot
from xapid.datamodel.vm import VmPowerState
from xapid.store.store import Store


class Kind(enum.Enum):
    """What is done to a volume."""

    garbage = "garbage"
    """Nobody continues it and no client sees it: it goes."""
    inner = "inner"
    """An inner node is written over the one that it continues."""
    leaf = "leaf"
    """The same of a disk, which goes on in the other's place."""


@dataclass(frozen=True)
class Step:
    """One thing that can be done."""

    kind: Kind
    vdi: VDI
    """The volume that goes, or, of a leaf, goes on in the place of the one that it continues."""
    depth: int
    """How many images the deepest disk is read through that is read through this one."""


@dataclass(frozen=True)
class Opened:
    """A drive that has a disk open."""

    vbd: VBD
    vm: VM | None


@dataclass(frozen=True)
class Trees:
    """The disks of a repository, and which of them continues which."""

    rows: Mapping[str, VDI]
    """By their uuids."""
    lower: Mapping[str, str] = field(default_factory=dict)
    """What each continues, by uuids; without those that continue nothing."""
    heirs: Mapping[str, tuple[VDI, ...]] = field(default_factory=dict)
    """Those that continue one, by its uuid."""

    @classmethod
    def of(cls, store: Store, sr: SR) -> Trees:
        rows = {vdi.uuid: vdi for vdi in store.where(VDI, SR=sr.ref)}
        if all(vdi.managed for vdi in rows.values()):
            return cls(rows)
        lower = {uuid: parent for uuid, vdi in rows.items() if (parent := PARENT.of(vdi))}
        heirs: dict[str, list[VDI]] = {}
        for uuid, parent in lower.items():
            heirs.setdefault(parent, []).append(rows[uuid])
        return cls(rows, lower, {uuid: tuple(found) for uuid, found in heirs.items()})

    def parent(self, vdi: VDI) -> VDI | None:
        return self.rows.get(self.lower.get(vdi.uuid, ""))

    def chain(self, vdi: VDI) -> list[VDI]:
        """A disk and all that it is read through, down to the one that continues none."""
        found = {vdi.uuid: vdi}
        while (below := self.parent(vdi)) is not None and below.uuid not in found:
            found[below.uuid] = vdi = below
        return list(found.values())

    def above(self, vdi: VDI) -> list[VDI]:
        """A volume and all that are read through it."""
        found = {vdi.uuid: vdi}
        last = [vdi]
        while last:
            last = [heir for each in last for heir in self.heirs.get(each.uuid, ()) if heir.uuid not in found]
            found |= {heir.uuid: heir for heir in last}
        return list(found.values())

    @cached_property
    def _lengths(self) -> dict[str, int]:
        """How many images each is read through, by its uuid."""
        found: dict[str, int] = {}
        for vdi in self.rows.values():
            passed: dict[str, None] = {}
            uuid = vdi.uuid
            # Who continues himself, as only records can say, ends there.
            while uuid in self.rows and uuid not in found and uuid not in passed:
                passed[uuid] = None
                uuid = self.lower.get(uuid, "")
            length = found.get(uuid, 0)
            for each in reversed(passed):
                length += 1
                found[each] = length
        return found

    @cached_property
    def depths(self) -> dict[str, int]:
        """How many images the disk is read through that is read through most of those above a volume, by its uuid."""
        found: dict[str, int] = {}
        for vdi in self.rows.values():
            if not self.heirs.get(vdi.uuid):
                uuid, length = vdi.uuid, self._lengths[vdi.uuid]
                while uuid in self.rows and found.get(uuid, 0) < length:
                    found[uuid] = length
                    uuid = self.lower.get(uuid, "")
        return found

    @property
    def depth(self) -> int:
        """The same of all disks; 0 where there is none."""
        return max(self.depths.values(), default=0)

    def steps(self, sr: SR) -> Iterator[Step]:
        """What can be done as far as the trees go and the repository's keys let it, in no order."""
        if not GARBAGE.of(sr):
            return
        for vdi in self.rows.values():
            kind = self._kind(vdi)
            if kind is not None and _is_wanted(sr, vdi, kind):
                yield Step(kind, vdi, self.depths.get(vdi.uuid, 0))

    def _kind(self, vdi: VDI) -> Kind | None:
        heirs = self.heirs.get(vdi.uuid, ())
        if vdi.missing or any(each.missing for each in heirs):
            return None
        if not vdi.managed and not heirs:
            return Kind.garbage
        below = self.parent(vdi)
        if below is None or below.managed or below.missing or len(self.heirs[below.uuid]) > 1:
            return None
        if not vdi.managed:
            return Kind.inner
        # What is laid beneath a disk that begins anew with each start is what it begins with.
        keeps = vdi.on_boot is OnBoot.reset or vdi.allow_caching or vdi.cbt_enabled or heirs
        return None if keeps else Kind.leaf


def _is_wanted(sr: SR, vdi: VDI, kind: Kind) -> bool:
    match kind:
        case Kind.garbage:
            return True
        case Kind.inner:
            return COALESCE.of(sr)
        case Kind.leaf:
            said = LEAF_COALESCE_OF_DISK.of(vdi)
            return COALESCE.of(sr) and said != "false" and (LEAF_COALESCE.of(sr) or said == "force")


def in_order(steps: Iterator[Step]) -> list[Step]:
    """Garbage first, then where chains are longest, and there what is written soonest; disks themselves last, for what
    is written into them would be written again with them.
    """
    rank = {kind: number for number, kind in enumerate(Kind)}
    return sorted(steps, key=lambda step: (rank[step.kind], -step.depth, step.vdi.physical_utilisation, step.vdi.uuid))


def opened(store: Store, tree: list[VDI]) -> Iterator[Opened]:
    """Who has any of these disks open, or keeps it for a machine that is suspended."""
    for vdi in tree:
        for vbd in store.where(VBD, VDI=vdi.ref):
            if vbd.currently_attached:
                yield Opened(vbd, store.find(VM, vbd.VM))


def is_asleep(each: Opened) -> bool:
    """Whether it belongs to a machine that is suspended, which has nothing open, and wants it as it was."""
    return each.vm is not None and each.vm.power_state is VmPowerState.Suspended


def busy(store: Store, tree: list[VDI], but: str = "") -> Object | None:
    """One of these disks, of the drives that hold them or of their machines with which something goes on.

    ``but``: a task whose marks do not count.
    """
    for vdi in tree:
        drives = store.where(VBD, VDI=vdi.ref)
        machines = [vm for vm in (store.find(VM, vbd.VM) for vbd in drives if vbd.VM != NULL) if vm is not None]
        for row in (vdi, *drives, *machines):
            if any(task != but for task in row.__dict__["current_operations"]):
                return row
    return None


@dataclass(frozen=True)
class Way:
    """How a step can be done now."""

    through: Opened | None = None
    """The drive of the one running machine that reads the volumes, whose datapath has to do it; None: nobody does."""


def way(store: Store, trees: Trees, step: Step, but: str = "") -> Way | None:
    """How a step can be done now; None: not before somebody is done with these disks, or has closed them.

    ``but``: a task whose marks do not count.
    """
    lowest = trees.parent(step.vdi) if step.kind is not Kind.garbage else None
    tree = trees.above(step.vdi if lowest is None else lowest)
    users = opened(store, tree)
    if step.kind is Kind.leaf:
        found = Way() if next(users, None) is None else None
    else:
        # No more than two are looked for: of a template there may be thousands.
        awake = list(islice((each for each in users if not is_asleep(each)), 2))
        found = Way() if not awake else None
        if len(awake) == 1 and step.kind is Kind.inner and _is_of_a_guest(awake[0]):
            found = Way(awake[0])
    return None if found is None or busy(store, tree, but) is not None else found


def _is_of_a_guest(each: Opened) -> bool:
    vm = each.vm
    runs = vm is not None and vm.power_state in (VmPowerState.Running, VmPowerState.Paused)
    return runs and vm is not None and not vm.is_control_domain and each.vbd.mode is VbdMode.RW


def touched(store: Store, row: Object) -> list[VDI]:
    """The disks that an operation on an object may open, close or change."""
    match row:
        case VDI():
            return [row]
        case VBD():
            return [vdi for vdi in [store.find(VDI, row.VDI)] if vdi is not None]
        case VM():
            found = (store.find(VDI, vbd.VDI) for vbd in store.where(VBD, VM=row.ref))
            return [vdi for vdi in found if vdi is not None]
        case SR():
            return store.where(VDI, SR=row.ref)
    return []

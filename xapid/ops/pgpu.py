"""Messages of class PGPU: graphics processors of hosts, which guests get whole or in shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

from xapid.datamodel import PCI, PGPU, VGPU, GPU_group, Host, VGPU_type
from xapid.datamodel.errors import (
    FEATURE_RESTRICTED,
    PGPU_IN_USE_BY_VM,
    PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP,
    VGPU_TYPE_NOT_SUPPORTED,
)
from xapid.datamodel.pci import PciDom0Access
from xapid.datamodel.types import Ref
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.ops.pci_access import let_host_use
from xapid.rules import gpu
from xapid.rules.features import restricted
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction

WHOLE = "0001:passthrough"
"""How the kind of virtual GPU is identified that is a whole physical one."""


class Graphics(NamedTuple):
    """A graphics card that was found."""

    pci: PCI
    access: PciDom0Access
    shows_console: bool


# --- Records -----------------------------------------------------------------------------------------


def follow(store: Store, tx: Transaction, host: Host, found: Mapping[Ref[PCI], Graphics]) -> None:
    """Records of the graphics cards of a host follow those that were found. What a card serves newly it may serve."""
    known = {row.PCI: row for row in store.where(PGPU, host=host.ref)}
    groups: set[Ref[GPU_group]] = set()
    for ref, card in found.items():
        row = known.pop(ref, None)
        kinds = _kinds(store, tx, host, card)
        before = () if row is None else row.supported_VGPU_types
        enabled = () if row is None else row.enabled_VGPU_types
        values: dict[str, Any] = {
            "dom0_access": card.access,
            "is_system_display_device": card.shows_console,
            "supported_VGPU_types": kinds,
            "supported_VGPU_max_capacities": dict.fromkeys(kinds, 1),
            "enabled_VGPU_types": tuple(each for each in kinds if each in enabled or each not in before),
        }
        if row is None:
            row = tx.create(PGPU, PCI=ref, host=host.ref, GPU_group=_group(store, tx, card.pci))
        groups.add(tx.set(row, **values).GPU_group)
    for row in known.values():
        groups.add(row.GPU_group)
        tx.delete(row)
    for each in groups:
        sum_up(store, tx, each)


def _kinds(store: Store, tx: Transaction, host: Host, card: Graphics) -> tuple[Ref[VGPU_type], ...]:
    """The kinds of virtual GPUs that a card could serve: the whole of it, unless the host needs it."""
    if not gpu.can_be_given_whole(host.display, card.access, shows_console=card.shows_console):
        return ()
    return (whole_kind(store, tx).ref,)


def whole_kind(store: Store, tx: Transaction) -> VGPU_type:
    """The kind of virtual GPU that is a whole physical one."""
    found = next((each for each in store.all(VGPU_type) if each.identifier == WHOLE), None)
    return found or tx.create(
        VGPU_type, model_name="passthrough", identifier=WHOLE, implementation=VgpuTypeImplementation.passthrough
    )


def _group(store: Store, tx: Transaction, pci: PCI) -> Ref[GPU_group]:
    """The group of all cards of a type."""
    kind = _type(pci)
    for group in store.all(GPU_group):
        if tuple(group.GPU_types) == (kind,):
            return group.ref
    name = f"Group of {pci.vendor_name} {pci.device_name} GPUs"
    return tx.create(GPU_group, name_label=name, GPU_types=(kind,)).ref


def _type(pci: PCI) -> str:
    return f"{pci.vendor_id}/{pci.device_id}"


def sum_up(store: Store, tx: Transaction, group: Ref[GPU_group]) -> None:
    """A group could and may serve what any of its cards could and may."""
    row = store.find(GPU_group, group)
    if row is not None:
        cards = store.where(PGPU, GPU_group=group)
        tx.set(
            row,
            supported_VGPU_types=_union(card.supported_VGPU_types for card in cards),
            enabled_VGPU_types=_union(card.enabled_VGPU_types for card in cards),
        )


def _union(sets: Iterable[Iterable[Ref[VGPU_type]]]) -> tuple[Ref[VGPU_type], ...]:
    return tuple(dict.fromkeys(kind for kinds in sets for kind in kinds))


# --- What it may serve -------------------------------------------------------------------------------


def add_enabled_VGPU_types(ctx: Context, self: PGPU, value: VGPU_type) -> None:
    _enable(ctx, self, (*self.enabled_VGPU_types, value.ref))


def remove_enabled_VGPU_types(ctx: Context, self: PGPU, value: VGPU_type) -> None:
    # One that is not enabled may be served still.
    _refuse_served(ctx.store, self, {value.ref})
    _enable(ctx, self, tuple(each for each in self.enabled_VGPU_types if each != value.ref))


def set_enabled_VGPU_types(ctx: Context, self: PGPU, value: tuple[Ref[VGPU_type], ...]) -> None:
    _enable(ctx, self, tuple(value))


def _enable(ctx: Context, card: PGPU, kinds: tuple[Ref[VGPU_type], ...]) -> None:
    before = set(card.enabled_VGPU_types)
    for kind in kinds:
        if kind not in before and kind not in card.supported_VGPU_types:
            raise VGPU_TYPE_NOT_SUPPORTED(kind, *card.supported_VGPU_types)
    _refuse_served(ctx.store, card, before - set(kinds))
    with ctx.write() as tx:
        tx.set(card, enabled_VGPU_types=tuple(dict.fromkeys(kinds)))
        sum_up(ctx.store, tx, card.GPU_group)


def _refuse_served(store: Store, card: PGPU, kinds: Set[Ref[VGPU_type]]) -> None:
    """Raises PGPU_IN_USE_BY_VM for kinds of which it serves one now."""
    vms = [vgpu.VM for vgpu in store.where(VGPU, resident_on=card.ref) if vgpu.type in kinds]
    if vms:
        raise PGPU_IN_USE_BY_VM(*vms)


def set_GPU_group(ctx: Context, self: str, value: GPU_group) -> None:
    """Raises PGPU_IN_USE_BY_VM, and PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP where the group is of another type."""
    card = ctx.store.get(PGPU, self)
    vms = [vgpu.VM for vgpu in ctx.store.where(VGPU, resident_on=card.ref)]
    if vms:
        raise PGPU_IN_USE_BY_VM(*vms)
    kind = _type(ctx.store.get(PCI, card.PCI))
    if value.GPU_types and kind not in value.GPU_types:
        raise PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP(kind, f"[{', '.join(value.GPU_types)}]")
    with ctx.write() as tx:
        tx.set(card, GPU_group=value.ref)
        tx.set(value, GPU_types=value.GPU_types or (kind,))
        for group in {card.GPU_group, value.ref}:
            sum_up(ctx.store, tx, group)


def get_remaining_capacity(ctx: Context, self: str, vgpu_type: Ref[VGPU_type]) -> int:
    """How many more guests a processor can serve. One that is not known serves nobody."""
    card = ctx.store.find(PGPU, self)
    return gpu.remaining_capacity(ctx.store, card, vgpu_type) if card is not None else 0


# --- Deprecated: PCI has the same ---------------------------------------------------------------------


async def enable_dom0_access(ctx: Context, self: PGPU) -> PciDom0Access:
    return await let_host_use(ctx, ctx.store.get(PCI, self.PCI), True)


async def disable_dom0_access(ctx: Context, self: PGPU) -> PciDom0Access:
    if restricted(ctx.store, "integrated_gpu_passthrough"):
        raise FEATURE_RESTRICTED()
    return await let_host_use(ctx, ctx.store.get(PCI, self.PCI), False)

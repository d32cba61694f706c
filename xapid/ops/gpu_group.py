"""Messages of class GPU_group: graphics processors of one kind, from which guests get a share."""

from __future__ import annotations

from xapid.datamodel import PGPU, VGPU, GPU_group, VGPU_type
from xapid.datamodel.errors import GPU_GROUP_CONTAINS_PGPU, GPU_GROUP_CONTAINS_VGPU
from xapid.ops.pgpu import sum_up
from xapid.rules.gpu import remaining_capacity
from xapid.runtime.context import Context


def create(ctx: Context, name_label: str, name_description: str, other_config: dict[str, str]) -> str:
    with ctx.write() as tx:
        group = tx.create(
            GPU_group, name_label=name_label, name_description=name_description, other_config=other_config
        )
    return str(group.ref)


def destroy(ctx: Context, self: GPU_group) -> None:
    """Raises what is still in the group."""
    used = [row.ref for row in ctx.store.where(VGPU, GPU_group=self.ref)]
    if used:
        raise GPU_GROUP_CONTAINS_VGPU(*used)
    members = [row.ref for row in ctx.store.where(PGPU, GPU_group=self.ref)]
    if members:
        raise GPU_GROUP_CONTAINS_PGPU(*members)
    with ctx.write() as tx:
        tx.delete(self)


# --- What its cards could and may serve --------------------------------------------------------------


def update_supported_VGPU_types(ctx: Context, self: GPU_group) -> None:
    with ctx.write() as tx:
        sum_up(ctx.store, tx, self.ref)


def update_enabled_VGPU_types(ctx: Context, self: GPU_group) -> None:
    with ctx.write() as tx:
        sum_up(ctx.store, tx, self.ref)


def get_remaining_capacity(ctx: Context, self: GPU_group, vgpu_type: VGPU_type) -> int:
    """How many more virtual GPUs of a kind the group could serve."""
    return sum(remaining_capacity(ctx.store, card, vgpu_type.ref) for card in ctx.store.where(PGPU, GPU_group=self.ref))

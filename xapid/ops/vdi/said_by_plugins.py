"""What storage plug-ins, and nobody else, say of the disks in the repository that they work on."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import SR, VBD, VDI
from xapid.datamodel.types import NULL, DateTime
from xapid.datamodel.vbd import VbdType
from xapid.datamodel.vdi import VdiType
from xapid.ops import repositories
from xapid.ops.vdi import records
from xapid.runtime.context import Context


def db_introduce(
    ctx: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    sr: SR,
    vdi_type: VdiType,
    sharable: bool,
    read_only: bool,
    other_config: dict[str, str],
    location: str,
    xenstore_data: dict[str, str],
    sm_config: dict[str, str],
    managed: bool,
    virtual_size: int,
    physical_utilisation: int,
    metadata_of_pool: str,
    is_a_snapshot: bool,
    snapshot_time: DateTime,
    snapshot_of: str,
    cbt_enabled: bool,
) -> str:
    """A record of a volume that the plug-in has made or found."""
    repositories.assert_its_driver(ctx, sr.ref)
    ref = records.pool_introduce(
        ctx,
        uuid,
        name_label,
        name_description,
        sr,
        vdi_type,
        sharable,
        read_only,
        other_config,
        location,
        xenstore_data,
        sm_config,
        managed,
        virtual_size,
        physical_utilisation,
        metadata_of_pool,
        is_a_snapshot,
        snapshot_time,
        snapshot_of,
    )
    if cbt_enabled:
        ctx.change(ctx.store.get(VDI, ref), cbt_enabled=True)
    return ref


def db_forget(ctx: Context, vdi: VDI) -> None:
    """The volume is gone. CD drives that hold it, and are not in use, are empty then."""
    repositories.assert_its_driver(ctx, vdi.SR)
    with ctx.write() as tx:
        for vbd in ctx.store.where(VBD, VDI=vdi.ref):
            if vbd.type is VbdType.CD and not vbd.currently_attached:
                tx.set(vbd, VDI=NULL, empty=True)
        tx.delete(vdi)


def set_read_only(ctx: Context, self: VDI, value: bool) -> None:
    _say(ctx, self, read_only=value)


def set_sharable(ctx: Context, self: VDI, value: bool) -> None:
    _say(ctx, self, sharable=value)


def set_managed(ctx: Context, self: VDI, value: bool) -> None:
    _say(ctx, self, managed=value)


def set_missing(ctx: Context, self: VDI, value: bool) -> None:
    _say(ctx, self, missing=value)


def set_cbt_enabled(ctx: Context, self: VDI, value: bool) -> None:
    _say(ctx, self, cbt_enabled=value)


def set_virtual_size(ctx: Context, self: VDI, value: int) -> None:
    _say(ctx, self, virtual_size=value)


def set_physical_utilisation(ctx: Context, self: VDI, value: int) -> None:
    _say(ctx, self, physical_utilisation=value)


def set_metadata_of_pool(ctx: Context, self: VDI, value: str) -> None:
    _say(ctx, self, metadata_of_pool=value)


def set_is_a_snapshot(ctx: Context, self: VDI, value: bool) -> None:
    _say(ctx, self, is_a_snapshot=value)


def set_snapshot_of(ctx: Context, self: VDI, value: str) -> None:
    _say(ctx, self, snapshot_of=value)


def set_snapshot_time(ctx: Context, self: VDI, value: DateTime) -> None:
    _say(ctx, self, snapshot_time=value)


def _say(ctx: Context, vdi: VDI, **facts: Any) -> None:
    repositories.assert_its_driver(ctx, vdi.SR)
    ctx.change(vdi, **facts)

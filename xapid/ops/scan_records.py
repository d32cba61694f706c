"""Records of disks made to agree with what a scan found in a repository."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from xapid.backends.storage.interface import SrFigures, SrScan, Volume
from xapid.datamodel import PBD, SR, VDI
from xapid.datamodel.map_keys import DIRTY
from xapid.datamodel.vdi import VdiType
from xapid.ops.repositories import Repository
from xapid.rules import usb, volume_spec
from xapid.runtime.context import Context
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction


def set_figures(tx: Transaction, sr: SR, figures: SrFigures) -> None:
    """What an SR says of its space."""
    tx.set(
        sr,
        physical_size=figures.physical_size,
        physical_utilisation=figures.physical_utilisation,
        virtual_allocation=figures.virtual_allocation,
    )


def record(ctx: Context, tx: Transaction, repository: Repository, found: SrScan, began: int) -> None:
    """What a scan found, that was asked for at the generation ``began``."""
    sr = ctx.now(repository.row)
    if not repository.channel.keeps_records:
        reconcile(tx, ctx.store, sr, found, began, ctx.runtime.unborn)
        return
    virtual = sum(vdi.virtual_size for vdi in ctx.store.where(VDI, SR=sr.ref))
    set_figures(tx, sr, replace(found.figures, virtual_allocation=virtual))
    _owe_nothing(tx, sr)


def reconcile(tx: Transaction, store: Store, sr: SR, found: SrScan, began: int, unborn: Container[str]) -> None:
    """Records of disks after a scan: vanished ones go, new ones come, damaged ones are marked as missing, and the rest
    say what is true now.

    ``began``: the generation at which the scan was asked for; what was recorded since it may not have seen. ``unborn``:
    uuids of volumes that somebody makes and will record.
    """
    rows = {vdi.ref: vdi for vdi in store.where(VDI, SR=sr.ref)}
    by_uuid = {vdi.uuid: vdi for vdi in rows.values()}
    by_location = {vdi.location: vdi for vdi in rows.values()}
    uuid_of = {volume.key: volume.uuid for volume in found.volumes}
    given = usb.given_ports(store, {pbd.host for pbd in store.where(PBD, SR=sr.ref)})
    for volume in found.volumes:
        if volume.usb_port in given:
            continue
        parent = uuid_of.get(volume.parent, "")
        row = by_uuid.get(volume.uuid) or by_location.get(volume.key)
        if row is None:
            if volume.uuid not in unborn:
                take_up(tx, store, sr, volume, parent)
            continue
        rows.pop(row.ref, None)
        tx.set(row, missing=False, read_only=volume.read_only, **volume_spec.facts(volume, row.sm_config, parent))
        if volume.dropped:
            tx.set(row, type=VdiType.cbt_metadata)
    damaged, unread = frozenset(found.damaged), 0
    for vdi in rows.values():
        if vdi.location in damaged:
            # Whoever mends the file gets the disk back as it was; a deleted record nobody can bring back.
            tx.set(vdi, missing=True)
            unread += vdi.virtual_size
        elif vdi._created <= began:
            tx.delete(vdi)
    virtual = found.figures.virtual_allocation + unread
    set_figures(tx, store.get(SR, sr.ref), replace(found.figures, virtual_allocation=virtual))
    _owe_nothing(tx, sr)


def _owe_nothing(tx: Transaction, sr: SR) -> None:
    if DIRTY.of(sr):
        tx.set(sr, other_config={key: value for key, value in sr.other_config.items() if key != DIRTY.name})


def take_up(tx: Transaction, store: Store, sr: SR, volume: Volume, parent: str) -> None:
    """Record a volume that has no record. ``parent``: the uuid of the one that it continues."""
    uuid = volume.uuid if volume.uuid not in store.uuids else new_uuid()
    tx.create(
        VDI,
        uuid=uuid,
        SR=sr.ref,
        name_label=volume_spec.BASE_COPY if volume.hidden else volume.name,
        type=VdiType.cbt_metadata if volume.dropped else VdiType.user,
        cbt_enabled=volume.tracked,
        read_only=volume.read_only,
        managed=not volume.hidden,
        **volume_spec.facts(volume, {}, parent),
    )

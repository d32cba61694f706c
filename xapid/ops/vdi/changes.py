"""Which blocks of a disk change: noted from a moment on, told between two snapshots, kept when their data is not."""

from __future__ import annotations

import asyncio
import base64

from xapid.backends.storage.interface import StorageDriver
from xapid.datamodel import SR, VBD, VDI, Network
from xapid.datamodel.errors import NOT_IMPLEMENTED, VDI_IN_USE, VDI_INCOMPATIBLE_TYPE
from xapid.datamodel.map_keys import PARENT
from xapid.datamodel.network import NetworkPurpose
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.vdi import VdiOperations, VdiType
from xapid.ops import repositories
from xapid.ops.vdi.disks import remove_drive
from xapid.rules import volume_spec
from xapid.rules.vdi import TYPE_WORDS
from xapid.runtime.context import Context

PATIENCE = 4.0
"""Seconds in which drives that have a snapshot open can let go of it, before its data is destroyed."""
LOOKS = 40


async def enable_cbt(ctx: Context, self: VDI) -> None:
    await _track(ctx, self, True, StorageOperations.vdi_enable_cbt, VdiOperations.enable_cbt)


async def disable_cbt(ctx: Context, self: VDI) -> None:
    await _track(ctx, self, False, StorageOperations.vdi_disable_cbt, VdiOperations.disable_cbt)


async def _track(ctx: Context, vdi: VDI, on: bool, sr_mark: StorageOperations, mark: VdiOperations) -> None:
    sr = ctx.store.get(SR, vdi.SR)
    async with repositories.marked(ctx, [(sr, sr_mark), (vdi, mark)]):
        latest = ctx.now(vdi)
        if latest.cbt_enabled is on:
            return
        repository = repositories.of(ctx, sr)
        await repository.channel.call(StorageDriver.track, repository.volume(latest), on)
        with ctx.write() as tx:
            tx.set(ctx.now(vdi), cbt_enabled=on)


async def list_changed_blocks(ctx: Context, vdi_from: VDI, vdi_to: VDI) -> str:
    """A bitmap in base64: a bit for each 64 KiB, the first in the highest of the first byte."""
    sr = ctx.store.get(SR, vdi_to.SR)
    marks = [(sr, StorageOperations.vdi_list_changed_blocks), (vdi_to, VdiOperations.list_changed_blocks)]
    async with repositories.marked(ctx, marks):
        repository = repositories.of(ctx, sr)
        volumes = repository.volume(ctx.now(vdi_from)), repository.volume(ctx.now(vdi_to))
        return base64.b64encode(await repository.channel.call(StorageDriver.changed_blocks, *volumes)).decode()


async def data_destroy(ctx: Context, self: VDI) -> None:
    """Destroy what a snapshot holds; what changed up to it stays known. The drives that hold it go."""
    sr = ctx.store.get(SR, self.SR)
    marks = [(sr, StorageOperations.vdi_data_destroy), (self, VdiOperations.data_destroy)]
    async with repositories.marked(ctx, marks):
        if ctx.now(self).type is VdiType.cbt_metadata:
            return
        await _let_go(ctx, self)
        repository, latest = repositories.of(ctx, sr), ctx.now(self)
        left = await repository.channel.call(StorageDriver.drop_data, repository.volume(latest))
        with ctx.write() as tx:
            latest = ctx.now(self)
            if repository.channel.keeps_records:
                # What is left of it is said by its plug-in.
                for vbd in ctx.store.where(VBD, VDI=latest.ref):
                    remove_drive(tx, ctx.store, vbd)
                tx.set(latest, type=VdiType.cbt_metadata)
                return
            virtual, freed = latest.virtual_size - left.size, latest.physical_utilisation - left.physical
            for parent in volume_spec.unreferenced_parents(ctx.store, latest):
                virtual, freed = virtual + parent.virtual_size, freed + parent.physical_utilisation
                tx.delete(parent)
            for vbd in ctx.store.where(VBD, VDI=latest.ref):
                remove_drive(tx, ctx.store, vbd)
            config = {key: value for key, value in latest.sm_config.items() if key != PARENT.name}
            tx.set(latest, type=VdiType.cbt_metadata, **volume_spec.facts(left, config))
            repositories.add_to_figures(tx, ctx.store, sr, -virtual, -freed)


async def _let_go(ctx: Context, vdi: VDI) -> None:
    """Wait until no drive has the snapshot open. Raises VDI_IN_USE."""
    for _ in range(LOOKS):
        if not any(vbd.currently_attached for vbd in ctx.store.where(VBD, VDI=vdi.ref)):
            return
        await asyncio.sleep(PATIENCE / LOOKS)
    raise VDI_IN_USE(vdi.ref, VdiOperations.data_destroy)


def get_nbd_info(ctx: Context, self: VDI) -> list[dict[str, str]]:
    """Where the disk can be read over the network: nowhere, unless a network serves that purpose."""
    if self.type is VdiType.cbt_metadata:
        raise VDI_INCOMPATIBLE_TYPE(self.ref, TYPE_WORDS[self.type])
    wanted = {NetworkPurpose.nbd, NetworkPurpose.insecure_nbd}
    if any(wanted & set(network.purpose) for network in ctx.store.all(Network)):
        raise NOT_IMPLEMENTED("VDI.get_nbd_info")
    ctx.shown_class(Network)
    return []
